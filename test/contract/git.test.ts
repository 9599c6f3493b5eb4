import { execFileSync } from 'node:child_process'
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createGitHost } from '../../src/git/host.ts'
import { makeFolder, makeLab, makeTar, NAME, runGit } from './gitFixture.ts'

describe('opening a repository', () => {
  it('names the path where a mirror was expected and is not', async () => {
    const lab = await makeLab()
    const path = join(lab.mirrors, 'acme__gadgets.git')
    await expect(lab.host.open('acme/gadgets', lab.mirrors)).rejects.toMatchObject({
      kind: 'missing',
      message: expect.stringContaining(path),
    })
  })

  it('refuses a folder that is no git directory, a work tree, and a git directory without refs', async () => {
    const lab = await makeLab()
    const mirrors = await makeFolder()
    await mkdir(join(mirrors, 'acme__plain.git'))
    await symlink(lab.source, join(mirrors, 'acme__tree.git'))
    runGit(mirrors, ['init', '--quiet', '--bare', 'acme__empty.git'])
    for (const name of ['plain', 'tree', 'empty']) {
      await expect(lab.host.open(`acme/${name}`, mirrors)).rejects.toMatchObject({
        kind: 'not-a-mirror',
        message: expect.stringContaining(join(mirrors, `acme__${name}.git`)),
      })
    }
  })

  it('clones into the cache with the heads of pull requests, once for many at a time', async () => {
    const lab = await makeLab()
    const head = lab.git('rev-parse', 'HEAD')
    lab.git('update-ref', 'refs/pull/7/head', head)
    const cacheDir = await makeFolder()
    const hosts = [1, 2].map(() => createGitHost({ cacheDir, cloneUrl: () => lab.source }))
    const opened = await Promise.all([...hosts, ...hosts].map((host) => host.open(NAME, null)))
    for (const repository of opened) expect(await repository.pullHead(7)).toBe(head)
    expect(await readdir(join(cacheDir, 'mirrors'))).toEqual(['acme__widgets.git'])
    expect(await readdir(join(cacheDir, 'aside'))).toEqual([])
  })

  it('says from where a repository could not be cloned, without the password', async () => {
    const folder = await makeFolder()
    const cloneUrl = () => 'https://ada:hunter2@127.0.0.1:9/acme/widgets.git'
    const failure = await createGitHost({ cacheDir: folder, cloneUrl })
      .open(NAME, null)
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({
      name: 'GitError',
      message: expect.stringContaining('https://127.0.0.1:9/acme/widgets.git'),
    })
    expect(String(failure)).not.toContain('hunter2')
  })

  it('writes nothing into the mirror', async () => {
    const lab = await makeLab()
    const second = await lab.commit({ 'a.txt': 'one\n2\nthree\n', 'b.txt': 'b\n' })
    const first = lab.git('rev-parse', 'HEAD~1')
    const before = await listFiles(join(lab.source, '.git'))
    const merged = await lab.repository.mergeTrees({ base: first, ours: second, theirs: lab.tree('HEAD~1') })
    await lab.repository.withPathsFrom(merged.tree, first, ['b.txt', 'a.txt'])
    await lab.repository.applyPatch(first, await lab.repository.patch(first, second))
    for await (const _ of await lab.repository.exportRepository(second));
    expect(await listFiles(join(lab.source, '.git'))).toEqual(before)
  })

  it('follows a mirror that has moved', async () => {
    const lab = await makeLab()
    const first = lab.git('rev-parse', 'HEAD')
    const mirrors = await makeFolder()
    await cp(join(lab.source, '.git'), join(mirrors, 'acme__widgets.git'), { recursive: true })
    const moved = await lab.host.open(NAME, mirrors)
    await writeFile(join(lab.source, '.git/HEAD'), 'broken')
    expect(String(await moved.readFile(first, 'a.txt'))).toBe('one\ntwo\nthree\n')
    expect(await readFile(join(lab.cacheDir, 'objects/acme__widgets.git/objects/info/alternates'), 'utf8')).toContain(
      mirrors,
    )
  })
})

