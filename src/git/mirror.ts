import { mkdir, realpath, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { repositoryFolder } from '../domain/identifiers.ts'
import { moveIntoPlace, withAside } from './aside.ts'
import { GitError } from './port.ts'
import { withoutCredentials, type Git } from './process.ts'

const NO_SUCH_REPOSITORY = /not found|does not exist|does not appear to be a git repository|could not read Username/i

/** A repository's whole git directory, which is only ever read. */
export interface Mirror {
  /** The git directory, absolute, links resolved. */
  dir: string
  /** Its folder of objects, absolute, links resolved. */
  objectsDir: string
}

/** Finds and checks `owner__name.git` in a folder of mirrors. Throws {@link GitError} `missing` or `not-a-mirror`. */
export async function findMirror(git: Git, options: { repository: string; mirrors: string }): Promise<Mirror> {
  const { repository, mirrors } = options
  const path = join(resolve(mirrors), `${repositoryFolder(repository)}.git`)
  if (!(await isThere(path))) {
    throw new GitError(
      'missing',
      `there is no mirror of ${repository}: expected a git directory, or a link to one, at ${path}`,
    )
  }
  return checkMirror(git, { repository, path })
}

/** The cache's own mirror of a repository, cloned when it is not there. Throws {@link GitError}. */
export async function cloneMirror(
  git: Git,
  options: { repository: string; cacheDir: string; url: string },
): Promise<Mirror> {
  const { repository, cacheDir, url } = options
  const path = clonePath(cacheDir, repository)
  if (!(await isThere(path))) {
    await mkdir(dirname(path), { recursive: true })
    await withAside(cacheDir, async (aside) => {
      const made = join(aside, 'mirror.git')
      await clone(git, { repository, url, made })
      await checkMirror(git, { repository, path: made })
      await moveIntoPlace(made, path)
    })
  }
  return checkMirror(git, { repository, path })
}

/** Where the cache's own mirror of a repository is or will be. */
export function clonePath(cacheDir: string, repository: string): string {
  return join(cacheDir, 'mirrors', `${repositoryFolder(repository)}.git`)
}

/** What a fetch or clone that failed says, without what its URL holds of credentials. */
export function remoteError(
  cause: unknown,
  does: 'clone' | 'fetch',
  given: { repository: string; url: string },
): GitError {
  const said = (cause as Error).message
  const kind = NO_SUCH_REPOSITORY.test(said) ? 'missing' : 'failed'
  const next = 'check the name and the network, or give a folder of mirrors'
  const from = withoutCredentials(given.url)
  return new GitError(kind, `cannot ${does} ${given.repository} from ${from}; ${next}: ${said}`, { cause })
}

async function clone(git: Git, options: { repository: string; url: string; made: string }): Promise<void> {
  const { repository, url, made } = options
  try {
    await git.run(['clone', '--quiet', '--mirror', '--', url, made], { about: repository })
  } catch (cause) {
    throw remoteError(cause, 'clone', { repository, url })
  }
  // The URL may hold a token; whoever fetches again gives it again.
  await git.run(['config', '--remove-section', 'remote.origin'], { about: repository, gitDir: made })
}

async function checkMirror(git: Git, options: { repository: string; path: string }): Promise<Mirror> {
  const { repository, path } = options
  const at = { about: repository, gitDir: path }
  const next = 'give a bare clone made by `git clone --mirror`, or a link to a .git folder'
  const found = await git.run(['rev-parse', '--git-path', 'objects'], { ...at, okCodes: [0, 128] })
  if (found.code !== 0) {
    throw new GitError('not-a-mirror', `${path} is not a git directory, so no mirror of ${repository}; ${next}`)
  }
  const refs = await git.run(['for-each-ref', '--count=1', '--format=%(objectname)'], at)
  if (refs.stdout.length === 0) {
    throw new GitError('not-a-mirror', `${path} has no refs, so it is no mirror of ${repository}; ${next}`)
  }
  const dir = await realpath(path)
  return { dir, objectsDir: await realpath(resolve(dir, found.stdout.toString('utf8').trimEnd())) }
}

/** Whether anything has this name; a link that leads nowhere counts as nothing. */
export async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null
}
