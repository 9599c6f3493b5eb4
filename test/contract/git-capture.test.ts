import { execFileSync } from 'node:child_process'
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeLab, makeTar, tarOf, type GitLab, type TarFile } from './gitFixture.ts'

const LIMIT_BYTES = 1_000_000

describe('capturing a work tree', () => {
  it('takes what is new, deleted, renamed, binary, executable, linked and oddly named, as git itself would', async () => {
    const lab = await makeLab({
      keep: 'k\n',
      gone: 'g\n',
      'old.txt': 'content\n',
      run: '#!/bin/sh\n',
      'sub/deep/file': 'x',
    })
    const { source } = lab
    const initialTree = lab.tree()
    for (const path of ['gone', 'old.txt']) await rm(join(source, path))
    execFileSync('chmod', ['+x', join(source, 'run')])
    const odd = [
      'with space',
      'quote"s',
      "apostrophe's",
      'tab\there',
      'line\nbreak',
      'back\\slash',
      'é/ü',
      '-dash',
      ':(top)',
      'trail ',
      `${'long/'.repeat(40)}name-${'n'.repeat(120)}`,
    ]
    for (const name of odd) {
      await mkdir(join(source, name, '..'), { recursive: true })
      await writeFile(join(source, name), `in ${name}\nno newline at the end`)
    }
    await writeFile(join(source, 'new.txt'), 'content\n')
    await writeFile(join(source, 'binary'), Buffer.from(Array.from({ length: 3000 }, (_, index) => index % 256)))
    await writeFile(join(source, 'empty'), '')
    await writeFile(join(source, 'crlf'), 'a\r\nb\r\n')
    await writeFile(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0x66, 0xff, 0xfe])]), 'latin name')
    await symlink('../outside with space', join(source, 'link'))
    await symlink('nowhere', join(source, 'sub/dangling'))
    await mkdir(join(source, 'hollow'))
    const expected = stageAll(lab)
    for (const format of ['gnu', 'pax'] as const) {
      if (format === 'pax') await rm(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0x66, 0xff, 0xfe])]))
      const captured = await lab.repository.captureTree(tarOf(source, format), { initialTree, limitBytes: LIMIT_BYTES })
      expect(captured).toEqual({ tree: format === 'gnu' ? expected : stageAll(lab), leftOut: [] })
    }
    const { tree } = await lab.repository.captureTree(tarOf(source, 'gnu'), { initialTree, limitBytes: LIMIT_BYTES })
    const kinds = (await lab.repository.changes(initialTree, tree)).map(({ path, kind }) => `${kind} ${path}`)
    expect(kinds).toEqual(
      expect.arrayContaining([
        'deleted gone',
        'renamed new.txt',
        'mode-changed run',
        'added tab\there',
        'added line\nbreak',
      ]),
    )
    const patch = await lab.repository.patch(initialTree, tree)
    expect(await lab.repository.applyPatch(initialTree, patch)).toBe(tree)
  })

  it('is the same tree again when nothing was done, in a repository with every kind of entry', async () => {
    const lab = await makeLab({
      '.gitignore': 'tracked.log\n*.big\n',
      'tracked.log': 'kept though ignored\n',
      'a.big': 'b'.repeat(5_000),
      'd/e': '',
    })
    lab.git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},vendor/lib`)
    const initialTree = lab.git('write-tree')
    const captured = await lab.repository.captureTree(tarOf(lab.source, 'gnu'), { initialTree, limitBytes: 1_000 })
    expect(captured).toEqual({ tree: initialTree, leftOut: [] })
  })

  it('keeps a submodule and leaves out what lies in its folder, as git does, but takes a file in its place', async () => {
    const lab = await makeLab()
    lab.git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},vendor/lib`)
    const initialTree = lab.git('write-tree')
    const options = { initialTree, limitBytes: LIMIT_BYTES }
    const inside = makeTar([
      { name: './a.txt', content: 'one\n' },
      { name: './vendor/lib/code.py', content: 'x' },
      { name: './vendor/lib/deep/code.py', content: 'x' },
    ])
    const leftOut = [{ path: 'vendor/lib/', reason: 'submodule' }]
    const expected = await lab.repository.captureTree(makeTar([{ name: './a.txt', content: 'one\n' }]), options)
    expect(await lab.repository.captureTree(inside, options)).toEqual({ tree: expected.tree, leftOut })
    const place = makeTar([{ name: './vendor/lib', content: 'a file' }])
    const { tree } = await lab.repository.captureTree(place, options)
    expect(await lab.repository.listTree(tree)).toMatchObject([{ path: 'vendor/lib', mode: '100644' }])
  })

  it('leaves out and names ignored files, as git does by the files of every level', async () => {
    const ignores = {
      '.gitignore': '# comment\n*.log\n!keep.log\n/build/\ndocs/*.tmp\nCase.txt\n\\#hash\nspace\\ \n',
      'sub/.gitignore': '!again.log\n/only-here\ndeep/inner.x\nout\r\n',
      'sub/out/.gitignore': '!file\n',
      'lift/.gitignore': '!build\n!*.log\n*.o\n',
      'odd [x]/.gitignore': 'y\n',
    }
    const lab = await makeLab({ ...ignores, 'tracked.log': 'x', 'sub/t': '' })
    const initialTree = lab.tree()
    const paths = [
      ...[
        'a.log',
        'keep.log',
        'build/x',
        'build/y/z',
        'sub/build/x',
        'docs/a.tmp',
        'docs/b/a.tmp',
        'case.txt',
        'Case.txt',
        '#hash',
        'space ',
        'space',
      ],
      ...[
        'sub/again.log',
        'sub/no.log',
        'sub/only-here',
        'sub/more/only-here',
        'sub/deep/inner.x',
        'sub/more/deep/inner.x',
        'sub/out/file',
      ],
      ...['lift/build/x', 'lift/build/x.o', 'lift/a.log', 'odd [x]/y', 'odd [x]/z', 'oddx/y', 'x.log/keep.log'],
    ]
    for (const path of paths) {
      await mkdir(join(lab.source, path, '..'), { recursive: true })
      await writeFile(join(lab.source, path), path)
    }
    await writeFile(join(lab.source, 'tracked.log'), 'changed')
    lab.git('add', '-A')
    const expected = lab.git('write-tree')
    const captured = await lab.repository.captureTree(tarOf(lab.source, 'gnu'), {
      initialTree,
      limitBytes: LIMIT_BYTES,
    })
    expect(captured.tree).toBe(expected)
    expect(captured.leftOut.every(({ reason }) => reason === 'ignored')).toBe(true)
    const named = captured.leftOut.map(({ path }) => path)
    const taken = new Set((await lab.repository.listTree(captured.tree)).map(({ path }) => path))
    for (const path of paths) {
      const isNamed = named.some((name) => name === path || (name.endsWith('/') && path.startsWith(name)))
      expect([path, isNamed]).toEqual([path, !taken.has(path)])
    }
  })

  it('goes by the ignore files of the initial tree, not by those that the agent wrote', async () => {
    const lab = await makeLab({ '.gitignore': 'secret\n' })
    const tar = makeTar([{ name: '.gitignore', content: '*.py\n' }, { name: 'secret' }, { name: 'a.py', content: 'x' }])
    const { tree, leftOut } = await lab.repository.captureTree(tar, {
      initialTree: lab.tree(),
      limitBytes: LIMIT_BYTES,
    })
    expect((await lab.repository.listTree(tree)).map(({ path }) => path)).toEqual(['.gitignore', 'a.py'])
    expect(leftOut).toEqual([{ path: 'secret', reason: 'ignored' }])
  })

  it('leaves out everything named .git at any depth and in any case, and what is no file', async () => {
    const lab = await makeLab()
    const files: TarFile[] = [
      { name: './', type: 'directory' },
      { name: './a.txt', content: 'one\n' },
      { name: './.git/', type: 'directory' },
      { name: './.git/config', content: '[core]\n\tfsmonitor = touch /tmp/owned\n' },
      { name: './sub/.GIT/hooks/pre-commit', content: '#!/bin/sh\n', mode: 0o755 },
      { name: './mod/.git', content: 'gitdir: ../.git\n' },
      { name: './lnk/.gIt', type: 'symlink', target: '/etc' },
      { name: './.gitmodules', type: 'symlink', target: '.git/config' },
      { name: './.github/x', content: 'kept' },
      { name: './pipe', type: 'fifo' },
      { name: './dev', type: 'character-device' },
      { name: '../escape', content: 'x' },
      { name: './sub/../../escape', content: 'x' },
      { name: '/etc/passwd', content: 'x' },
    ]
    const captured = await lab.repository.captureTree(makeTar(files), {
      initialTree: lab.tree(),
      limitBytes: LIMIT_BYTES,
    })
    expect((await lab.repository.listTree(captured.tree)).map(({ path }) => path)).toEqual(['.github/x', 'a.txt'])
    expect(captured.leftOut.map(({ path, reason }) => `${reason} ${path}`)).toEqual([
      'special-file ../escape',
      'special-file ./sub/../../escape',
      'git-directory .git/',
      'special-file .gitmodules',
      'special-file /etc/passwd',
      'special-file dev',
      'git-directory lnk/.gIt',
      'git-directory mod/.git',
      'special-file pipe',
      'git-directory sub/.GIT/',
    ])
  })

  it('leaves out files over the limit, but deletes or changes no tracked one for its size', async () => {
    const lab = await makeLab({ same: 's'.repeat(200), grown: 'small\n', small: 'x' })
    const tar = makeTar([
      { name: 'same', content: 's'.repeat(200), mode: 0o755 },
      { name: 'grown', content: 'g'.repeat(300) },
      { name: 'small', content: 'y' },
      { name: 'new', content: 'n'.repeat(101) },
      { name: 'fits', content: 'n'.repeat(100) },
    ])
    const { tree, leftOut } = await lab.repository.captureTree(tar, { initialTree: lab.tree(), limitBytes: 100 })
    expect(leftOut).toEqual([
      { path: 'grown', reason: 'too-large' },
      { path: 'new', reason: 'too-large' },
    ])
    expect((await lab.repository.listTree(tree)).map(({ path, mode }) => `${mode} ${path}`)).toEqual([
      '100644 fits',
      '100644 grown',
      '100755 same',
      '100644 small',
    ])
    expect(String(await lab.repository.readFile(tree, 'grown'))).toBe('small\n')
  })

  it('gives a hard link the content that it shares', async () => {
    const lab = await makeLab()
    const tar = makeTar([
      { name: './first', content: 'shared', mode: 0o755 },
      { name: './second', type: 'link', target: './first', mode: 0o755 },
      { name: './third', type: 'link', target: 'nowhere' },
      { name: './a.txt', type: 'link', target: 'nowhere' },
    ])
    const { tree, leftOut } = await lab.repository.captureTree(tar, {
      initialTree: lab.tree(),
      limitBytes: LIMIT_BYTES,
    })
    expect((await lab.repository.listTree(tree)).map(({ path, mode }) => `${mode} ${path}`)).toEqual([
      '100644 a.txt',
      '100755 first',
      '100755 second',
    ])
    expect(String(await lab.repository.readFile(tree, 'second'))).toBe('shared')
    expect(leftOut.map(({ path }) => path)).toEqual(['a.txt', 'third'])
  })

  it('lets the later of two entries stand that cannot both be', async () => {
    const lab = await makeLab()
    const tar = makeTar([
      { name: 'a', type: 'symlink', target: '/etc' },
      { name: 'a/passwd', content: 'mine' },
      { name: 'b/c', content: 'c' },
      { name: 'b', content: 'b' },
      { name: 'twice', content: '1' },
      { name: 'twice', content: '2' },
    ])
    const { tree } = await lab.repository.captureTree(tar, { initialTree: lab.tree(), limitBytes: LIMIT_BYTES })
    expect((await lab.repository.listTree(tree)).map(({ path }) => path)).toEqual(['a/passwd', 'b', 'twice'])
    expect(String(await lab.repository.readFile(tree, 'twice'))).toBe('2')
  })

  it('fails on a tar that breaks off, even between two entries, and leaves nothing behind', async () => {
    const lab = await makeLab()
    const options = { initialTree: lab.tree(), limitBytes: LIMIT_BYTES }
    const whole = Buffer.concat(
      await makeTar([
        { name: 'a', content: 'x'.repeat(700) },
        { name: 'b', content: 'y' },
      ]).toArray(),
    )
    for (const bytes of [300, 512, 900, 512 + 1024, whole.length - 1024, 0]) {
      const capturing = lab.repository.captureTree(
        Readable.from([whole.subarray(0, bytes)], { objectMode: false }),
        options,
      )
      await expect(capturing).rejects.toMatchObject({ kind: 'failed' })
    }
    const broken = Readable.from(
      (async function* () {
        yield whole.subarray(0, 600)
        throw new Error('the sandbox is gone')
      })(),
    )
    await expect(lab.repository.captureTree(broken, options)).rejects.toThrow('the sandbox is gone')
    await expect(lab.repository.captureTree(Readable.from([Buffer.alloc(2048, 'x')]), options)).rejects.toMatchObject({
      kind: 'failed',
    })
    expect(await readdir(join(lab.cacheDir, 'aside'))).toEqual([])
    expect((await lab.repository.captureTree(Readable.from([whole]), options)).leftOut).toEqual([])
  })

  it('can be done many at a time on one store', async () => {
    const lab = await makeLab()
    const other = await lab.host.open(lab.repository.name, lab.mirrors)
    const captures = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        (index % 2 ? other : lab.repository).captureTree(makeTar([{ name: 'n', content: `${index % 3}` }]), {
          initialTree: lab.tree(),
          limitBytes: LIMIT_BYTES,
        }),
      ),
    )
    expect(new Set(captures.map(({ tree }) => tree)).size).toBe(3)
  })
})

