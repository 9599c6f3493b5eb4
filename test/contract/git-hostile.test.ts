import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { LeftOut } from '../../src/git/port.ts'
import { execTar, makeFolder, makeLab, makeTar, runGit, type GitLab, type TarFile } from './gitFixture.ts'

const LIMIT_BYTES = 10 * 1024 * 1024

describe('a work tree made to do harm', () => {
  it('may have .git as a link or a file, or in a name that some git takes for it: all are left out', async () => {
    const lab = await makeLab()
    const outside = await makeFolder()
    runGit(outside, ['init', '--quiet', '.'])
    const mark = join(outside, 'owned')
    await writeFile(join(outside, 'evil.sh'), `#!/bin/sh\ntouch ${mark}\n`)
    await chmod(join(outside, 'evil.sh'), 0o755)
    runGit(outside, ['config', 'core.fsmonitor', join(outside, 'evil.sh')])
    const names = ['.GIT', '.git ', '.git.', '.g\u200cit', '.git\ufeff', 'git~1', 'GIT~1', '.git::$INDEX_ALLOCATION']
    for (const place of ['link', 'file']) {
      const work = join(await makeFolder(), 'work')
      await mkdir(work)
      await writeFile(join(work, 'a.txt'), 'one\ntwo\nthree\n')
      if (place === 'link') await symlink(join(outside, '.git'), join(work, '.git'))
      else await writeFile(join(work, '.git'), `gitdir: ${join(outside, '.git')}\n`)
      for (const name of names) {
        await mkdir(join(work, name))
        await writeFile(join(work, name, 'config'), '[core]\n\tfsmonitor = evil\n')
      }
      await writeFile(join(work, '.gitty'), 'kept')
      await writeFile(join(work, 'git~2'), 'kept')
      const { tree, leftOut } = await capture(lab, execTar(work, []))
      expect(await pathsOf(lab, tree)).toEqual(['.gitty', 'a.txt', 'git~2'])
      expect(leftOut.map(({ path }) => path).sort()).toEqual(['.git', ...names.map((name) => `${name}/`)].sort())
      expect(new Set(leftOut.map(({ reason }) => reason))).toEqual(new Set(['git-directory']))
    }
    expect(existsSync(mark)).toBe(false)
  })

  it('may have repositories within, submodules of its own and filters: files are taken as they are, nothing runs', async () => {
    const lab = await makeLab()
    const work = join(await makeFolder(), 'work')
    const mark = join(work, '../owned')
    await mkdir(join(work, 'nested/src'), { recursive: true })
    await writeFile(join(work, 'nested/src/code.py'), 'code\n')
    runGit(join(work, 'nested'), ['init', '--quiet', '.'])
    runGit(join(work, 'nested'), ['add', '.'])
    runGit(join(work, 'nested'), ['commit', '--quiet', '-m', 'nested'])
    for (const key of ['filter.x.clean', 'filter.x.smudge', 'core.fsmonitor', 'core.hooksPath'])
      runGit(join(work, 'nested'), ['config', key, `touch ${mark}; cat`])
    await writeFile(join(work, '.gitattributes'), '* filter=x text eol=crlf ident\n')
    await writeFile(
      join(work, '.gitmodules'),
      `[submodule "../../x"]\n\tpath = nested\n\turl = ext::sh -c touch% ${mark}\n\tupdate = !touch ${mark}\n`,
    )
    await writeFile(join(work, 'crlf'), 'a\r\n$Id$\r\n')
    const { tree, leftOut } = await capture(lab, execTar(work, []))
    expect(await pathsOf(lab, tree)).toEqual(['.gitattributes', '.gitmodules', 'crlf', 'nested/src/code.py'])
    expect(String(await lab.repository.readFile(tree, 'crlf'))).toBe('a\r\n$Id$\r\n')
    expect(leftOut).toEqual([{ path: 'nested/.git/', reason: 'git-directory' }])
    await lab.repository.submodules(tree)
    await lab.repository.patch(lab.tree(), tree)
    for await (const _ of await lab.repository.exportRepository(tree));
    expect(existsSync(mark)).toBe(false)
  })

  it('may be full of links to /etc: they are taken as links, and what they lead to is never read', async () => {
    const lab = await makeLab()
    const count = 20_000
    const links = Array.from({ length: count }, (_, n): TarFile => ({
      name: `d${n % 100}/link-${n}`,
      type: 'symlink',
      target: n % 2 ? '/etc' : '/etc/passwd',
    }))
    // What seems to lie below a link is a file of its own tree, never the link's target.
    const { tree, leftOut } = await capture(lab, makeTar([...links, { name: 'd1/link-1/passwd', content: 'mine' }]))
    expect(leftOut).toEqual([])
    const entries = await lab.repository.listTree(tree)
    expect(entries).toHaveLength(count)
    expect(new Set(entries.map(({ object }) => object))).toEqual(
      new Set(['/etc', '/etc/passwd', 'mine'].map((text) => blobName(Buffer.from(text)))),
    )
    expect(String(await lab.repository.readFile(tree, 'd1/link-1/passwd'))).toBe('mine')
  }, 60_000)

  it('may have names that lead out of it, devices, pipes and hard links to nowhere: none is taken', async () => {
    const lab = await makeLab()
    const { tree, leftOut } = await capture(
      lab,
      makeTar([
        { name: '../../etc/cron.d/x', content: 'x' },
        { name: 'a/../../x', content: 'x' },
        { name: '/etc/passwd', content: 'x' },
        { name: 'disk', type: 'character-device' },
        { name: 'pipe', type: 'fifo' },
        { name: 'hard', type: 'link', target: '/etc/shadow' },
        { name: 'hard2', type: 'link', target: '../../etc/shadow' },
        { name: 'kept', content: 'k' },
      ]),
    )
    expect(await pathsOf(lab, tree)).toEqual(['kept'])
    expect(new Set(leftOut.map(({ reason }) => reason))).toEqual(new Set(['special-file']))
    expect(leftOut).toHaveLength(7)
  })

  it('may hold more than any disk, in files of holes: it is refused at the ceiling, and no more of it is read', async () => {
    const lab = await makeLab()
    const files = Array.from({ length: 64 }, (_, n) => ({ name: `hole${n}`, content: Buffer.alloc(1 << 20) }))
    const whole = Buffer.concat((await makeTar(files).toArray()) as Buffer[])
    let read = 0
    const holes = function* () {
      for (; read < whole.length; read += 65_536) yield whole.subarray(read, read + 65_536)
    }
    const options = { initialTree: lab.tree(), limitBytes: 1000, mostBytes: 8 << 20 }
    const captured = lab.repository.captureTree(Readable.from(holes(), { objectMode: false }), options)
    await expect(captured).rejects.toMatchObject({
      name: 'GitError',
      kind: 'failed',
      message: expect.stringContaining('more than 8 MiB') as string,
    })
    expect(read).toBeLessThan(16 << 20)
  })

  it('may have a file of 5 GB: it is named and passed over, never held', async () => {
    const lab = await makeLab()
    const sizeBytes = 5 * 1024 ** 3
    const zeros = Buffer.alloc(4 * 1024 * 1024)
    const beforeBytes = process.memoryUsage().arrayBuffers
    let mostBytes = 0
    const whole = Buffer.concat(await makeTar([{ name: 'a.txt', content: 'one\ntwo\nthree\n' }]).toArray())
    const tar = Readable.from(
      (async function* () {
        yield largeHeader('giant', sizeBytes)
        for (let sent = 0; sent < sizeBytes; sent += zeros.length) {
          mostBytes = Math.max(mostBytes, process.memoryUsage().arrayBuffers - beforeBytes)
          yield zeros
        }
        yield whole
      })(),
      { objectMode: false },
    )
    const { tree, leftOut } = await capture(lab, tar)
    expect(tree).toBe(lab.tree())
    expect(leftOut).toEqual([{ path: 'giant', reason: 'too-large' }])
    expect(mostBytes).toBeLessThan(200_000_000)
  }, 120_000)

  it('may have large files within the limit, new, changed and unchanged: each is taken whole', async () => {
    const large = (seed: number) => Buffer.alloc(6_000_000, `${seed} large `)
    const lab = await makeLab({ same: large(1), changed: large(2) })
    const { tree, leftOut } = await capture(
      lab,
      makeTar([
        { name: 'same', content: large(1) },
        { name: 'changed', content: large(3) },
        { name: 'new', content: large(4) },
        { name: 'again', content: large(4) },
      ]),
    )
    expect(leftOut).toEqual([])
    for (const [path, seed] of Object.entries({ same: 1, changed: 3, new: 4, again: 4 }))
      expect(await lab.repository.readFile(tree, path)).toEqual(large(seed))
    const object = (await lab.repository.listTree(tree)).find(({ path }) => path === 'same')!.object
    expect(object).toBe(lab.git('rev-parse', 'HEAD:same'))
  })
})

