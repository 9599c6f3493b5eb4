import type { GitHost, GitRepository } from '../git/port.ts'

/** The submodules of a tree: those whose repository and commit are at hand, and those that stay empty folders. */
export interface FoundSubmodules {
  submodules: { path: string; repository: GitRepository; tree: string }[]
  absent: { path: string; reason: string }[]
}

/**
 * Looks for a tree's submodules among the mirrors, by GitHub's name in their URL. One that is not there is left an empty
 * folder, as a plain clone has it, and named. The URLs are those of `namedBy`, where the tree may be an agent's: what
 * it names is not cloned.
 */
export async function findSubmodules(options: {
  git: GitHost
  repository: GitRepository
  mirrors: string | null
  tree: string
  /** A commit or tree that humans made; the tree itself when absent. */
  namedBy?: string
}): Promise<FoundSubmodules> {
  const { git, repository: parent, mirrors, tree, namedBy = tree } = options
  const found: FoundSubmodules = { submodules: [], absent: [] }
  const links = await parent.submodules(tree)
  const names = links.length === 0 ? [] : await parent.submodules(namedBy)
  const urls = new Map(names.map(({ path, url }) => [path, url]))
  for (const { path, sha } of links) {
    const url = urls.get(path) ?? null
    const name = repositoryOf(url, parent.name)
    if (name === null) {
      found.absent.push({ path, reason: `its address ${url ?? '(none)'} names no repository on GitHub` })
      continue
    }
    const repository = await openOnce(git, name, mirrors)
    if (repository instanceof Error) {
      found.absent.push({ path, reason: repository.message })
      continue
    }
    const commit = await repository.commit(sha)
    if (commit === null) found.absent.push({ path, reason: `the mirror of ${name} has no commit ${sha}` })
    else found.submodules.push({ path, repository, tree: commit.tree })
  }
  return found
}

/** What is said of submodules that stay empty folders. */
export function noteAbsent({ absent }: FoundSubmodules): string[] {
  return absent.map(({ path, reason }) => `the submodule ${path} is left an empty folder: ${reason}`)
}

const opened = new WeakMap<GitHost, Map<string, Promise<GitRepository | Error>>>()

/** One that could not be had is not asked for again in this process. */
function openOnce(git: GitHost, name: string, mirrors: string | null): Promise<GitRepository | Error> {
  const known = opened.get(git) ?? new Map<string, Promise<GitRepository | Error>>()
  opened.set(git, known)
  const key = `${mirrors} ${name}`
  const opening = known.get(key) ?? git.open(name, mirrors).catch((error: Error) => error)
  known.set(key, opening)
  return opening
}

/** `owner/name` of a submodule's URL, relative ones resolved against the repository's own. */
function repositoryOf(url: string | null, repository: string): string | null {
  if (url === null) return null
  const isRelative = url.startsWith('./') || url.startsWith('../')
  const absolute = isRelative ? new URL(url, `https://github.com/${repository}/`).href : url
  const match = /^(?:https?:\/\/|ssh:\/\/git@|git@|git:\/\/)github\.com[/:]([\w.-]+\/[\w.-]+?)(?:\.git)?\/?$/.exec(
    absolute,
  )
  return match ? match[1]! : null
}
