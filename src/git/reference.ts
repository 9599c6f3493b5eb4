import type { FileChange } from '../formats/chain.ts'
import type { PullRequest } from '../formats/pullRequest.ts'
import { GitError, type GitRepository } from './port.ts'

/** A pull request's commits and its own change, as git has them. */
export interface ResolvedStage {
  style: 'merge' | 'squash' | 'rebase'
  /** B_t. */
  baseSha: string
  /** H_t. */
  resultSha: string
  headSha: string
  mergedAt: string
  changes: FileChange[]
  patch: Buffer
}

/**
 * Finds B_t and H_t of a pull request and its reference patch, checked against its own file list. GitHub's `base.sha` is
 * not used: it goes stale. Throws {@link GitError} `missing` when a commit is not in the mirror, `failed` when nothing
 * in git agrees with the pull request.
 */
export async function resolveStage(
  repository: GitRepository,
  pull: Pick<PullRequest, 'number' | 'mergeCommitSha' | 'headSha' | 'commitCount' | 'files'>,
): Promise<ResolvedStage> {
  const who = `${repository.name}#${pull.number}`
  if (pull.mergeCommitSha === null) throw new GitError('missing', `${who} has no merge commit: it was not merged`)
  const merge = await repository.commit(pull.mergeCommitSha)
  if (!merge) throw new GitError('missing', `the merge commit ${pull.mergeCommitSha} of ${who} is not in the mirror`)
  const headSha = await repository.pullHead(pull.number)
  if (headSha === null) throw new GitError('missing', `refs/pull/${pull.number}/head of ${who} is not in the mirror`)

  if (merge.parents.length > 1) {
    if (!merge.parents.slice(1).includes(headSha)) {
      throw new GitError(
        'failed',
        `${merge.sha} does not merge the head ${headSha} of ${who}: the number belongs to another repository, or the head was pushed again`,
      )
    }
    return settle('merge', merge.parents[0]!)
  }
  const parent = merge.parents[0]
  if (parent === undefined) throw new GitError('failed', `the merge commit ${merge.sha} of ${who} is a root commit`)
  const own = await ownFiles(parent)
  const squashed = await difference(own, parent)
  if (squashed === null) return settle('squash', parent)
  const rebasedOn = await ancestor(pull.commitCount)
  if (rebasedOn !== null && (await difference(own, rebasedOn)) === null) return settle('rebase', rebasedOn)
  throw new GitError(
    'failed',
    `the reference patch of ${who} does not match the pull request's own file list: ${squashed}`,
  )

  async function settle(style: ResolvedStage['style'], baseSha: string): Promise<ResolvedStage> {
    const resultSha = merge!.sha
    return {
      style,
      baseSha,
      resultSha,
      headSha: headSha!,
      mergedAt: merge!.committedAt,
      changes: await repository.changes(baseSha, resultSha),
      patch: await repository.patch(baseSha, resultSha),
    }
  }

  /** The pull request's own files: as GitHub lists them, else as its branch changed them. */
  async function ownFiles(onto: string): Promise<Map<string, { additions: number | null; deletions: number | null }>> {
    if (pull.files !== null) return new Map(pull.files.map((file) => [file.path, file]))
    const fork = await repository.mergeBase(onto, headSha!)
    if (fork === null) throw new GitError('failed', `the head of ${who} has no common ancestor with its base`)
    return new Map(
      (await repository.changes(fork, headSha!)).map((change) => [change.path, { additions: null, deletions: null }]),
    )
  }

  /** Null when the change from a base to the merge commit is the pull request's own, else what differs. */
  async function difference(files: Awaited<ReturnType<typeof ownFiles>>, from: string): Promise<string | null> {
    const changes = new Map((await repository.changes(from, merge!.sha)).map((change) => [change.path, change]))
    const foreign = [...changes.keys()].filter((path) => !files.has(path))
    const lacking = [...files.keys()].filter((path) => !changes.has(path))
    if (foreign.length > 0) return `it also changes ${foreign.join(', ')}`
    if (lacking.length > 0) return `it does not change ${lacking.join(', ')}`
    for (const [path, { additions, deletions }] of files) {
      const change = changes.get(path)!
      if (additions === null || change.additions === null) continue
      if (change.additions !== additions || change.deletions !== deletions) {
        return `${path} has +${change.additions} −${change.deletions} in git and +${additions} −${deletions} on GitHub`
      }
    }
    return null
  }

  /** The first-parent ancestor so many commits before the merge commit; null past a merge or a root. */
  async function ancestor(count: number): Promise<string | null> {
    let at = merge!
    for (let step = 0; step < count; step++) {
      if (at.parents.length !== 1) return null
      const before = await repository.commit(at.parents[0]!)
      if (!before) return null
      at = before
    }
    return count > 1 ? at.sha : null
  }
}
