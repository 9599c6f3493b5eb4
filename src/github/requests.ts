import { throttling } from '@octokit/plugin-throttling'
import { Octokit } from '@octokit/rest'
import { z } from 'zod'
import { explainFailure, mask } from './failure.ts'
import { GitHubError } from './port.ts'

/** Validated reads of GitHub's REST API. Every method throws {@link GitHubError} and asks once. */
export interface Requests {
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>
  /** All entries of a list, page after page by GitHub's `Link` headers. */
  list<T>(path: string, entry: z.ZodType<T>): Promise<T[]>
}

const PAGE_SIZE = 100
const ThrottledOctokit = Octokit.plugin(throttling)
const silent = () => {}

/**
 * Reads by Octokit, at most ten at once. A limit is thrown, not waited for, and nothing is asked again: retries belong
 * to the caller.
 */
export function createRequests(options: { apiUrl: string; token: string | null; requestTimeoutMs: number }): Requests {
  const { token, requestTimeoutMs } = options
  const apiUrl = options.apiUrl.replace(/\/+$/, '')
  const octokit = new ThrottledOctokit({
    baseUrl: apiUrl,
    ...(token ? { auth: token } : {}),
    userAgent: 'prchain',
    log: { debug: silent, info: silent, warn: silent, error: silent },
    request: { fetch: (url: string, init: RequestInit) => fetchWhole(url, init, requestTimeoutMs) },
    throttle: { id: apiUrl, onRateLimit: () => false, onSecondaryRateLimit: () => false },
  })

  async function ask(url: string): Promise<{ data: unknown; link: string | undefined }> {
    const endpoint = `GET ${url.startsWith(apiUrl) ? url.slice(apiUrl.length) : url}`
    try {
      const response = await octokit.request(`GET ${url}`, { headers: { 'x-github-api-version': '2022-11-28' } })
      return { data: response.data, link: response.headers.link }
    } catch (error) {
      throw explainFailure(error, { endpoint, token })
    }
  }

  function check<T>(value: unknown, schema: z.ZodType<T>, path: string): T {
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
    const issues = parsed.error.issues
      .slice(0, 3)
      .map((issue) => `${issue.path.join('.') || 'answer'}: ${issue.message}`)
    const what = mask(issues.join('; '), token)
    throw new GitHubError(
      'malformed',
      `GET ${path} answered in another shape (${what}); is GITHUB_API_URL a GitHub API?`,
    )
  }

  return {
    async get(path, schema) {
      return check((await ask(apiUrl + path)).data, schema, path)
    },
    async list(path, entry) {
      const entries = []
      const seen = new Set<string>()
      let next: string | null = `${apiUrl}${path}${path.includes('?') ? '&' : '?'}per_page=${PAGE_SIZE}`
      while (next !== null) {
        seen.add(next)
        const { data, link } = await ask(next)
        entries.push(...check(data, z.array(entry), path))
        next = nextPage(link)
        // The token goes with every request, so a page elsewhere is not followed.
        if (next !== null && (seen.has(next) || new URL(next).origin !== new URL(apiUrl).origin)) {
          throw new GitHubError('malformed', `GET ${path} names a next page that it cannot have: ${mask(next, token)}`)
        }
      }
      return entries
    },
  }
}

function nextPage(link: string | undefined): string | null {
  const address = /<([^<>]+)>\s*;[^,]*\brel="?next"?/.exec(link ?? '')?.[1]
  return address && URL.canParse(address) ? address : null
}

/** Reads the body here: Octokit would take one that breaks off for an answer. */
async function fetchWhole(url: string, init: RequestInit, timeoutMs: number): Promise<Response> {
  const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) })
  const body = await answer.arrayBuffer()
  const { status, statusText, headers } = answer
  return new Response(body.byteLength === 0 ? null : body, { status, statusText, headers })
}
