import type { PageEntry } from '../domain/pageEntry.ts'
import type { PageList } from '../formats/mining.ts'
import type { PullRequest } from '../formats/pullRequest.ts'

/** GitHub's API, as far as mining needs it. Reads only; every method throws {@link GitHubError} and waits for no limit. */
export interface GitHub {
  /** Whether a token goes with the requests: without one there is no GraphQL, and 60 calls an hour. */
  readonly hasToken: boolean
  /** The page where people read a repository, such as `https://github.com/owner/name`. */
  pageOf(repository: string): string
  /** Asks for one page of a list of the repository: one call, over GraphQL more where a page is too much for it. */
  fetchPage(repository: string, options: PageRequest): Promise<FetchedPage>
  /** The entries of a page that {@link fetchPage} gave. Throws {@link GitHubError} `malformed`. */
  readPage(repository: string, page: { list: PageList; cursor: string; raw: Uint8Array }): PageEntry[]
  /** One pull request with all its evidence, in eight calls or more. Throws {@link GitHubError} `missing` when there is none. */
  fetchPullRequest(repository: string, number: number): Promise<PullRequest>
  /** The remaining quota of the token, or of the address when there is none. Costs nothing. */
  rateLimit(): Promise<{ limit: number; remaining: number; resetsAt: string }>
}

/** Which page is asked for. */
export interface PageRequest {
  list: PageList
  /** Where it begins, as the page before said, or as `domain/pageCursor.ts` begins a list. */
  cursor: string
  /** The mark of the answer that the same request had before; null for the first time. */
  etag: string | null
  signal?: AbortSignal
}

/** A page as it came. */
export interface FetchedPage {
  /** The answer's bytes, gzipped; null when GitHub said that nothing changed. */
  raw: Uint8Array | null
  entries: number
  /** Where the next page begins; null for the list's last. */
  next: string | null
  etag: string | null
  /** So many pages follow, as far as GitHub tells; null where it does not. */
  pagesLeft: number | null
  /** Null where GitHub does not say, as an Enterprise server without limits. */
  quota: Quota | null
  /** Calls that it took, and of these the ones that GitHub answered "unchanged". */
  calls: { rest: number; unchanged: number; graphql: number; points: number }
}

/** What is left of the quota that a call counted towards. */
export interface Quota {
  limit: number
  remaining: number
  resetsAt: string
}

/** GitHub that did not answer as asked. */
export class GitHubError extends Error {
  override name = 'GitHubError'
  /** `limited`: primary or secondary limit. `refused`: 401 or 403. `missing`: 404, 410, 451. `renamed`: the repository has another name now. `unreachable`: 5xx or no connection. `malformed`: an answer of another shape. */
  readonly kind: 'limited' | 'refused' | 'missing' | 'renamed' | 'unreachable' | 'malformed'
  readonly retryAfterMs: number | null
  /** The answer's status; null when there was none. */
  readonly status: number | null
  constructor(
    kind: GitHubError['kind'],
    message: string,
    retryAfterMs: number | null = null,
    options?: ErrorOptions & { status?: number },
  ) {
    super(message, options)
    this.kind = kind
    this.retryAfterMs = retryAfterMs
    this.status = options?.status ?? null
  }
}
