import { throttling } from '@octokit/plugin-throttling'
import { Octokit } from '@octokit/rest'
import { z } from 'zod'
import { explainFailure, explainGraphqlErrors, mask, readQuota } from './failure.ts'
import { createPace } from './pace.ts'
import { GitHubError, type Quota } from './port.ts'

/** An answer's bytes with what its headers say. */
export interface Answer {
  /** Null when nothing changed since the answer whose mark was sent along. */
  bytes: Buffer | null
  link: string | undefined
  etag: string | null
  quota: Quota | null
}

/** Validated reads of GitHub's APIs. Every method throws {@link GitHubError} and asks once. */
export interface Requests {
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>
  /** All entries of a list, page after page by GitHub's `Link` headers. */
  list<T>(path: string, entry: z.ZodType<T>): Promise<T[]>
  /** One answer over REST as it came. */
  getBytes(path: string, options: { etag: string | null; signal?: AbortSignal }): Promise<Answer>
  /** One answer over GraphQL as it came, `errors` that leave no data thrown. `about` names it in errors. */
  query(
    query: string,
    options: { variables: Readonly<Record<string, unknown>>; about: string; signal?: AbortSignal },
  ): Promise<Buffer>
  /** Checks an answer's JSON. Throws `malformed` with `about` and the places that are wrong. */
  check<T>(value: unknown, schema: z.ZodType<T>, about: string): T
  /** Parses an answer's bytes. Throws `malformed`, with `about`, when they are not JSON. */
  parse(bytes: Uint8Array, about: string): unknown
}

const PAGE_SIZE = 100
const ThrottledOctokit = Octokit.plugin(throttling)
const silent = () => {}

/**
 * Reads by Octokit, at most ten at once and at most `callsPerMinute`. A limit is thrown, not waited for, and nothing is
 * asked again: retries belong to the caller.
 */