describe('any small tree', () => {
  const segment = fc.constantFrom('a', 'b c', 'é', 'x"y', 'tab\t', 'nl\n', '\\', '.gitkeep', '-r', 'B')
  const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc
      .array(fc.constantFrom('one', 'two', 'three', '', 'two\r'), { maxLength: 8 })
      .map((lines) => Buffer.from(lines.join('\n'))),
  )
  const file = fc.record({ content, kind: fc.constantFrom('plain', 'executable', 'link') })
  const tree = fc.dictionary(path, file, { maxKeys: 7 }).map((files) => {
    const paths = Object.keys(files)
    return Object.fromEntries(
      Object.entries(files).filter(([name]) => !paths.some((other) => other.startsWith(`${name}/`))),
    )
  })

  it('survives capture, patch and application', async () => {
    const lab = await makeLab()
    const options = { initialTree: lab.tree(), limitBytes: LIMIT_BYTES }
    const entries = (files: Record<string, { content: Buffer; kind: string }>): TarFile[] =>
      Object.entries(files).map(([name, { content: bytes, kind }]) =>
        kind === 'link'
          ? { name, type: 'symlink', target: `t${bytes.toString('hex')}` }
          : { name, content: bytes, mode: kind === 'executable' ? 0o755 : 0o644 },
      )
    await fc.assert(
      fc.asyncProperty(tree, tree, async (before, after) => {
        const from = await lab.repository.captureTree(makeTar(entries(before)), options)
        const to = await lab.repository.captureTree(makeTar(entries(after)), options)
        expect([...from.leftOut, ...to.leftOut]).toEqual([])
        for (const [name, { content: bytes, kind }] of Object.entries(after)) {
          const expected = kind === 'link' ? Buffer.from(`t${bytes.toString('hex')}`) : bytes
          expect(await lab.repository.readFile(to.tree, name)).toEqual(expected)
        }
        const patch = await lab.repository.patch(from.tree, to.tree)
        expect(await lab.repository.applyPatch(from.tree, patch)).toBe(to.tree)
        const changed = (await lab.repository.changes(from.tree, to.tree)).flatMap((change) => [
          change.path,
          change.oldPath ?? change.path,
        ])
        expect(await lab.repository.withPathsFrom(from.tree, to.tree, changed)).toBe(to.tree)
      }),
      { numRuns: 30 },
    )
  })
})

/** The tree that git makes of the whole work tree. */
function stageAll(lab: GitLab): string {
  lab.git('add', '-A', '-f', '.')
  return lab.git('write-tree')
}
