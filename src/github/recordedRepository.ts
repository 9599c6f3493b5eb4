/** A JSON object as GitHub sends it. */
export type Json = Record<string, unknown>

/** The lists that belong to one pull request; `issue_comments` and `timeline` also to an issue. */
export type ThreadList = 'issue_comments' | 'review_comments' | 'reviews' | 'commits' | 'files' | 'timeline'

/** The lists of a whole repository. `issues` has the pull requests among the issues, as GitHub has it. */
export type RepositoryList = 'pulls' | 'issues' | 'issue_comments' | 'review_comments'

/** A repository-wide list in the order in which its entries were made. An entry is built when it is read. */
export interface ListedEntries {
  length: number
  /** Milliseconds since 1970; never falls from one index to the next. */
  createdAt(index: number): number
  /** Milliseconds since 1970. */
  updatedAt(index: number): number
  state(index: number): 'open' | 'closed'
  entry(index: number): Json
}

/** A repository as the loopback GitHub serves it: in GitHub's shapes, whatever it is made of. */
export interface HostedRepository {
  /** `owner/name`. */
  name: string
  /** GitHub's own number of it, which a rename does not change. */
  id: number
  /** `GET /repos/{owner}/{repo}`. */
  about: Json
  /** Of an unchanged repository the same object each time, so that what is worked out of it is kept. */
  listed(list: RepositoryList): ListedEntries
  /** A pull request as `GET /repos/{owner}/{repo}/pulls/{n}` has it, or null. */
  pull(number: number): Json | null
  /** An issue, or a pull request as GitHub shows it among the issues, or null. */
  issue(number: number): Json | null
  /** Null when there is no such pull request (or issue, for its comments and its timeline). */
  list(kind: ThreadList, number: number): Json[] | null
  /** Issues that GitHub says the pull request closes. */
  closes(number: number): { number: number; repository: string }[]
}

/** Where the loopback GitHub finds its repositories. */
export interface RepositoryHost {
  find(owner: string, name: string): Promise<HostedRepository | null>
  findById(id: number): Promise<HostedRepository | null>
}
