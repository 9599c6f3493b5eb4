import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { remoteError } from './mirror.ts'
import type { Git, GitCommand } from './process.ts'

/** Git holds a lock for a moment; one this old is a killed process's. */
const STALE_LOCK_MS = 60_000
const STALE_PACK_MS = 24 * 60 * 60 * 1000

const REFS = ['+refs/heads/*:refs/heads/*', '+refs/pull/*/head:refs/pull/*/head', '+refs/tags/*:refs/tags/*']

/**
 * Fetches a repository's branches, tags and pull requests' heads into a mirror of the cache; nothing is pruned, and
 * `HEAD` becomes the branch that the origin names. Only where a name that the origin lost stands in the way of one that it
 * has (`work` of `work/one`), it goes; its commits stay. Git writes objects before it names them, so a kill leaves a mirror
 * that can be read; the locks and half packs that it left go with a later refresh. Throws {@link GitError}.
 */
export async function refreshMirror(
  git: Git,
  options: { repository: string; dir: string; url: string },
): Promise<void> {
  const { repository, dir, url } = options
  await removeLeftovers(dir)
  const at = { about: repository, gitDir: dir }
  try {
    // The URL is given, not kept: it may hold a token.
    const how = ['--quiet', '--no-prune', '--no-tags', '--no-auto-maintenance', '--no-write-fetch-head']
    const asked = await git.run(['ls-remote', '--symref', '--', url, 'HEAD', 'refs/heads/*', 'refs/tags/*'], at)
    const said = asked.stdout.toString('utf8')
    await removeBarred(git, at, new Set(Array.from(said.matchAll(/\t(refs\/\S+)$/gm), ([, name]) => name!)))
    await git.run(['fetch', ...how, '--update-head-ok', '--', url, ...REFS], at)
    const [, head] = /^ref: (refs\/heads\/\S+)\tHEAD$/m.exec(said) ?? []
    if (head !== undefined) await git.run(['symbolic-ref', 'HEAD', head], at)
  } catch (cause) {
    throw remoteError(cause, 'fetch', { repository, url })
  }
  await git.run(['pack-refs', '--all'], at)
}

/** Removes names that the origin lost and that git cannot keep beside those that it has. */
async function removeBarred(git: Git, at: GitCommand, there: ReadonlySet<string>): Promise<void> {
  const listed = await git.run(['for-each-ref', '--format=%(refname)', 'refs/heads', 'refs/tags'], at)
  const folders = new Set([...there].flatMap(foldersOf))
  const barred = listed.stdout
    .toString('utf8')
    .split('\n')
    .filter((name) => name !== '' && !there.has(name))
    .filter((name) => folders.has(name) || foldersOf(name).some((folder) => there.has(folder)))
  if (barred.length === 0) return
  const input = barred.map((name) => `delete ${name}\n`).join('')
  await git.run(['update-ref', '--stdin'], { ...at, input })
}

/** The names that a ref's own name begins with: `refs/heads/a` of `refs/heads/a/b`. */
function foldersOf(ref: string): string[] {
  const parts = ref.split('/')
  return parts.slice(3).map((_, index) => parts.slice(0, index + 3).join('/'))
}

async function removeLeftovers(dir: string): Promise<void> {
  const locks = (await readdir(join(dir, 'refs'), { recursive: true })).map((name) => join('refs', name))
  const packs = (await readdir(join(dir, 'objects/pack')).catch(() => [])).map((name) => join('objects/pack', name))
  for (const name of [...locks, 'HEAD.lock', 'packed-refs.lock', 'config.lock', 'shallow.lock']) {
    if (name.endsWith('.lock')) await removeOlder(join(dir, name), STALE_LOCK_MS)
  }
  for (const name of packs) if (/(?:^|\/)tmp_/.test(name)) await removeOlder(join(dir, name), STALE_PACK_MS)
}

async function removeOlder(path: string, ageMs: number): Promise<void> {
  const made = await stat(path).catch(() => null)
  if (made && Date.now() - made.mtimeMs > ageMs) await rm(path, { force: true })
}
