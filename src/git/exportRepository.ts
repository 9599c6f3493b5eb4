import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { Readable } from 'node:stream'
import { pack, type Pack } from 'tar-stream'
import { GIT_ENVIRONMENT, gitArguments, runGit } from './gitProcess.ts'
import { GitError, type GitRepository } from './port.ts'
import type { Places } from './repository.ts'

const OWNER = { uid: 1000, gid: 1000, mtime: new Date(0) }
const CONFIG = '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n'

/** A tar of a tree's files and a `.git` with one root commit of it: nothing of the mirror's history goes along. */
export async function exportRepository(options: {
  repository: GitRepository
  places: Places
  tree: string
}): Promise<Readable> {
  const { repository, places, tree } = options
  const gitDir = await provideGitDir(places, tree)
  const entries = await repository.listTree(tree)
  const tar = pack()
  void (async () => {
    try {
      await packGitDir(tar, gitDir)
      await packFiles(tar, places.scratch, entries)
      tar.finalize()
    } catch (error) {
      tar.destroy(error as Error)
    }
  })()
  return Readable.from(tar, { objectMode: false })
}

/** The `.git` of a tree, made once and kept in the cache. */
async function provideGitDir(places: Places, tree: string): Promise<string> {
  const dir = join(places.tempDir, '..', 'exports', tree)
  if ((await stat(dir).catch(() => null)) !== null) return dir
  const aside = `${dir}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    for (const folder of ['objects/pack', 'objects/info', 'refs/heads', 'refs/tags'])
      await mkdir(join(aside, folder), { recursive: true })
    await writeFile(join(aside, 'HEAD'), 'ref: refs/heads/main\n')
    await writeFile(join(aside, 'config'), CONFIG)
    const commit = (await runGit(['commit-tree', tree, '-m', 'Initial state'], { gitDir: places.scratch })).stdout
      .toString('utf8')
      .trim()
    const { stdout } = await runGit(['pack-objects', '--revs', '--stdout', '--quiet', '--threads=1'], {
      gitDir: places.scratch,
      input: `${commit}\n`,
    })
    await runGit(['index-pack', '--stdin'], { gitDir: aside, input: stdout })
    await writeFile(join(aside, 'refs', 'heads', 'main'), `${commit}\n`)
    await runGit(['read-tree', commit], { gitDir: aside })
    await rename(aside, dir).catch(async (error: unknown) => {
      if ((await stat(dir).catch(() => null)) === null) throw error
    })
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
  return dir
}

async function packGitDir(tar: Pack, gitDir: string): Promise<void> {
  tar.entry({ ...OWNER, name: '.git/', type: 'directory', mode: 0o755 })
  const entries = await readdir(gitDir, { recursive: true, withFileTypes: true })
  const named = entries.map((entry) => ({ entry, name: relative(gitDir, join(entry.parentPath, entry.name)) }))
  for (const { entry, name } of named.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.isDirectory()) tar.entry({ ...OWNER, name: `.git/${name}/`, type: 'directory', mode: 0o755 })
    else await put(tar, { name: `.git/${name}`, mode: 0o644 }, await readFile(join(gitDir, name)))
  }
}

async function packFiles(
  tar: Pack,
  scratch: string,
  entries: { path: string; mode: string; object: string }[],
): Promise<void> {
  const folders = new Set<string>()
  const blobs = readBlobs(
    scratch,
    entries.filter((entry) => entry.mode !== '160000').map((entry) => entry.object),
  )
  for (const { path, mode } of entries) {
    const segments = path.split('/').slice(0, -1)
    for (const [index] of segments.entries()) {
      const folder = `${segments.slice(0, index + 1).join('/')}/`
      if (folders.has(folder)) continue
      folders.add(folder)
      tar.entry({ ...OWNER, name: folder, type: 'directory', mode: 0o755 })
    }
    if (mode === '160000') {
      tar.entry({ ...OWNER, name: `${path}/`, type: 'directory', mode: 0o755 })
      continue
    }
    const { value } = await blobs.next()
    if (value === undefined) throw new GitError('failed', `git cat-file ended before ${path}`)
    if (mode === '120000')
      tar.entry({ ...OWNER, name: path, type: 'symlink', linkname: value.toString('utf8'), mode: 0o777 })
    else await put(tar, { name: path, mode: mode === '100755' ? 0o755 : 0o644 }, value)
  }
  // Lets git end by itself, so that its failure is heard.
  await blobs.next()
}

function put(tar: Pack, header: { name: string; mode: number }, content: Buffer): Promise<void> {
  return new Promise((done, fail) => {
    tar.entry({ ...OWNER, ...header, size: content.length }, content, (error) => (error ? fail(error) : done()))
  })
}

/** The contents of blobs, in the order asked, from one `git cat-file --batch`. */
async function* readBlobs(scratch: string, objects: readonly string[]): AsyncGenerator<Buffer> {
  const child = spawn('git', gitArguments(['cat-file', '--batch', '--buffer'], scratch), {
    env: GIT_ENVIRONMENT,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  child.stdin.on('error', () => {})
  child.stdin.end(objects.map((object) => `${object}\n`).join(''))
  let rest: Buffer = Buffer.alloc(0)
  let waiting: { size: number } | null = null
  try {
    for await (const chunk of child.stdout) {
      rest = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer])
      for (;;) {
        if (waiting === null) {
          const end = rest.indexOf(10)
          if (end < 0) break
          const [object, type, size] = rest.subarray(0, end).toString('utf8').split(' ')
          if (type !== 'blob') throw new GitError('missing', `blob ${object} is missing: the mirror is incomplete`)
          waiting = { size: Number(size) }
          rest = rest.subarray(end + 1)
        }
        if (rest.length < waiting.size + 1) break
        yield Buffer.from(rest.subarray(0, waiting.size))
        rest = rest.subarray(waiting.size + 1)
        waiting = null
      }
    }
  } finally {
    child.kill()
  }
}
