import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile, rm, symlink, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createGitHost } from '../../src/git/host.ts'
import { makeLab, NAME, runGit, tarOf, unpack, type GitLab } from './gitFixture.ts'

const LIMIT_BYTES = 1_000_000

describe('a repository made from a base in the cache', () => {
  it('has exactly the objects of its one commit, none that the base has beside', async () => {
    const lab = await makeLab({ ...manyFiles(), 'src/feature.py': 'as the humans did it\n', 'src/gone.py': 'gone\n' })
    const human = lab.tree()
    await drain(await lab.repository.exportRepository(human))
    const agent = await lab.commit({ 'src/feature.py': 'as the agent did it\n', 'src/gone.py': null, new: 'n\n' })
    const folder = await unpack(await lab.repository.exportRepository(agent))
    expect(await basesOf(lab)).toHaveLength(1)

    const reachable = runGit(folder, ['rev-list', '--objects', '--no-object-names', 'HEAD']).split('\n').sort()
    const all = runGit(folder, ['cat-file', '--batch-all-objects', '--batch-check=%(objectname)']).split('\n').sort()
    expect(all).toEqual(reachable)
    for (const path of ['src/feature.py', 'src/gone.py']) {
      const object = lab.git('rev-parse', `${human}:${path}`)
      expect(() => runGit(folder, ['cat-file', '-e', object])).toThrow()
    }
    expect(runGit(folder, ['fsck', '--full', '--strict', '--unreachable', '--no-reflogs'])).toBe('')
    expect(runGit(folder, ['verify-pack', ...(await packsOf(folder))])).toBe('')
    expect(runGit(folder, ['rev-parse', 'HEAD^{tree}'])).toBe(lab.tree(agent))
    expect(runGit(folder, ['status', '--porcelain'])).toBe('')
    expect(runGit(folder, ['rev-list', '--all', '--count'])).toBe('1')
    const files = (await readdir(join(folder, '.git'), { recursive: true })).filter(
      (name) => !/[0-9a-f]{38}/.test(name),
    )
    expect(files.sort()).toEqual([
      ...['HEAD', 'config', 'index', 'info', 'info/attributes', 'objects'],
      ...files.filter((name) => /^objects\/[0-9a-f]{2}$/.test(name)),
      ...['objects/info', 'objects/pack', 'refs', 'refs/heads', 'refs/heads/main', 'refs/tags'],
    ])
  })

  it('has the same files and state as one that is its own base', async () => {
    const lab = await makeLab({ ...manyFiles(), 'a/b/c': 'one\n', 'a/x': 'x', 'z/last': 'z' })
    await symlink('/etc/passwd', join(lab.source, 'a/absolute'))
    await lab.commit({})
    await drain(await lab.repository.exportRepository(lab.tree()))
    for (const changes of [
      { 'a/b/c': 'two\n' },
      { 'a/b/c': null, 'z/last': null },
      { '0first': 'f', 'a/y/deep/new': 'y', 'zz/very/last': 'l' },
      { ...Object.fromEntries(Object.keys(manyFiles()).map((path) => [path, null])) },
    ] as Record<string, string | null>[]) {
      const tree = lab.tree(await lab.commit(changes))
      const near = await unpack(await lab.repository.exportRepository(tree))
      const other = createGitHost({ cacheDir: join(lab.root, `other-${tree}`), cloneUrl: () => '' })
      const whole = await unpack(await (await other.open(NAME, lab.mirrors)).exportRepository(tree))
      expect(await contentsOf(near, true)).toEqual(await contentsOf(whole, true))
      expect(runGit(near, ['status', '--porcelain'])).toBe('')
      expect(runGit(near, ['write-tree'])).toBe(tree)
      expect(runGit(near, ['fsck', '--full', '--strict'])).toBe('')
    }
  })

  it('is made anew when the cache was lost, in part or whole, or a build of it was killed', async () => {
    const lab = await makeLab(manyFiles())
    const export1 = async () => Buffer.concat(await (await lab.repository.exportRepository(lab.tree())).toArray())
    const first = await export1()
    for (const file of ['files.tar', 'inventory']) {
      await truncate(join(await onlyBase(lab), file), 100)
      const reopened = createGitHost({ cacheDir: lab.cacheDir, cloneUrl: () => '' })
      const repository = await reopened.open(NAME, lab.mirrors)
      await utimes(await onlyBase(lab), 0, 0)
      expect(Buffer.concat(await (await repository.exportRepository(lab.tree())).toArray())).toEqual(first)
    }
    await rm(lab.cacheDir, { recursive: true })
    const repository = await lab.host.open(NAME, lab.mirrors)
    expect(Buffer.concat(await (await repository.exportRepository(lab.tree())).toArray())).toEqual(first)
  })

  it('survives kill -9 of the process that makes the base', async () => {
    const lab = await makeLab({ ...manyFiles(), big: Buffer.alloc(30_000_000, 'x') })
    const script = join(lab.root, 'export.ts')
    const port = new URL('../../src/git/host.ts', import.meta.url).href
    await writeFile(
      script,
      `import { createGitHost } from ${JSON.stringify(port)}
const host = createGitHost({ cacheDir: ${JSON.stringify(lab.cacheDir)}, cloneUrl: () => '' })
const repository = await host.open(${JSON.stringify(NAME)}, ${JSON.stringify(lab.mirrors)})
for await (const _ of await repository.exportRepository(${JSON.stringify(lab.tree())}));
`,
    )
    const child = spawn(process.execPath, [script], { stdio: 'ignore' })
    const exited = once(child, 'exit')
    await seen(async () => {
      const asides = await readdir(join(lab.cacheDir, 'aside')).catch(() => [])
      return asides.some((name) => existsSync(join(lab.cacheDir, 'aside', name, 'base/files.tar')))
    })
    child.kill('SIGKILL')
    await exited
    const folder = await unpack(await lab.repository.exportRepository(lab.tree()))
    expect(runGit(folder, ['status', '--porcelain'])).toBe('')
    expect(runGit(folder, ['fsck', '--full'])).toBe('')
  })

  it('keeps the eight bases that were used last', async () => {
    const lab = await makeLab()
    const trees: string[] = []
    for (let n = 0; n < 10; n++) {
      const tree = lab.tree(await lab.commit({ 'a.txt': `${n}\n`, [`only-${n}`]: `${n}`, [`only-${n - 1}`]: `${n}` }))
      trees.push(tree)
      await drain(await lab.repository.exportRepository(tree))
      // The first is used again each time.
      await drain(await lab.repository.exportRepository(trees[0]!))
      for (const name of await basesOf(lab)) expect(name).toMatch(/^repository-/)
    }
    const kept = await basesOf(lab)
    expect(kept.length).toBeLessThanOrEqual(8)
    expect(kept).toContain(`repository-${trees[0]}`)
  })

  it('can be made many at a time', async () => {
    const lab = await makeLab(manyFiles())
    const first = lab.tree()
    const second = lab.tree(await lab.commit({ new: 'n' }))
    const other = await createGitHost({ cacheDir: lab.cacheDir, cloneUrl: () => '' }).open(NAME, lab.mirrors)
    const folders = await Promise.all(
      [first, second, first, second].map(async (tree, index) => ({
        tree,
        folder: await unpack(await (index < 2 ? other : lab.repository).exportRepository(tree)),
      })),
    )
    for (const { tree, folder } of folders) {
      expect(runGit(folder, ['rev-parse', 'HEAD^{tree}'])).toBe(tree)
      expect(runGit(folder, ['fsck', '--full', '--unreachable'])).toBe('')
    }
    expect(await readdir(join(lab.cacheDir, 'aside'))).toEqual([])
  })

  it('is refused, and named, when the mirror lacks an object of the tree or of what is laid', async () => {
    const lab = await makeLab({ ...manyFiles(), lost: 'lost\n' })
    const whole = lab.tree(await lab.commit({ lost: null }))
    const broken = lab.tree(await lab.commit({ lost: 'lost too\n' }))
    const lost = lab.git('rev-parse', 'HEAD:lost')
    await rm(join(lab.source, '.git/objects', lost.slice(0, 2), lost.slice(2)))
    expect(await lab.repository.missingObjects(broken)).toEqual([lost])
    expect(await lab.repository.missingObjects(whole)).toEqual([])
    await expect(lab.repository.exportRepository(broken)).rejects.toMatchObject({ kind: 'missing' })
    await drain(await lab.repository.exportRepository(whole))
    await expect(lab.repository.exportRepository(broken)).rejects.toMatchObject({
      kind: 'missing',
      message: expect.stringContaining(lost) as string,
    })
    await expect(lab.repository.exportRepository(whole, { workTree: broken })).rejects.toMatchObject({
      kind: 'missing',
    })
    const subtree = lab.git('rev-parse', `${whole}:many`)
    await rm(join(lab.source, '.git/objects', subtree.slice(0, 2), subtree.slice(2)))
    await rm(lab.cacheDir, { recursive: true })
    const again = await lab.host.open(NAME, lab.mirrors)
    await expect(again.exportRepository(whole)).rejects.toMatchObject({ kind: 'missing' })
  })
})

