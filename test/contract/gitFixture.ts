import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'
import { onTestFinished } from 'vitest'
import { createGitHost } from '../../src/git/host.ts'
import type { GitHost, GitRepository } from '../../src/git/port.ts'

/** The name under which every test's repository is opened. */
export const NAME = 'acme/widgets'

/** A git repository in a temporary folder, linked as a mirror, and the host that opens it. */
export interface GitLab {
  root: string
  /** The work tree that the test commits in. */
  source: string
  mirrors: string
  cacheDir: string
  host: GitHost
  repository: GitRepository
  git: (...args: string[]) => string
  /** Writes files (null deletes one), commits everything and returns the commit. */
  commit: (files: Record<string, string | Buffer | null>, message?: string) => Promise<string>
  /** The tree of a commit or of `HEAD`. */
  tree: (revision?: string) => string
}

/** Runs git as a developer would, in a folder, without the user's settings. */
export function runGit(folder: string, args: readonly string[], input?: Buffer): string {
  return execFileSync('git', args, {
    cwd: folder,
    encoding: 'utf8',
    input,
    maxBuffer: 1 << 28,
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_AUTHOR_NAME: 'Ada',
      GIT_AUTHOR_EMAIL: 'ada@example.org',
      GIT_COMMITTER_NAME: 'Ada',
      GIT_COMMITTER_EMAIL: 'ada@example.org',
      GIT_COMMITTER_DATE: '2026-04-09T19:42:08+02:00',
    },
  }).trimEnd()
}

/** A temporary folder that goes when the test ends. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'prchain-git-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A lab whose repository has one commit of `files`. */
export async function makeLab(
  files: Record<string, string | Buffer> = { 'a.txt': 'one\ntwo\nthree\n' },
): Promise<GitLab> {
  const root = await makeFolder()
  const source = join(root, 'source')
  const mirrors = join(root, 'mirrors')
  const cacheDir = join(root, 'cache')
  await mkdir(source)
  await mkdir(mirrors)
  const git = (...args: string[]) => runGit(source, args)
  git('init', '--quiet', '-b', 'main')
  const commit: GitLab['commit'] = async (changes, message = 'change') => {
    for (const [path, content] of Object.entries(changes)) {
      if (content === null) await rm(join(source, path))
      else {
        await mkdir(dirname(join(source, path)), { recursive: true })
        await writeFile(join(source, path), content)
      }
    }
    git('add', '-A', '-f', '.')
    git('commit', '--quiet', '--allow-empty', '--allow-empty-message', '-m', message)
    return git('rev-parse', 'HEAD')
  }
  await commit(files, 'first')
  await symlink(join(source, '.git'), join(mirrors, 'acme__widgets.git'))
  const host = createGitHost({ cacheDir, cloneUrl: () => source })
  const repository = await host.open(NAME, mirrors)
  return {
    root,
    source,
    mirrors,
    cacheDir,
    host,
    repository,
    git,
    commit,
    tree: (at = 'HEAD') => git('rev-parse', `${at}^{tree}`),
  }
}

/** An entry of a tar as a sandbox would send it. */
export interface TarFile {
  name: string
  content?: string | Buffer
  mode?: number
  type?: 'file' | 'directory' | 'symlink' | 'link' | 'fifo' | 'character-device'
  target?: string
}

/** A tar stream of entries, in order. */
export function makeTar(files: readonly TarFile[]): Readable {
  const tar = pack()
  for (const { name, content = '', mode = 0o644, type = 'file', target } of files) {
    if (type === 'file') tar.entry({ name, mode, type }, content)
    else tar.entry({ name, mode, type, ...(target === undefined ? {} : { linkname: target }) })
  }
  tar.finalize()
  return Readable.from(tar as AsyncIterable<Buffer>, { objectMode: false })
}

/** A tar of a folder without its `.git`, by the system's tar. */
export function tarOf(folder: string, format: 'gnu' | 'pax'): Readable {
  return execTar(folder, [`--format=${format}`, '--exclude=.git'])
}

/** A tar of a folder, by the system's tar. */
export function execTar(folder: string, options: readonly string[]): Readable {
  const bytes = execFileSync('tar', ['-C', folder, ...options, '-cf', '-', '.'], { maxBuffer: 1 << 28 })
  return Readable.from([bytes], { objectMode: false })
}

/** A folder with what a tar holds, unpacked by the system's tar. */
export async function unpack(tar: Readable): Promise<string> {
  const root = await makeFolder()
  const chunks: Buffer[] = []
  await pipeline(tar, async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) chunks.push(chunk)
  })
  const folder = join(root, 'unpacked')
  await mkdir(folder)
  execFileSync('tar', ['-C', folder, '--no-same-owner', '-xpf', '-'], { input: Buffer.concat(chunks) })
  return folder
}
