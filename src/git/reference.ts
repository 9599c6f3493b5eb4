import type { FileChange } from '../formats/chain.ts'
import type { PullRequest } from '../formats/pullRequest.ts'
import { findDifferences, nameSome } from './fileDifferences.ts'
import { GitError, type Commit, type GitRepository } from './port.ts'
import { describeStanding } from './stageFlags.ts'

/** What git says of a merged pull request: the commits that define it and its reference patch. */
export interface ResolvedStage {
  style: 'merge' | 'squash' | 'rebase'
  /** B_t: the first parent of the merge or squash commit, or the parent of the first rebased commit. */
  baseSha: string
  /** H_t: the merge or squash commit, or the last rebased one. */
  resultSha: string
  headSha: string
  /** The committer's date of `resultSha`, UTC. */
  mergedAt: string
  changes: FileChange[]
  /** diff(B_t, H_t). */
  patch: Buffer
  /** What to know of its commits, in words. */
  flags: string[]
}

/** What a pull request says of its commits. `baseSha` is GitHub's, which goes stale and is only compared. */
export type Pull = Pick<PullRequest, 'number' | 'mergeCommitSha' | 'headSha' | 'commitCount' | 'files' | 'baseSha'>

/** Where a stage begins, and what was odd about finding that. */
interface Found {
  style: ResolvedStage['style']
  baseSha: string
  /** The head that agrees with the merge. */
  headSha: string
  flags: string[]
}

/** A path of the pull request's own file list. Counts are null where unknown or binary. */
interface OwnFile {
  path: string
  additions: number | null
  deletions: number | null
}

/**
 * Finds B_t, H_t and the reference patch of a merged pull request, checked against the pull request's own head and file
 * list. Throws {@link GitError} `missing` when the mirror lacks the head or the merge commit, `failed` when they do not
 * belong together, such as a number that is another repository's.
 */
export async function resolveStage(repository: GitRepository, pull: Pull): Promise<ResolvedStage> {
  const what = `pull request ${repository.name}#${pull.number}`
  const headSha = await repository.pullHead(pull.number)
  if (headSha === null) {
    throw new GitError(
      'missing',
      `${what} has no refs/pull/${pull.number}/head in the mirror of ${repository.name}; fetch +refs/pull/*/head:refs/pull/*/head there`,
    )
  }
  if (pull.mergeCommitSha === null) throw new GitError('failed', `${what} has no merge commit: it was not merged`)
  const merge = await repository.commit(pull.mergeCommitSha)
  if (!merge) {
    throw new GitError(
      'missing',
      `commit ${pull.mergeCommitSha}, the merge of ${what}, is not in the mirror of ${repository.name}; fetch it there`,
    )
  }

  const given = { what, pull, merge, headSha }
  const found = merge.parents.length > 1 ? await checkMerge(repository, given) : await findBase(repository, given)
  const { style, baseSha, flags } = found
  const resolved = { style, baseSha, resultSha: merge.sha, headSha: found.headSha }
  return {
    ...resolved,
    mergedAt: merge.committedAt,
    changes: await repository.changes(baseSha, merge.sha),
    patch: await repository.patch(baseSha, merge.sha),
    flags: [...flags, ...(await describeStanding(repository, pull, { ...resolved, refHead: headSha }))],
  }
}

interface Given {
  what: string
  pull: Pull
  merge: Commit
  headSha: string
}