describe('what is laid', () => {
  it('may be another tree than the commit’s, and git sees what differs', async () => {
    const lab = await makeLab({ ...manyFiles(), same: 's', changed: 'one', removed: 'r' })
    const initial = lab.tree()
    const work = lab.tree(await lab.commit({ changed: 'two', removed: null, added: 'a' }))
    const folder = await unpack(await lab.repository.exportRepository(initial, { workTree: work }))
    expect(runGit(folder, ['rev-parse', 'HEAD^{tree}'])).toBe(initial)
    expect(runGit(folder, ['write-tree'])).toBe(initial)
    expect(runGit(folder, ['diff-files', '--name-status']).split('\n')).toEqual(['M\tchanged', 'D\tremoved'])
    expect(runGit(folder, ['ls-files', '-o'])).toBe('added')
    const captured = await lab.repository.captureTree(tarOf(folder, 'gnu'), {
      initialTree: initial,
      limitBytes: LIMIT_BYTES,
    })
    expect(captured).toEqual({ tree: work, leftOut: [] })
  })

  it('is byte for byte what git holds, and clean to git, whatever the attributes say', async () => {
    const lab = await makeLab()
    const files: Record<string, string | Buffer> = {
      '.gitattributes': [
        '*.crlf text eol=crlf',
        '*.lf text eol=lf',
        '*.auto text=auto',
        '*.id ident',
        '*.lfs filter=lfs diff=lfs merge=lfs -text',
        '*.utf text working-tree-encoding=UTF-16',
        '*.sub export-subst',
      ].join('\n'),
      'mixed.crlf': 'a\r\nb\n',
      'lf.crlf': 'a\nb\n',
      'crlf.crlf': 'a\r\nb\r\n',
      'crlf.lf': 'a\r\nb\r\n',
      'crlf.auto': 'a\r\nb\r\n',
      'plain.txt': 'a\r\nb\n',
      'x.id': '$Id$ $Id: 1234 $\n',
      'x.utf': 'ä\n',
      'x.sub': '$Format:%H$\n',
      'model.lfs': `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 12\n`,
    }
    const tree = rawTree(lab, files)
    const folder = await unpack(await lab.repository.exportRepository(tree))
    for (const [path, content] of Object.entries(files))
      expect([path, await readFile(join(folder, path))]).toEqual([path, Buffer.from(content)])
    expect(runGit(folder, ['status', '--porcelain'])).toBe('')
    // Also when git has to read every file again.
    for (const path of Object.keys(files)) await utimes(join(folder, path), 1_700_000_000, 1_700_000_000)
    expect(runGit(folder, ['-c', 'core.autocrlf=true', 'status', '--porcelain'])).toBe('')
    expect(runGit(folder, ['diff', '--stat'])).toBe('')
    runGit(folder, ['add', '--renormalize', '.'])
    expect(runGit(folder, ['write-tree'])).toBe(tree)
  })

  it('keeps links, executables, names that clash by case, newlines, bytes that are no UTF-8, and very long paths', async () => {
    const lab = await makeLab()
    const long = `${'long-folder-name/'.repeat(60)}${'n'.repeat(200)}`
    const tree = rawTree(lab, {
      README: 'upper',
      readme: 'lower',
      'with\nnewline\tand "quotes"': 'n',
      'café/é': 'e',
      [long]: 'far down',
      'link:long': 't'.repeat(1_000),
      'link:dangling': 'nowhere/at all',
      'link:absolute': '/etc/passwd',
      'run:run': '#!/bin/sh\n',
      [`latin-\udcff\udcfe`]: 'latin',
    })
    const folder = await unpack(await lab.repository.exportRepository(tree))
    expect(runGit(folder, ['status', '--porcelain'])).toBe('')
    expect(runGit(folder, ['fsck', '--full'])).toBe('')
    const captured = await lab.repository.captureTree(tarOf(folder, 'gnu'), {
      initialTree: lab.tree(),
      limitBytes: LIMIT_BYTES,
    })
    expect(captured).toEqual({ tree, leftOut: [] })
    runGit(folder, ['add', '-A'])
    expect(runGit(folder, ['write-tree'])).toBe(tree)
  })

  it('has submodules’ files where they are given, empty folders else, and is clean to git', async () => {
    const library = await makeLab({ 'lib.py': 'lib\n', 'deep/er.py': 'er\n' })
    const lab = await makeLab({
      'a.txt': 'a',
      '.gitmodules':
        '[submodule "lib"]\n\tpath = vendor/lib\n\turl = https://user:secret@example.org/acme/lib.git\n[submodule "b"]\n\tpath = vendor/none\n\turl = ../none\n',
    })
    const sha = library.git('rev-parse', 'HEAD')
    lab.git('update-index', '--add', '--cacheinfo', `160000,${sha},vendor/lib`)
    lab.git('update-index', '--add', '--cacheinfo', `160000,${'2'.repeat(40)},vendor/none`)
    lab.git('update-index', '--add', '--cacheinfo', `160000,${'3'.repeat(40)},vendor/unnamed`)
    const tree = lab.git('write-tree')
    expect(await lab.repository.submodules(tree)).toEqual([
      { path: 'vendor/lib', url: 'https://example.org/acme/lib.git', sha },
      { path: 'vendor/none', url: '../none', sha: '2'.repeat(40) },
      { path: 'vendor/unnamed', url: null, sha: '3'.repeat(40) },
    ])
    const repository = await library.host.open(NAME, library.mirrors)
    const submodules = [{ path: 'vendor/lib', repository, tree: library.tree() }]
    for (const _ of ['first', 'from the cache']) {
      const folder = await unpack(await lab.repository.exportRepository(tree, { submodules }))
      expect(await readFile(join(folder, 'vendor/lib/deep/er.py'), 'utf8')).toBe('er\n')
      expect(await readdir(join(folder, 'vendor/none'))).toEqual([])
      expect(runGit(folder, ['status', '--porcelain', '--ignore-submodules=none'])).toBe('')
      await writeFile(join(folder, 'vendor/lib/new.py'), 'the agent’s')
      const captured = await lab.repository.captureTree(tarOf(folder, 'gnu'), {
        initialTree: tree,
        limitBytes: LIMIT_BYTES,
      })
      expect(captured).toEqual({ tree, leftOut: [{ path: 'vendor/lib/', reason: 'submodule' }] })
    }
    const misplaced = [{ path: 'vendor', repository, tree: library.tree() }]
    await expect(lab.repository.exportRepository(tree, { submodules: misplaced })).rejects.toThrow('no submodule')
  })

  it('is not read by git status where size and date are as the index has them', async () => {
    const lab = await makeLab(manyFiles())
    const folder = await unpack(await lab.repository.exportRepository(lab.tree()))
    expect(runGit(folder, ['diff-index', 'HEAD', '--name-only'])).toBe('')
    const [[path, content]] = Object.entries(manyFiles()) as [[string, string]]
    await writeFile(join(folder, path), content.toUpperCase())
    await utimes(join(folder, path), Date.UTC(2000, 0, 1) / 1000, Date.UTC(2000, 0, 1) / 1000)
    expect(runGit(folder, ['diff-files', '--name-only'])).toBe('')
    // An editor sets no such date.
    await writeFile(join(folder, path), content.toUpperCase())
    expect(runGit(folder, ['diff-files', '--name-only'])).toBe(path)
  })

  it('gives files alone, the same as with a repository', async () => {
    const lab = await makeLab({ ...manyFiles(), 'a/b': 'b' })
    const alone = await unpack(await lab.repository.exportFiles(lab.tree()))
    const folder = await unpack(await lab.repository.exportRepository(lab.tree()))
    const cached = await unpack(await lab.repository.exportFiles(lab.tree()))
    await rm(join(folder, '.git'), { recursive: true })
    expect(await contentsOf(alone, false)).toEqual(await contentsOf(folder, false))
    expect(await contentsOf(cached, false)).toEqual(await contentsOf(folder, false))
  })

  it('streams a file of 300 MB', async () => {
    const lab = await makeLab()
    const path = join(lab.source, 'giant')
    await writeFile(path, '')
    await truncate(path, 300_000_000)
    const tree = lab.tree(await lab.commit({}))
    const beforeBytes = process.memoryUsage().arrayBuffers
    let mostBytes = 0
    let seenBytes = 0
    for await (const chunk of (await lab.repository.exportRepository(tree)) as AsyncIterable<Buffer>) {
      seenBytes += chunk.length
      mostBytes = Math.max(mostBytes, process.memoryUsage().arrayBuffers - beforeBytes)
    }
    expect(seenBytes).toBeGreaterThan(300_000_000)
    expect(mostBytes).toBeLessThan(150_000_000)
  })
})

