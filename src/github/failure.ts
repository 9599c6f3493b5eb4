import { GitHubError } from './port.ts'

/** GitHub asks for at least a minute after a secondary limit that names no time. */
const DEFAULT_RETRY_MS = 60_000

/** An answer's fields that say why it failed. */
interface FailedAnswer {
  status: number
  message: string
  headers: Readonly<Record<string, string | number | undefined>>
}

/**
 * Translates what Octokit threw into a {@link GitHubError} that names the endpoint. The error that it keeps as `cause`
 * is made new, without the request, and the token is masked wherever it stands.
 */
export function explainFailure(thrown: unknown, options: { endpoint: string; token: string | null }): GitHubError {
  const { endpoint, token } = options
  const cause = cleanCause(thrown, token)
  const answer = readAnswer(thrown)
  if (answer === null) {
    return new GitHubError(
      'unreachable',
      `${endpoint}: no answer (${cause.message}); check the network and GITHUB_API_URL`,
      null,
      {
        cause,
      },
    )
  }
  const says = `${endpoint} answered ${answer.status} (${mask(answer.message, token)})`
  const fail = (kind: GitHubError['kind'], next: string, retryAfterMs: number | null = null) =>
    new GitHubError(kind, `${says}; ${next}`, retryAfterMs, { cause })
  if (isLimited(answer)) {
    const retryAfterMs = readRetryAfterMs(answer)
    return fail(
      'limited',
      `ask again in ${Math.ceil(retryAfterMs / 1000)} s, or with a token that has quota left`,
      retryAfterMs,
    )
  }
  if ([404, 410, 451].includes(answer.status)) {
    return fail('missing', 'check the name and number, and that the token may read the repository')
  }
  if (answer.status >= 500) return fail('unreachable', 'ask again later')
  if (answer.status >= 400) return fail('refused', 'check GITHUB_TOKEN and what it may read')
  return fail('malformed', 'GITHUB_API_URL may not be a GitHub API')
}

/** Replaces the token by `***` in a text. */
export function mask(text: string, token: string | null): string {
  return token ? text.replaceAll(token, '***') : text
}

function isLimited({ status, message, headers }: FailedAnswer): boolean {
  if (status === 429) return true
  if (status !== 403) return false
  return (
    String(headers['x-ratelimit-remaining']) === '0' ||
    headers['retry-after'] !== undefined ||
    /\brate limit\b/i.test(message)
  )
}

function readRetryAfterMs({ headers }: FailedAnswer): number {
  const seconds = Number(headers['retry-after'] ?? Number.NaN)
  if (Number.isFinite(seconds) && seconds >= 0) return Math.ceil(seconds * 1000)
  const resetsAtMs = Number(headers['x-ratelimit-reset'] ?? Number.NaN) * 1000
  const isPrimary = String(headers['x-ratelimit-remaining']) === '0'
  // A second more, since GitHub counts whole seconds and clocks differ.
  if (isPrimary && Number.isFinite(resetsAtMs)) return Math.max(1000, resetsAtMs - Date.now() + 1000)
  return DEFAULT_RETRY_MS
}

function readAnswer(thrown: unknown): FailedAnswer | null {
  if (!(thrown instanceof Error) || !('response' in thrown)) return null
  const response = thrown.response as { status: number; headers: FailedAnswer['headers'] } | undefined
  return response ? { status: response.status, message: thrown.message, headers: response.headers } : null
}

function cleanCause(thrown: unknown, token: string | null): Error {
  if (!(thrown instanceof Error)) return new Error(mask(String(thrown), token))
  const cause = new Error(mask(thrown.message, token))
  cause.name = thrown.name
  return cause
}
