import { execFile } from 'node:child_process'
import { lstat, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs, promisify } from 'node:util'
import { createGitHost } from '../src/git/host.ts'
import type { GitRepository } from '../src/git/port.ts'

/**
 * How long it takes to have S_init of a large repository in a folder, as a work tree that git is clean in, and how many
 * bytes are written for it: prchain's export unpacked by tar (the first, which makes the base; later ones of the base's
 * own tree and of a carried-over one), beside a local clone with checkout, `git worktree add` in a clone of its own, and
 * archive-and-copy (git archive, git init, git add, git commit). Side by side in one run, one after the other.
 *
 *     node bench/workspace.ts --mirror DIR [--commit SHA] [--times 3]
 *
 * `--mirror` is a git directory, which is only read. Without `--commit` it is the newest one on the main line, in steps
 * of 50, that the mirror has whole. A clone and a worktree show the agent the whole history; they are no way to make
 * S_init, but what people do. Most of each way's time goes into making files: TMPDIR says where.
 */
const { values } = parseArgs({
  options: { mirror: { type: 'string' }, commit: { type: 'string' }, times: { type: 'string', default: '3' } },
})
if (!values.mirror) throw new Error('--mirror DIR is needed: a git directory')
const mirror = resolve(values.mirror)
const times = Number(values.times)
const NAME = 'bench/repository'
const FILES_CARRIED = 10
const run = promisify(execFile)
const ENV = {
  PATH: process.env['PATH'],
  HOME: tmpdir(),
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'bench',
  GIT_AUTHOR_EMAIL: 'bench@localhost',
  GIT_COMMITTER_NAME: 'bench',
  GIT_COMMITTER_EMAIL: 'bench@localhost',
}
/** Time that the current measurement has spent on counting bytes, which is no part of the work. */
let countedMs = 0
const root = await mkdtemp(join(tmpdir(), 'prchain-workspace-'))

try {
  const mirrors = join(root, 'mirrors')
  await mkdir(mirrors)
  await symlink(mirror, join(mirrors, 'bench__repository.git'))
  const open = (cache: string) =>
    createGitHost({
      cacheDir: join(root, cache),
      cloneUrl: () => mirror,
      environment: { PATH: process.env['PATH']! },
    }).open(NAME, mirrors)
  const repository = await open('cache')
  const commit = values.commit ?? (await newestWhole(repository))
  const { tree } = (await repository.commit(commit))!
  const carried = await carriedTree(repository, commit, tree)
  const files = (await repository.listTree(tree)).length
  console.log(`commit ${commit}, ${files} files; each ${times} times, median and range`)

  await measure('prchain, first (makes the base)', async (dir, n) => {
    const fresh = await open(`cache-${n}`)
    await unpack(await fresh.exportRepository(tree), dir)
    return (await sizeOf(join(root, `cache-${n}`))) + (await sizeOf(dir))
  })
  await measure(
    'prchain, later, the same tree',
    (dir) => exportInto(repository, tree, dir),
    () => drain(repository.exportRepository(tree)),
  )
  await measure('prchain, later, a carried-over tree', (dir) => exportInto(repository, carried, dir))
  await measure('prchain, later, same tree, stream alone', async () => drain(repository.exportRepository(tree)))
  await measure('prchain, later, carried-over, stream alone', async () => drain(repository.exportRepository(carried)))
  await measure('git clone --no-hardlinks + checkout', async (dir) => {
    await git(root, 'clone', '--quiet', '--local', '--no-hardlinks', '--no-checkout', mirror, dir)
    await git(dir, 'checkout', '--quiet', '--detach', commit)
    return sizeOf(dir)
  })
  await measure(
    'git worktree add',
    async (dir) => {
      await git(join(root, 'shared.git'), 'worktree', 'add', '--force', '--quiet', '--detach', dir, commit)
      return sizeOf(dir)
    },
    () => git(root, 'clone', '--quiet', '--mirror', '--shared', mirror, join(root, 'shared.git')),
  )
  await measure('git archive + init, add, commit', async (dir) => {
    await mkdir(dir)
    await run('bash', ['-c', 'git -C "$1" archive "$2" | tar -x -C "$3"', 'archive', mirror, commit, dir], {
      env: ENV,
    })
    await git(dir, 'init', '--quiet')
    await git(dir, 'add', '-A', '-f')
    await git(dir, 'commit', '--quiet', '-m', 'Initial state')
    return sizeOf(dir)
  })
} finally {
  await rm(root, { recursive: true, force: true })
}

async function measure(
  name: string,
  once: (dir: string, n: number) => Promise<number>,
  before: () => Promise<unknown> = async () => {},
): Promise<void> {
  await before()
  const taken: number[] = []
  let bytes = 0
  for (let n = 0; n < times; n++) {
    const dir = join(root, 'work')
    const startedMs = performance.now()
    countedMs = 0
    bytes = await once(dir, n)
    taken.push(performance.now() - startedMs - countedMs)
    await rm(dir, { recursive: true, force: true })
    await rm(join(root, `cache-${n}`), { recursive: true, force: true })
  }
  taken.sort((a, b) => a - b)
  const said = `${ms(taken[Math.floor(times / 2)]!)} ms (${taken[0]!.toFixed(0)} to ${taken.at(-1)!.toFixed(0)})`
  console.log(`${name.padEnd(44)} ${said.padEnd(28)} ${(bytes / 1e6).toFixed(1).padStart(6)} MB`)
}

async function exportInto(repository: GitRepository, tree: string, dir: string): Promise<number> {
  await unpack(await repository.exportRepository(tree), dir)
  return sizeOf(dir)
}

async function unpack(tar: Readable, dir: string): Promise<void> {
  await mkdir(dir)
  const child = execFile('tar', ['-C', dir, '-xpf', '-', '--no-same-owner'])
  const ended = new Promise<void>((done, fail) =>
    child.once('close', (code) => (code === 0 ? done() : fail(new Error(`tar ended with exit code ${code}`)))),
  )
  await Promise.all([pipeline(tar, child.stdin!), ended])
}

async function drain(stream: Promise<Readable>): Promise<number> {
  let bytes = 0
  for await (const chunk of (await stream) as AsyncIterable<Buffer>) bytes += chunk.length
  return bytes
}

/** The base tree with some files as they were twenty commits before: what an agent's other version of them is like. */
async function carriedTree(repository: GitRepository, commit: string, tree: string): Promise<string> {
  const older = (await git(mirror, 'rev-list', '-1', '--first-parent', '--skip=20', commit)).trim()
  const changed = (await repository.changes(older, tree)).filter(({ kind }) => kind === 'modified')
  return repository.withPathsFrom(
    tree,
    older,
    changed.slice(0, FILES_CARRIED).map(({ path }) => path),
  )
}

async function newestWhole(repository: GitRepository): Promise<string> {
  const line = (await git(mirror, 'rev-list', '--first-parent', 'HEAD')).trim().split('\n')
  for (let index = 0; index < line.length; index += 50)
    if ((await repository.missingObjects(line[index]!)).length === 0) return line[index]!
  throw new Error(`${mirror} has no commit whole; give one by --commit`)
}

async function git(dir: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('git', args, { cwd: dir, env: ENV, maxBuffer: 1 << 28 })
  return stdout
}

async function sizeOf(dir: string): Promise<number> {
  const startedMs = performance.now()
  let bytes = 0
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true }))
    if (!entry.isDirectory()) bytes += (await lstat(join(entry.parentPath, entry.name))).size
  countedMs += performance.now() - startedMs
  return bytes
}

function ms(value: number): string {
  return value.toFixed(0).padStart(6)
}
