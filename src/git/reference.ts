import type { FileChange } from '../formats/chain.ts'
import type { PullRequest } from '../formats/pullRequest.ts'
import { GitError, type Commit, type GitRepository } from './port.ts'

const NAMED_DIFFERENCES = 5

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
}

type Pull = Pick<PullRequest, 'number' | 'mergeCommitSha' | 'headSha' | 'commitCount' | 'files'>

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

  const { style, baseSha } =
    merge.parents.length > 1
      ? checkMerge(what, merge, headSha)
      : await findBase(repository, { what, pull, merge, headSha })
  return {
    style,
    baseSha,
    resultSha: merge.sha,
    headSha,
    mergedAt: merge.committedAt,
    changes: await repository.changes(baseSha, merge.sha),
    patch: await repository.patch(baseSha, merge.sha),
  }
}

/** A merge is the pull request's when one of its further parents is the pull request's head. */
function checkMerge(what: string, merge: Commit, headSha: string): { style: 'merge'; baseSha: string } {
  const [baseSha = '', ...merged] = merge.parents
  if (merged.includes(headSha)) return { style: 'merge', baseSha }
  throw new GitError(
    'failed',
    `commit ${merge.sha} merges ${merged.join(', ')}, not ${headSha}, the head of ${what}: the number is another repository's, or the branch is another one`,
  )
}

/** A squash commit's parent, or the parent of the first rebased commit: whichever explains the file list. */
async function findBase(
  repository: GitRepository,
  given: { what: string; pull: Pull; merge: Commit; headSha: string },
): Promise<{ style: 'squash' | 'rebase'; baseSha: string }> {
  const { what, pull, merge, headSha } = given
  const [parent] = merge.parents
  if (parent === undefined) throw new GitError('failed', `commit ${merge.sha}, the merge of ${what}, has no parent`)
  const squash = await compare(parent)
  if (squash.length === 0) return { style: 'squash', baseSha: parent }

  const branchPoint = await repository.mergeBase(parent, headSha)
  const count = pull.commitCount || (branchPoint === null ? 0 : (await repository.log(branchPoint, headSha)).length)
  const base = count > 1 ? await ancestorOf(repository, merge, count) : null
  const rebase = base === null ? [] : await compare(base)
  if (base !== null && rebase.length === 0) return { style: 'rebase', baseSha: base }

  const asSquash = `as a squash of ${parent}: ${nameSome(squash)}`
  const asRebase = base === null ? '' : `; as ${count} rebased commits on ${base}: ${nameSome(rebase)}`
  throw new GitError(
    'failed',
    `${what}: reference patch does not match the pull request's own file list, ${asSquash}${asRebase}`,
  )

  async function compare(baseSha: string): Promise<string[]> {
    const own = pull.files ?? (await ownFiles(repository, baseSha, headSha))
    return differences(own, await repository.changes(baseSha, merge.sha))
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

/** What differs between the pull request's own file list and what its commits changed, a phrase each. */
function differences(own: readonly OwnFile[], changes: readonly FileChange[]): string[] {
  const changed = new Map(changes.map((change) => [change.path, change]))
  const listed = new Set(own.map(({ path }) => path))
  const found: string[] = []
  for (const { path, additions, deletions } of own) {
    const change = changed.get(path)
    if (!change) {
      found.push(`${path} is listed and not changed`)
      continue
    }
    // GitHub counts a binary file's lines as 0, git as none.
    if (change.additions === null || change.deletions === null || additions === null || deletions === null) continue
    if (change.additions === additions && change.deletions === deletions) continue
    found.push(
      `${path} is listed with +${additions} -${deletions} and changed by +${change.additions} -${change.deletions}`,
    )
  }
  for (const path of changed.keys()) if (!listed.has(path)) found.push(`${path} is changed and not listed`)
  return found
}

function nameSome(found: readonly string[]): string {
  const more = found.length - NAMED_DIFFERENCES
  return `${found.slice(0, NAMED_DIFFERENCES).join('; ')}${more > 0 ? `; and ${more} more` : ''}`
}
