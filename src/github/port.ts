import type { PullRequest } from '../formats/pullRequest.ts'

/** GitHub's API, as far as mining needs it. Reads only. */
export interface GitHub {
  /** Numbers of the repository's closed pull requests, in ascending order. Throws {@link GitHubError}. */
  listPullRequests(repository: string): Promise<number[]>
  /** One pull request with all its evidence. Throws {@link GitHubError} `missing` when there is none. */
  fetchPullRequest(repository: string, number: number): Promise<PullRequest>
  /** The remaining quota of the token, or of the address when there is none. */
  rateLimit(): Promise<{ limit: number; remaining: number; resetsAt: string }>
}

/** GitHub that did not answer as asked. */
export class GitHubError extends Error {
  override name = 'GitHubError'
  /** `limited`: primary or secondary limit. `refused`: 401 or 403. `missing`: 404, 410, 451. `unreachable`: 5xx or no connection. `malformed`: an answer of another shape. */
  readonly kind: 'limited' | 'refused' | 'missing' | 'unreachable' | 'malformed'
  readonly retryAfterMs: number | null
  constructor(kind: GitHubError['kind'], message: string, retryAfterMs: number | null = null, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
    this.retryAfterMs = retryAfterMs
  }
}
