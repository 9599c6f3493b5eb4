import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { extract } from 'tar-stream'
import { GIT_ENVIRONMENT, gitArguments, runGit } from './gitProcess.ts'
import { readIgnoreRules } from './ignoreRules.ts'
import { GitError, type GitRepository, type LeftOut } from './port.ts'
import type { Places } from './repository.ts'

const GITLINK = '160000'

/**
 * The tree of a work tree from a tar of it. Contents go as data into one `git fast-import` over the scratch store: no
 * file is written to a work tree, and nothing that an agent wrote configures git.
 */
export async function captureTree(options: {
  repository: GitRepository
  places: Places
  tar: Readable
  initialTree: string
  limitBytes: number
}): Promise<{ tree: string; leftOut: LeftOut[] }> {
  const { repository, places, tar, initialTree, limitBytes } = options
  const initial = await repository.listTree(initialTree)
  const tracked = new Set(initial.map((entry) => entry.path))
  const isIgnored = await readIgnoreRules(repository, initialTree)
  const leftOut: LeftOut[] = []
  const written = new Map<string, { mode: string; content: Buffer }>()
  const ref = `refs/prchain/capture-${process.pid}-${randomBytes(6).toString('hex')}`
  const importer = openImporter(places.scratch, ref)

  const entries = extract()
  // A tar that breaks off must fail the capture, not end it.
  tar.once('error', (error) => entries.destroy(error))
  tar.pipe(entries)
  for await (const entry of entries) {
    const { name, type, mode, linkname, size } = entry.header
    const path = name.replace(/^(\.\/)+/, '').replace(/\/$/, '')
    const reason = type === 'directory' || path === '' || path === '.' ? 'directory' : refusalOf(path, type, size)
    if (reason !== null) {
      entry.resume()
      if (reason !== 'directory') leftOut.push({ path, reason })
      continue
    }
    const chunks: Buffer[] = []
    for await (const chunk of entry) chunks.push(chunk as Buffer)
    const file = { mode: (mode & 0o111) === 0 ? '100644' : '100755', content: Buffer.concat(chunks) }
    if (type === 'symlink') Object.assign(file, { mode: '120000', content: Buffer.from(linkname ?? '') })
    if (type === 'link') {
      const target = written.get((linkname ?? '').replace(/^(\.\/)+/, ''))
      if (target === undefined) {
        leftOut.push({ path, reason: 'special-file' })
        continue
      }
      Object.assign(file, target)
    } else if (type === 'file') written.set(path, file)
    await importer.put(path, file)
  }
  const under = (path: string) => [...written.keys()].some((one) => one === path || one.startsWith(`${path}/`))
  for (const { path, mode, object } of initial) if (mode === GITLINK && !under(path)) await importer.link(path, object)
  await importer.end()

  const git = async (...args: string[]) =>
    (await runGit(args, { gitDir: places.scratch })).stdout.toString('utf8').trim()
  const tree = await git('rev-parse', '--verify', `${ref}^{tree}`)
  await git('update-ref', '-d', ref)
  return { tree, leftOut: leftOut.sort((a, b) => (a.path < b.path ? -1 : 1)) }

  function refusalOf(path: string, type: string | null | undefined, size: number): LeftOut['reason'] | null {
    const segments = path.split('/')
    if (segments.some((segment) => segment.toLowerCase() === '.git')) return 'git-directory'
    const isNamable =
      !path.startsWith('/') &&
      !segments.some((segment) => segment === '' || segment === '.' || segment === '..') &&
      !path.includes('\ufffd')
    if (!isNamable || !['file', 'symlink', 'link'].includes(type ?? '')) return 'special-file'
    if (!tracked.has(path) && isIgnored(path)) return 'ignored'
    return size > limitBytes ? 'too-large' : null
  }
}

/** One `git fast-import` that makes one commit of the files it is given. */
function openImporter(scratch: string, ref: string) {
  const child = spawn('git', gitArguments(['fast-import', '--quiet', '--done'], scratch), {
    env: GIT_ENVIRONMENT,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk) => (said += String(chunk)))
  const ended = new Promise<void>((done, fail) => {
    child.once('error', (cause) =>
      fail(new GitError('failed', `git fast-import could not be started: ${cause.message}`, { cause })),
    )
    child.once('close', (code) =>
      code === 0 ? done() : fail(new GitError('failed', `git fast-import ended with code ${code}: ${said.trim()}`)),
    )
  })
  ended.catch(() => {})
  child.stdin.on('error', () => {})
  const write = async (data: Buffer | string) => {
    if (child.stdin.write(data)) return
    await Promise.race([once(child.stdin, 'drain'), ended])
  }
  child.stdin.write(`commit ${ref}\ncommitter prchain <prchain@localhost> 0 +0000\ndata 0\n`)

  return {
    async put(path: string, file: { mode: string; content: Buffer }) {
      await write(`M ${file.mode} inline ${quotePath(path)}\ndata ${file.content.length}\n`)
      await write(file.content)
      await write('\n')
    },
    link: (path: string, object: string) => write(`M ${GITLINK} ${object} ${quotePath(path)}\n`),
    async end() {
      child.stdin.end('\ndone\n')
      await ended
    },
  }
}

function quotePath(path: string): string {
  return `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}
