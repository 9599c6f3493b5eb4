/** Who wrote something; null for a deleted account. */
export interface Writer {
  author: string | null
  isBot: boolean
}

/** A repository as GitHub names it now: another name than the one asked for means that it moved. */
export interface RepositoryEntry {
  kind: 'repository'
  fullName: string
  defaultBranch: string
  /** SPDX id; null where GitHub knows no licence or not which. */
  license: string | null
}

/** A pull request of the list of all pull requests: its thread's own texts and its place in git, no discussion. */
export interface PullEntry extends Writer {
  kind: 'pull'
  number: number
  title: string
  body: string | null
  isClosed: boolean
  /** Of an unmerged one `mergeCommitSha` is null, whatever GitHub gives. */
  mergeCommitSha: string | null
  headSha: string | null
  baseRef: string | null
  /** It goes stale: GitHub does not move it with the branch. */
  baseSha: string | null
  createdAt: string | null
  mergedAt: string | null
  updatedAt: string | null
  url: string
  labels: string[]
}

/** An issue, or a pull request as the list of issues shows it. */
export interface IssueEntry extends Writer {
  kind: 'issue'
  number: number
  isPullRequest: boolean
  /** Null for an issue, and for a pull request that was not merged. */
  mergedAt: string | null
  title: string
  body: string | null
  isClosed: boolean
  createdAt: string | null
  updatedAt: string
  url: string
  labels: string[]
}

/** A comment in the thread of an issue or a pull request; `review-comment` stands at a line of a pull request's change. */
export interface CommentEntry extends Writer {
  kind: 'comment' | 'review-comment'
  id: string
  /** Of the issue or the pull request. */
  number: number
  body: string
  url: string | null
  createdAt: string | null
  updatedAt: string
}

/** What only GraphQL tells of a pull request. */
export interface ThreadEntry {
  kind: 'thread'
  number: number
  updatedAt: string
  /** False for the rest of a thread that did not fit into the page before: it adds to what that one had. */
  isWhole: boolean
  reviews: (Writer & { id: string; body: string; url: string | null; createdAt: string | null })[]
  /** Issues that GitHub says it closes, of this repository. */
  closes: number[]
  /** Issues and pull requests of this repository that cite it. */
  citedBy: { number: number; isPullRequest: boolean }[]
}

/** One entry of a page of GitHub's lists, in prchain's own shapes. */
export type PageEntry = RepositoryEntry | PullEntry | IssueEntry | CommentEntry | ThreadEntry
