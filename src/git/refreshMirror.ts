import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { remoteError } from './mirror.ts'
import type { Git } from './process.ts'

/** Git holds a lock for a moment; one this old is a killed process's. */
const STALE_LOCK_MS = 60_000
const STALE_PACK_MS = 24 * 60 * 60 * 1000

const REFS = ['+refs/heads/*:refs/heads/*', '+refs/pull/*/head:refs/pull/*/head', '+refs/tags/*:refs/tags/*']

/**
 * Fetches a repository's branches, tags and pull requests' heads into a mirror of the cache; nothing is pruned, and
 * `HEAD` becomes the branch that the origin names. Git writes objects before it names them, so a kill leaves a mirror
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
    await git.run(['fetch', ...how, '--update-head-ok', '--', url, ...REFS], at)
    const { stdout } = await git.run(['ls-remote', '--symref', '--', url, 'HEAD'], at)
    const [, head] = /^ref: (refs\/heads\/\S+)\tHEAD$/m.exec(stdout.toString('utf8')) ?? []
    if (head !== undefined) await git.run(['symbolic-ref', 'HEAD', head], at)
  } catch (cause) {
    throw remoteError(cause, 'fetch', { repository, url })
  }
  await git.run(['pack-refs', '--all'], at)
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
