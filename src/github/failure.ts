import { GitHubError, type Quota } from './port.ts'

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
    new GitHubError(kind, `${says}; ${next}`, retryAfterMs, { cause, status: answer.status })
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

/**
 * The failure in a GraphQL answer, or null when it has data: GitHub answers 200 whatever happened. Errors beside data are
 * of nodes that the token may not see. One without a type is a time-out of GitHub's, which fewer entries may avoid.
 */
export function explainGraphqlErrors(
  answer: unknown,
  options: { headers: Readonly<Record<string, string | undefined>>; about: string; token: string | null },
): GitHubError | null {
  const { headers, about, token } = options
  const { errors, data } = (answer ?? {}) as { errors?: { type?: string; message?: string }[]; data?: unknown }
  const first = Array.isArray(errors) ? errors[0] : undefined
  if (first === undefined) return null
  const holds = Object.values((data ?? {}) as object).some((value) => value !== null)
  if (holds && !errors!.some(({ type }) => type === 'NOT_FOUND' || type === 'RATE_LIMITED')) return null
  const says = `${about} answered ${first.type ?? 'an error'} (${mask(first.message ?? '', token)})`
  if (first.type === 'RATE_LIMITED') {
    const retryAfterMs = readRetryAfterMs({
      status: 200,
      message: '',
      headers: { ...headers, 'x-ratelimit-remaining': '0' },
    })
    return new GitHubError('limited', `${says}; ask again in ${Math.ceil(retryAfterMs / 1000)} s`, retryAfterMs)
  }
  if (first.type === 'NOT_FOUND') {
    return new GitHubError('missing', `${says}; check the name, and that the token may read the repository`)
  }
  if (first.type === 'FORBIDDEN' || first.type === 'INSUFFICIENT_SCOPES') {
    return new GitHubError('refused', `${says}; check GITHUB_TOKEN and what it may read`)
  }
  if (first.type === undefined && /something went wrong|time(?:d)?[ -]?out/i.test(first.message ?? '')) {
    return new GitHubError('unreachable', `${says}; ask again later`, null, { status: 502 })
  }
  return new GitHubError('malformed', `${says}; GITHUB_API_URL may be a GitHub too old for prchain`)
}

/** What an answer's headers say of the quota; null where they say nothing, as on an Enterprise server without limits. */
export function readQuota(headers: Readonly<Record<string, string | number | undefined>>): Quota | null {
  const read = (name: string) => Number(headers[`x-ratelimit-${name}`] ?? Number.NaN)
  const [limit, remaining, reset] = [read('limit'), read('remaining'), read('reset')]
  if (![limit, remaining, reset].every(Number.isFinite)) return null
  return { limit, remaining, resetsAt: new Date(reset * 1000).toISOString() }
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
  if (isPrimary && Number.isFinite(resetsAtMs)) return Math.max(1000, resetsAtMs - nowOf(headers) + 1000)
  return DEFAULT_RETRY_MS
}

/** The time at GitHub, which sets the times that it names. */
function nowOf(headers: FailedAnswer['headers']): number {
  const sentMs = Date.parse(String(headers.date ?? ''))
  return Number.isNaN(sentMs) ? Date.now() : sentMs
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