describe('what builds and scaffolds leave', () => {
  it('is left out by stated rules, and named by its folder', async () => {
    const lab = await makeLab({ 'pkg/__init__.py': '', 'rust/Cargo.toml': '[package]\n', 'java/pom.xml': '<project/>' })
    const junk = [
      ...['pkg/__pycache__/a.cpython-312.pyc', 'pkg/deep/__pycache__/b.pyc', 'stray.pyc', '.pytest_cache/v/x'],
      ...['.mypy_cache/x', 'sub/.ruff_cache/y', 'thing.egg-info/PKG-INFO', 'web/node_modules/left-pad/index.js'],
      ...['.gradle/x', 'rust/target/debug/app', 'java/target/classes/A.class', 'newcrate/target/debug/app'],
    ]
    const scaffold = ['.sii/log', '.qwen/settings.json', '.claude/x', '.aider.chat.history.md', '.mini-swe-agent/run']
    const kept = ['target/mine', 'sub/.claude/kept', 'core.py', 'score', 'newcrate/Cargo.toml', 'aider.md']
    const files = [...kept, ...junk, ...scaffold].sort().reverse()
    const { tree, leftOut } = await captureAbove(
      lab,
      files.map((name) => ({ name, content: name })),
    )
    expect((await lab.repository.changes(lab.tree(), tree)).map(({ path }) => path)).toEqual([...kept].sort())
    expect(leftOut.map(({ reason, path }) => `${reason} ${path}`).sort()).toEqual(
      [
        ...['pkg/__pycache__/', 'pkg/deep/__pycache__/', 'stray.pyc', '.pytest_cache/', '.mypy_cache/'],
        ...['sub/.ruff_cache/', 'thing.egg-info/', 'web/node_modules/', '.gradle/', 'rust/target/', 'java/target/'],
        'newcrate/target/',
      ]
        .map((path) => `junk ${path}`)
        .concat(
          ['.sii/', '.qwen/', '.claude/', '.aider.chat.history.md', '.mini-swe-agent/'].map(
            (path) => `scaffold ${path}`,
          ),
        )
        .sort(),
    )
  })

  it('is taken where the initial tree has it', async () => {
    const lab = await makeLab({
      '.claude/CLAUDE.md': 'theirs\n',
      'web/node_modules/kept/index.js': 'theirs\n',
      'old.pyc': 'tracked\n',
      'Cargo.toml': '[package]\n',
      'target/fixture': 'theirs\n',
    })
    const changed = ['.claude/CLAUDE.md', 'web/node_modules/kept/index.js', 'old.pyc', 'target/fixture']
    const added = ['.claude/new.md', 'target/new']
    const { tree, leftOut } = await captureAbove(
      lab,
      [...changed, ...added].map((name) => ({ name, content: 'mine\n' })),
    )
    expect(leftOut).toEqual([])
    expect((await lab.repository.changes(lab.tree(), tree)).map(({ path }) => path)).toEqual(
      [...changed, ...added].sort(),
    )
  })

  it('is a core dump only by its content', async () => {
    const lab = await makeLab()
    const core = Buffer.alloc(20_000)
    core.write('\x7fELF', 'latin1')
    core[16] = 4
    const program = Buffer.from(core)
    program[16] = 2
    const { tree, leftOut } = await capture(
      lab,
      makeTar([
        { name: 'a.txt', content: 'one\ntwo\nthree\n' },
        { name: 'core', content: core },
        { name: 'sub/core.1234', content: Buffer.concat([core, Buffer.alloc(5_000_000)]) },
        { name: 'lib/core', content: program },
        { name: 'other/core', content: 'text' },
        { name: 'image', content: core },
      ]),
    )
    expect(leftOut).toEqual([
      { path: 'core', reason: 'junk' },
      { path: 'sub/core.1234', reason: 'junk' },
    ])
    expect(await pathsOf(lab, tree)).toEqual(['a.txt', 'image', 'lib/core', 'other/core'])
  })
})