describe('history', () => {
  it('reads a commit with its date in UTC, by full or short name, and null for what is none', async () => {
    const lab = await makeLab()
    const sha = await lab.commit({ 'b.txt': 'b' }, 'Second\n\nwith a body')
    const commit = await lab.repository.commit(sha)
    expect(commit).toEqual({
      sha,
      tree: lab.tree(),
      parents: [lab.git('rev-parse', 'HEAD~1')],
      committedAt: '2026-04-09T17:42:08Z',
      message: 'Second\n\nwith a body',
    })
    expect(await lab.repository.commit(sha.slice(0, 10))).toEqual(commit)
    for (const none of ['f'.repeat(40), lab.tree(), 'HEAD', '--help', ''])
      expect(await lab.repository.commit(none)).toBeNull()
  })

  it('lists the commits of a range, oldest first, and finds the merge base', async () => {
    const lab = await makeLab()
    const first = lab.git('rev-parse', 'HEAD')
    const second = await lab.commit({ 'b.txt': 'b' }, 'Second\n\nbody')
    const third = await lab.commit({ 'c.txt': 'c' }, '')
    expect(await lab.repository.log(first, third)).toEqual([
      { sha: second, author: 'Ada', message: 'Second\n\nbody' },
      { sha: third, author: 'Ada', message: '' },
    ])
    expect(await lab.repository.mergeBase(second, third)).toBe(second)
    const orphan = lab.git('commit-tree', lab.tree(), '-m', 'orphan')
    expect(await lab.repository.mergeBase(second, orphan)).toBeNull()
    expect(await lab.repository.pullHead(1)).toBeNull()
  })

  it('takes nothing but full object names for objects, so that none can be an option', async () => {
    const lab = await makeLab()
    for (const name of ['--output=/tmp/x', 'HEAD', 'main', '']) {
      await expect(lab.repository.patch(name, lab.tree())).rejects.toMatchObject({ name: 'GitError' })
      await expect(lab.repository.has(name)).rejects.toMatchObject({ name: 'GitError' })
    }
    await expect(lab.repository.listTree('f'.repeat(40))).rejects.toMatchObject({ kind: 'missing' })
  })
})

