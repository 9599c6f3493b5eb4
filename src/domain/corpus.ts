import type { EvidenceKind, IssueThread, PullRequest } from '../formats/pullRequest.ts'
import type { PageEntry } from './pageEntry.ts'

/** A merged pull request as git has it: as much of `GitPull` as the corpus needs. */
export interface MergedInGit {
  number: number
  resultSha: string
  headSha: string | null
  mergedAt: string
  title: string
  author: string
  branch: string
  files: readonly { path: string; additions: number | null; deletions: number | null }[]
  commits: readonly { sha: string; message: string; author: string }[]
  isProven: boolean
}

/** All evidence of one repository. */
export interface Corpus {
  /** Closed pull requests by number. */
  pulls: PullRequest[]
  /** Issues by number. */
  issues: IssueThread[]
}

/**
 * Joins what GitHub's pages and git's history say of a repository's pull requests and issues. Entries come in the order
 * in which they were fetched: of two with the same id the last counts. `lacks` are the kinds of evidence that were not
 * to be had at all; `page` is the repository's page, such as `https://github.com/owner/name`. Pure.
 */
export function assembleCorpus(options: {
  repository: string
  page: string
  entries: Iterable<PageEntry>
  history: { merged: readonly MergedInGit[]; heads: ReadonlyMap<number, string> }
  lacks: readonly EvidenceKind[]
}): Corpus {
  throw new Error(`not yet: ${options.repository}`)
}
