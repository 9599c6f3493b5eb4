import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { execTar, makeFolder, makeLab, runGit, tarOf, unpack } from './gitFixture.ts'

const LIMIT_BYTES = 1_000_000

describe('exporting a repository', () => {
  it('gives a clean repository with one neutral commit and nothing of the history', async () => {
    const lab = await makeLab({
      '.gitattributes': '*.txt text eol=crlf export-subst\nhidden export-ignore\n',
      'a.txt': '$Format:%H$\n',
      hidden: 'h',
      'crlf.txt': 'x\r\n',
      [`${'deep/'.repeat(30)}f`]: 'f',
    })
    await symlink('a.txt', join(lab.source, 'link'))
    await writeFile(join(lab.source, 'run me'), '#!/bin/sh\n', { mode: 0o755 })
    const base = await lab.commit({ 'é "q"': 'q', '.gitignore': '*.log\n', 'kept.log': 'tracked though ignored' })
    lab.git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},vendor/lib`)
    const tree = lab.git('write-tree')
    lab.git('read-tree', 'HEAD')
    const future = await lab.commit({ 'a.txt': 'the future\n' })
    lab.git('tag', 'v1')

    const folder = await unpack(await lab.repository.exportRepository(tree))
    expect(runGit(folder, ['write-tree'])).toBe(tree)
    expect(runGit(folder, ['rev-parse', 'HEAD^{tree}'])).toBe(tree)
    expect(runGit(folder, ['log', '--all', '--format=%an <%ae> %ad %cn %s', '--date=unix'])).toBe(
      'prchain <prchain@localhost> 0 prchain Initial state',
    )
    expect(runGit(folder, ['for-each-ref', '--format=%(refname)'])).toBe('refs/heads/main')
    expect(runGit(folder, ['symbolic-ref', 'HEAD'])).toBe('refs/heads/main')
    expect(runGit(folder, ['status', '--porcelain', '--ignore-submodules=none'])).toBe('')
    expect(runGit(folder, ['fsck', '--full', '--strict'])).toBe('')
    expect(runGit(folder, ['remote'])).toBe('')
    for (const object of [future, base, lab.git('rev-parse', `${future}:a.txt`), lab.tree(future)]) {
      expect(() => runGit(folder, ['cat-file', '-e', object])).toThrow()
    }
    const inside = await readdir(join(folder, '.git'), { recursive: true })
    expect(inside.filter((name) => /alternates|logs|hooks|packed-refs|FETCH_HEAD|ORIG_HEAD/.test(name))).toEqual([])
    const objects = runGit(folder, ['cat-file', '--batch-all-objects', '--batch-check=%(objectname)']).split('\n')
    const expected = runGit(lab.source, ['rev-list', '--objects', '--no-object-names', tree]).split('\n')
    expect(objects).toHaveLength(expected.length + 1)
  })

  it('is clean to git status and captures back to the same tree', async () => {
    const lab = await makeLab({ 'a.txt': 'a\r\n', 'dir/b': Buffer.from([0, 1]), 'big.bin': Buffer.alloc(300_000, 7) })
    await writeFile(join(lab.source, 'run me'), '#!/bin/sh\n', { mode: 0o755 })
    await lab.commit({})
    const folder = await unpack(await lab.repository.exportRepository(lab.tree()))
    expect(runGit(folder, ['status', '--porcelain'])).toBe('')
    const captured = await lab.repository.captureTree(tarOf(folder, 'gnu'), {
      initialTree: lab.tree(),
      limitBytes: LIMIT_BYTES,
    })
    expect(captured.tree).toBe(lab.tree())
  })

  it('gives the same bytes each time, with owner and dates fixed', async () => {
    const lab = await makeLab({ 'a.txt': 'a', 'd/b': 'b' })
    const [one, two] = await Promise.all(
      [0, 1].map(async () => Buffer.concat(await (await lab.repository.exportRepository(lab.tree())).toArray())),
    )
    expect(one).toEqual(two)
    const listed = execFileSync('tar', ['--numeric-owner', '--full-time', '-tvf', '-'], {
      input: one,
      encoding: 'utf8',
      env: { ...process.env, TZ: 'UTC' },
    })
      .trim()
      .split('\n')
      .filter((line) => !line.endsWith('.git/index'))
    expect(listed.filter((line) => !/^(-rw-r--r--|drwxr-xr-x) 1000\/1000 .* 2000-01-01 00:00:00/.test(line))).toEqual(
      [],
    )
  })

  it('exports the empty tree', async () => {
    const lab = await makeLab()
    const empty = runGit(lab.source, ['mktree'], Buffer.alloc(0))
    const folder = await unpack(await lab.repository.exportRepository(empty))
    expect(runGit(folder, ['status', '--porcelain'])).toBe('')
    expect(await readdir(folder)).toEqual(['.git'])
  })

  it('ends its git when the reader goes away', async () => {
    const lab = await makeLab({ big: Buffer.alloc(5_000_000, 'x') })
    const stream = await lab.repository.exportRepository(lab.tree())
    await new Promise((resolve) => stream.once('data', resolve))
    stream.destroy()
    await new Promise((resolve) => stream.once('close', resolve))
    const again = Buffer.concat(await (await lab.repository.exportRepository(lab.tree())).toArray())
    expect(again.length).toBeGreaterThan(5_000_000)
  })
})

describe('a hostile work tree', () => {
  it('has nothing of its git configuration run by the host', async () => {
    const lab = await makeLab()
    const folder = join(await makeFolder(), 'tree')
    await cp(lab.source, folder, { recursive: true })
    const mark = join(await makeFolder(), 'owned')
    const script = join(folder, 'evil.sh')
    await writeFile(script, `#!/bin/sh\ntouch ${mark}\n`, { mode: 0o755 })
    const settings = [
      'core.fsmonitor',
      'core.sshCommand',
      'diff.external',
      'filter.x.clean',
      'filter.x.smudge',
      'diff.x.textconv',
      'merge.x.driver',
      'core.pager',
      'alias.apply',
    ]
    for (const setting of settings)
      runGit(folder, ['config', setting, setting.startsWith('alias') ? `!${script}` : script])
    await mkdir(join(folder, '.git/hooks'), { recursive: true })
    for (const hook of ['pre-commit', 'post-index-change', 'reference-transaction', 'post-checkout'])
      await cp(script, join(folder, '.git/hooks', hook))
    await writeFile(join(folder, '.gitattributes'), '* filter=x diff=x merge=x\n')
    await writeFile(join(folder, '.gitconfig'), `[core]\n\tfsmonitor = ${script}\n`)
    const initialTree = lab.tree()
    const { tree } = await lab.repository.captureTree(execTar(folder, []), { initialTree, limitBytes: LIMIT_BYTES })
    const patch = await lab.repository.patch(initialTree, tree)
    await lab.repository.applyPatch(initialTree, patch)
    await lab.repository.mergeTrees({ base: initialTree, ours: tree, theirs: tree })
    await lab.repository.findWords(tree, ['touch'])
    for await (const _ of await lab.repository.exportRepository(tree));
    expect(existsSync(mark)).toBe(false)
    // The trap is a real one: a git that enters the folder springs it.
    runGit(folder, ['status'])
    expect(existsSync(mark)).toBe(true)
  })
})