function manyFiles(): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: 60 }, (_, n) => [`many/${n % 7}/file-${n}.txt`, `file ${n} `.repeat(20)]),
  )
}

/** A tree of files as they are, by git's plumbing; `link:` and `run:` before a name make it a link or executable. */
function rawTree(lab: GitLab, files: Record<string, string | Buffer>): string {
  lab.git('read-tree', '--empty')
  for (const [key, content] of Object.entries(files)) {
    const [, kind, path] = /^(link:|run:)?(.*)$/s.exec(key)!
    const object = runGit(lab.source, ['hash-object', '-w', '--no-filters', '--stdin'], Buffer.from(content))
    const mode = kind === 'link:' ? '120000' : kind === 'run:' ? '100755' : '100644'
    const name = Buffer.concat(
      Array.from(path!, (character) => {
        const code = character.codePointAt(0)!
        return code >= 0xdc80 && code <= 0xdcff ? Buffer.from([code - 0xdc00]) : Buffer.from(character)
      }),
    )
    const line = Buffer.concat([Buffer.from(`${mode} ${object} 0\t`), name, Buffer.from('\0')])
    runGit(lab.source, ['update-index', '-z', '--index-info'], line)
  }
  return lab.git('write-tree')
}

async function drain(stream: Readable): Promise<void> {
  for await (const _ of stream);
}

async function basesOf(lab: GitLab): Promise<string[]> {
  return readdir(join(lab.cacheDir, 'bases/acme__widgets'))
}

async function onlyBase(lab: GitLab): Promise<string> {
  const names = await basesOf(lab)
  expect(names).toHaveLength(1)
  return join(lab.cacheDir, 'bases/acme__widgets', names[0]!)
}

async function packsOf(folder: string): Promise<string[]> {
  const dir = join(folder, '.git/objects/pack')
  return (await readdir(dir)).filter((name) => name.endsWith('.idx')).map((name) => join(dir, name))
}

/** Every file of a folder with its content, packs aside. */
async function contentsOf(folder: string, hasGit: boolean): Promise<Record<string, string>> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = found.filter((entry) => entry.isFile() && !entry.parentPath.endsWith('/pack'))
  expect(files.some((entry) => entry.parentPath.endsWith('.git'))).toBe(hasGit)
  return Object.fromEntries(
    await Promise.all(
      files.map(async (entry) => {
        const path = join(entry.parentPath, entry.name)
        return [path.slice(folder.length), (await readFile(path)).toString('latin1')]
      }),
    ),
  )
}

async function seen(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve))
}