function capture(lab: GitLab, tar: Readable): Promise<{ tree: string; leftOut: LeftOut[] }> {
  return lab.repository.captureTree(tar, { initialTree: lab.tree(), limitBytes: LIMIT_BYTES })
}

/** A capture of the initial tree's files with some more after them. */
async function captureAbove(lab: GitLab, files: readonly TarFile[]): Promise<{ tree: string; leftOut: LeftOut[] }> {
  const names = new Set(files.map(({ name }) => name))
  const before = (await lab.repository.listTree(lab.tree())).filter(({ path }) => !names.has(path))
  const kept = await Promise.all(before.map(async ({ path }) => ({ name: path, content: await contentAt(lab, path) })))
  return capture(lab, makeTar([...files, ...kept]))
}

async function contentAt(lab: GitLab, path: string): Promise<Buffer> {
  return (await lab.repository.readFile(lab.tree(), path))!
}

async function pathsOf(lab: GitLab, tree: string): Promise<string[]> {
  return (await lab.repository.listTree(tree)).map(({ path }) => path)
}

function blobName(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
}

/** The block before a file's content, in ustar's form. */
function largeHeader(name: string, sizeBytes: number): Buffer {
  const block = Buffer.alloc(512)
  block.write(name)
  block.write('0000644\0', 100)
  block.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124)
  block.write('00000000000\0', 136)
  block.write('        ', 148)
  block.write('0', 156)
  block.write('ustar\x0000', 257, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}