/** A merge is the pull request's when one of its further parents is the pull request's head, or stands on it. */
async function checkMerge(repository: GitRepository, { what, pull, merge, headSha }: Given): Promise<Found> {
  const [baseSha = '', ...merged] = merge.parents
  const head = [headSha, pull.headSha].find((sha) => sha !== null && merged.includes(sha))
  const flags: string[] = []
  if (head === undefined) {
    const brought = await repository.log(baseSha, merge.sha)
    if (!brought.some(({ sha }) => sha === headSha)) {
      throw new GitError(
        'failed',
        `commit ${merge.sha} merges ${merged.join(', ')}, not ${headSha}, the head of ${what}: the number is another repository's, or the branch is another one`,
      )
    }
    flags.push(`it was merged as ${merged.join(', ')}, which stands on its head ${headSha}`)
  }
  const own = pull.files ?? (await ownFiles(repository, baseSha, head ?? headSha))
  const differing = findDifferences(own, await repository.changes(baseSha, merge.sha))
  if (differing.length > 0) flags.push(`its merge is not quite its file list: ${nameSome(differing)}`)
  return { style: 'merge', baseSha, headSha: head ?? headSha, flags }
}

/** A squash commit's parent, or the parent of the first rebased commit: whichever explains the file list. */
async function findBase(repository: GitRepository, { what, pull, merge, headSha }: Given): Promise<Found> {
  const [parent] = merge.parents
  if (parent === undefined) throw new GitError('failed', `commit ${merge.sha}, the merge of ${what}, has no parent`)
  if (merge.sha === headSha && pull.files === null) return forwarded(parent)
  const squash = await compare(parent)
  if (squash.length === 0) return { style: 'squash', baseSha: parent, headSha, flags: [] }

  const branchPoint = await repository.mergeBase(parent, headSha)
  const count = pull.commitCount || (branchPoint === null ? 0 : (await repository.log(branchPoint, headSha)).length)
  const base = count > 1 ? await ancestorOf(repository, merge, count) : null
  const rebase = base === null ? [] : await compare(base)
  if (base !== null && rebase.length === 0) return { style: 'rebase', baseSha: base, headSha, flags: [] }
  if (pull.files === null && branchPoint !== null && (await isMergeOf(branchPoint, parent))) {
    const flag = `its branch holds more than it brought, for its base had that already: ${nameSome(squash)}`
    return { style: 'squash', baseSha: parent, headSha, flags: [flag] }
  }

  const asSquash = `as a squash of ${parent}: ${nameSome(squash)}`
  const asRebase = base === null ? '' : `; as ${count} rebased commits on ${base}: ${nameSome(rebase)}`
  throw new GitError(
    'failed',
    `${what}: reference patch does not match the pull request's own file list, ${asSquash}${asRebase}`,
  )

  /** The head is on the target itself: only the number of commits says where it began. */
  async function forwarded(first: string): Promise<Found> {
    const began = pull.commitCount > 1 ? await ancestorOf(repository, merge, pull.commitCount) : null
    const flags = pull.commitCount > 0 ? [] : ['its head is on its target: taken as one commit, nothing says how many']
    return { style: 'rebase', baseSha: began ?? first, headSha, flags }
  }

  /** Whether merging the head makes the very tree of the squash. */
  async function isMergeOf(base: string, ours: string): Promise<boolean> {
    const merged = await repository.mergeTrees({ base, ours, theirs: headSha })
    return merged.kind === 'clean' && merged.tree === merge.tree
  }

  async function compare(baseSha: string): Promise<string[]> {
    const own = pull.files ?? (await ownFiles(repository, baseSha, headSha))
    return findDifferences(own, await repository.changes(baseSha, merge.sha))
  }
}

/** The file list as git has it, for a pull request whose list GitHub did not give. */
async function ownFiles(repository: GitRepository, baseSha: string, headSha: string): Promise<OwnFile[]> {
  const branchPoint = await repository.mergeBase(baseSha, headSha)
  return branchPoint === null ? [] : repository.changes(branchPoint, headSha)
}

/** The first-parent ancestor `count` commits back, or null where there is none or a merge lies between. */
async function ancestorOf(repository: GitRepository, commit: Commit, count: number): Promise<string | null> {
  let current: Commit | null = commit
  for (let left = count; left > 0; left--) {
    if (current?.parents.length !== 1) return null
    const parent: string = current.parents[0]!
    if (left === 1) return parent
    current = await repository.commit(parent)
  }
  return null
}