export function createRequests(options: {
  apiUrl: string
  token: string | null
  requestTimeoutMs: number
  callsPerMinute: number
}): Requests {
  const { token, requestTimeoutMs } = options
  const apiUrl = options.apiUrl.replace(/\/+$/, '')
  const pace = createPace({ callsPerMinute: options.callsPerMinute })
  const shared = {
    baseUrl: apiUrl,
    ...(token ? { auth: token } : {}),
    userAgent: 'prchain',
    log: { debug: silent, info: silent, warn: silent, error: silent },
    request: { fetch: (url: string, init: RequestInit) => fetchWhole(url, init, requestTimeoutMs) },
  }
  const octokit = new ThrottledOctokit({
    ...shared,
    throttle: { id: apiUrl, onRateLimit: () => false, onSecondaryRateLimit: () => false },
  })
  // The throttling plugin takes a query for a write, and lets one through a second.
  const graphql = new Octokit(shared)

  async function ask(url: string, { etag = null, signal }: { etag?: string | null; signal?: AbortSignal } = {}) {
    const endpoint = `GET ${url.startsWith(apiUrl) ? url.slice(apiUrl.length) : url}`
    await pace(signal)
    try {
      const response = await octokit.request(`GET ${url}`, {
        headers: { 'x-github-api-version': '2022-11-28', ...(etag === null ? {} : { 'if-none-match': etag }) },
        request: { parseSuccessResponseBody: false, ...(signal ? { signal } : {}) },
      })
      return { bytes: await readBytes(response.data), headers: response.headers as Headers }
    } catch (error) {
      signal?.throwIfAborted()
      const headers = etag === null ? null : headersOfUnchanged(error)
      if (headers) return { bytes: null, headers }
      throw explainFailure(error, { endpoint, token })
    }
  }

  function check<T>(value: unknown, schema: z.ZodType<T>, about: string): T {
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
    const issues = parsed.error.issues
      .slice(0, 3)
      .map((issue) => `${issue.path.join('.') || 'answer'}: ${issue.message}`)
    const what = mask(issues.join('; '), token)
    throw new GitHubError('malformed', `${about} answered in another shape (${what}); is GITHUB_API_URL a GitHub API?`)
  }

  function parse(bytes: Uint8Array, about: string): unknown {
    try {
      return JSON.parse(Buffer.from(bytes).toString('utf8'))
    } catch (error) {
      const what = mask((error as Error).message, token)
      throw new GitHubError('malformed', `${about} answered with what is no JSON (${what}); ask again`)
    }
  }

  return {
    check,
    parse,
    async get(path, schema) {
      const about = `GET ${path}`
      return check(parse((await ask(apiUrl + path)).bytes!, about), schema, about)
    },
    async list(path, entry) {
      const entries = []
      const seen = new Set<string>()
      let next: string | null = `${apiUrl}${path}${path.includes('?') ? '&' : '?'}per_page=${PAGE_SIZE}`
      while (next !== null) {
        seen.add(next)
        const { bytes, headers } = await ask(next)
        entries.push(...check(parse(bytes!, `GET ${path}`), z.array(entry), `GET ${path}`))
        next = nextPage(headers.link)
        // The token goes with every request, so a page elsewhere is not followed.
        if (next !== null && (seen.has(next) || new URL(next).origin !== new URL(apiUrl).origin)) {
          throw new GitHubError('malformed', `GET ${path} names a next page that it cannot have: ${mask(next, token)}`)
        }
      }
      return entries
    },
    async getBytes(path, { etag, signal }) {
      const { bytes, headers } = await ask(apiUrl + path, { etag, signal })
      return { bytes, link: headers.link, etag: headers.etag ?? etag, quota: readQuota(headers) }
    },
    async query(query, { variables, about, signal }) {
      await pace(signal)
      let bytes: Buffer
      let headers: Headers
      try {
        const response = await graphql.request(`POST ${graphqlUrl(apiUrl)}`, {
          query,
          variables,
          request: { parseSuccessResponseBody: false, ...(signal ? { signal } : {}) },
        })
        bytes = await readBytes(response.data)
        headers = response.headers as Headers
      } catch (error) {
        signal?.throwIfAborted()
        throw explainFailure(error, { endpoint: about, token })
      }
      const failure = explainGraphqlErrors(parse(bytes, about), { headers, about, token })
      if (failure) throw failure
      return bytes
    },
  }
}

type Headers = Record<string, string | undefined>

/** GraphQL's address beside REST's: on GitHub Enterprise REST is at `/api/v3` and GraphQL at `/api/graphql`. */
export function graphqlUrl(apiUrl: string): string {
  return `${apiUrl.replace(/\/+$/, '').replace(/\/api\/v3$/, '/api')}/graphql`
}

/** The page that a `Link` header names as the next, or as the last. */
export function pageOfLink(link: string | undefined, rel: 'next' | 'last'): string | null {
  const address = new RegExp(`<([^<>]+)>\\s*;[^,]*\\brel="?${rel}"?`).exec(link ?? '')?.[1]
  return address && URL.canParse(address) ? address : null
}

function nextPage(link: string | undefined): string | null {
  return pageOfLink(link, 'next')
}

function headersOfUnchanged(thrown: unknown): Headers | null {
  const { status, response } = thrown as { status?: number; response?: { headers?: Headers } }
  return status === 304 ? (response?.headers ?? {}) : null
}

async function readBytes(body: unknown): Promise<Buffer> {
  return Buffer.from(await new Response(body as ReadableStream | null).arrayBuffer())
}

/** Reads the body here: Octokit would take one that breaks off for an answer. */
async function fetchWhole(url: string, init: RequestInit, timeoutMs: number): Promise<Response> {
  const signals = [AbortSignal.timeout(timeoutMs), ...(init.signal ? [init.signal] : [])]
  const answer = await fetch(url, { ...init, signal: AbortSignal.any(signals) })
  const body = await answer.arrayBuffer()
  const { status, statusText, headers } = answer
  return new Response(body.byteLength === 0 ? null : body, { status, statusText, headers })
}