describe('trees and patches', () => {
  it('tells every kind of change apart', async () => {
    const long = Array.from({ length: 30 }, (_, index) => `line ${index}\n`).join('')
    const lab = await makeLab({
      'old name.txt': long,
      gone: 'x\n',
      run: 'x\n',
      kind: 'x\n',
      'bin\t1': Buffer.from([0, 1, 2]),
      'é.txt': 'x\n',
    })
    const before = lab.tree()
    lab.git('update-index', '--chmod=+x', 'run')
    lab.git('commit', '-qm', 'mode')
    lab.git('mv', 'old name.txt', 'new "name".txt')
    lab.git('rm', '-q', 'gone', 'kind')
    await writeFile(join(lab.source, 'new "name".txt'), `${long}more\n`)
    await writeFile(join(lab.source, 'bin\t1'), Buffer.from([0, 9, 2]))
    await writeFile(join(lab.source, 'é.txt'), 'y\nz')
    await writeFile(join(lab.source, 'added'), '')
    await symlink('run', join(lab.source, 'kind'))
    lab.git('-c', 'core.fileMode=false', 'add', '-A')
    const after = lab.git('write-tree')
    const changes = await lab.repository.changes(before, after)
    expect(
      changes.map(({ path, oldPath, kind, oldMode, newMode, additions, deletions }) => [
        path,
        oldPath,
        kind,
        oldMode,
        newMode,
        additions,
        deletions,
      ]),
    ).toEqual([
      ['added', null, 'added', '000000', '100644', 0, 0],
      ['bin\t1', null, 'modified', '100644', '100644', null, null],
      ['gone', null, 'deleted', '100644', '000000', 0, 1],
      ['kind', null, 'type-changed', '100644', '120000', 1, 1],
      ['new "name".txt', 'old name.txt', 'renamed', '100644', '100644', 1, 0],
      ['run', null, 'mode-changed', '100644', '100755', 0, 0],
      ['é.txt', null, 'modified', '100644', '100644', 2, 1],
    ])
    const patch = await lab.repository.patch(before, after)
    expect(await lab.repository.patch(before, after)).toEqual(patch)
    expect(await lab.repository.applyPatch(before, patch)).toBe(after)
    expect(patch.toString()).toMatch(/^index [0-9a-f]{40}\.\.[0-9a-f]{40}/m)
  })

  it('limits a patch to paths, taken literally', async () => {
    const lab = await makeLab({ '*': 'a\n', ':(top)b': 'b\n', c: 'c\n' })
    const before = lab.tree()
    await lab.commit({ '*': 'A\n', ':(top)b': 'B\n', c: 'C\n' })
    const patch = await lab.repository.patch(before, lab.tree(), ['*', ':(top)b'])
    const changed = await lab.repository.changes(before, await lab.repository.applyPatch(before, patch))
    expect(changed.map(({ path }) => path)).toEqual(['*', ':(top)b'])
    expect(await lab.repository.patch(before, lab.tree(), [])).toHaveLength(0)
  })

  it('takes paths from another tree: replaced, added, deleted, a file where a folder was and the other way round', async () => {
    const lab = await makeLab({ keep: 'k\n', swap: 'file\n', 'turn/inner': 'i\n', gone: 'g\n', 'line\nbreak': '1\n' })
    const before = lab.tree()
    await lab.commit({ swap: null, gone: null, 'turn/inner': null, keep: 'changed\n' })
    await lab.commit({ 'swap/inner': 's\n', 'line\nbreak': '2\n' })
    const { repository } = lab
    await lab.commit({ added: 'a\n' })
    const paths = ['swap', 'swap/inner', 'turn/inner', 'gone', 'added', 'line\nbreak', 'nowhere']
    const mixed = await repository.withPathsFrom(before, lab.tree(), paths)
    expect((await repository.listTree(mixed)).map(({ path }) => path)).toEqual([
      'added',
      'keep',
      'line\nbreak',
      'swap/inner',
    ])
    expect(String(await repository.readFile(mixed, 'keep'))).toBe('k\n')
    expect(String(await repository.readFile(mixed, 'line\nbreak'))).toBe('2\n')
    expect(await repository.withPathsFrom(mixed, before, paths)).toBe(before)
    expect(await repository.withPathsFrom(before, mixed, [])).toBe(before)
  })

  it('reads a file, and null for a folder or an absent path', async () => {
    const lab = await makeLab({ 'dir/file': Buffer.from([0, 255, 10]), empty: '' })
    expect(await lab.repository.readFile(lab.tree(), 'dir/file')).toEqual(Buffer.from([0, 255, 10]))
    expect(await lab.repository.readFile(lab.git('rev-parse', 'HEAD'), 'empty')).toHaveLength(0)
    expect(await lab.repository.readFile(lab.tree(), 'dir')).toBeNull()
    expect(await lab.repository.readFile(lab.tree(), 'none')).toBeNull()
  })

  it('says that a patch does not apply, and leaves the tree of an empty one', async () => {
    const lab = await makeLab()
    const before = lab.tree()
    await lab.commit({ 'a.txt': 'other\n' })
    const patch = await lab.repository.patch(before, lab.tree())
    await expect(lab.repository.applyPatch(lab.tree(), patch)).rejects.toMatchObject({ kind: 'does-not-apply' })
    await expect(lab.repository.applyPatch(before, patch.subarray(0, -9))).rejects.toMatchObject({
      kind: 'does-not-apply',
    })
    await expect(lab.repository.applyPatch(before, Buffer.from('no patch at all\n'))).rejects.toMatchObject({
      kind: 'does-not-apply',
    })
    expect(await lab.repository.applyPatch(before, Buffer.alloc(0))).toBe(before)
  })

  it('heeds no attribute of the tree: no driver, no conversion of line ends', async () => {
    const lab = await makeLab()
    const attributes = { name: '.gitattributes', content: '* text eol=crlf\n*.txt -diff merge=union export-subst\n' }
    const capture = async (content: string) => {
      const tar = makeTar([attributes, { name: 'a.txt', content }])
      return (await lab.repository.captureTree(tar, { initialTree: lab.tree(), limitBytes: 1_000 })).tree
    }
    const [before, after] = [await capture('one\n$Format:%H$\n'), await capture('one\r\n$Format:%H$\n')]
    const patch = await lab.repository.patch(before, after)
    expect(patch.toString()).toContain('+one\r\n')
    expect(await lab.repository.applyPatch(before, patch)).toBe(after)
    expect(String(await lab.repository.readFile(after, 'a.txt'))).toBe('one\r\n$Format:%H$\n')
    const merged = await lab.repository.mergeTrees({
      base: before,
      ours: await capture('ours\n'),
      theirs: await capture('theirs\n'),
    })
    expect(merged).toMatchObject({ kind: 'conflict', conflicts: [{ path: 'a.txt' }] })
  })

  it('finds whole words in text files, also one that stands only within another', async () => {
    const lab = await makeLab({
      'a.py': 'def parse_tag(x):\n  return foo-bar\n',
      'b.bin': Buffer.from('hidden\0binary'),
      'c d/é': 'naïve a-b-c\n',
    })
    const words = [
      'parse_tag',
      'parse',
      'foo-bar',
      'foo',
      'bar',
      'hidden',
      'naïve',
      'absent',
      'a-b',
      'b-c',
      '',
      'x\ny',
      'parse_tag',
    ]
    expect([...(await lab.repository.findWords(lab.tree(), words))].sort()).toEqual([
      'a-b',
      'b-c',
      'bar',
      'foo',
      'foo-bar',
      'naïve',
      'parse_tag',
    ])
    expect(await lab.repository.findWords(lab.tree(), [])).toEqual(new Set())
  })

  it('names the objects that an incomplete mirror lacks, and refuses to export such a tree', async () => {
    const lab = await makeLab({ 'a.txt': 'a\n', 'b.txt': 'b\n' })
    expect(await lab.repository.missingObjects(lab.git('rev-parse', 'HEAD'))).toEqual([])
    const blob = lab.git('rev-parse', 'HEAD:b.txt')
    execFileSync('rm', ['-f', join(lab.source, '.git/objects', blob.slice(0, 2), blob.slice(2))])
    expect(await lab.repository.missingObjects(lab.git('rev-parse', 'HEAD'))).toEqual([blob])
    await expect(lab.repository.exportRepository(lab.tree())).rejects.toMatchObject({
      kind: 'missing',
      message: expect.stringContaining(blob),
    })
    await expect(lab.repository.readFile(lab.tree(), 'b.txt')).rejects.toMatchObject({ kind: 'missing' })
    expect(await lab.repository.has(blob)).toBe(false)
    expect(await lab.repository.has(lab.tree())).toBe(true)
  })
})

async function listFiles(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).sort()
}
