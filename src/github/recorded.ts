import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono, type Context } from 'hono'
import { readRecording, type RecordedList } from './recordedData.ts'

/** What the server does instead of answering from the recording. */
export type FaultAnswer =
  | { kind: 'secondary-limit'; status: 403 | 429; retryAfterSeconds: number | null }
  | { kind: 'primary-limit'; resetsInSeconds: number }
  | { kind: 'status'; status: 401 | 403 | 410 | 451 | 500 | 502 | 503; message: string }
  /** 200 with this text as its JSON. */
  | { kind: 'text'; text: string }
  /** No answer until the server closes. */
  | { kind: 'hang' }

/** A fault on demand: the next `times` requests whose path, with its query, begins with `path`. */
export interface Fault {
  path: string
  times: number
  answer: FaultAnswer
}

/** A running server of recorded data. */
export interface RecordedGitHub {
  /** Its address, for `GITHUB_API_URL`. */
  url: string
  /** Every request so far, with its query, in order of arrival. */
  requests(): { method: string; path: string; status: number }[]
  close(): Promise<void>
}

const QUOTA = 5000
const MAX_PAGE_SIZE = 100
const LISTS: Record<string, RecordedList> = {
  'pulls/reviews': 'reviews',
  'pulls/comments': 'review_comments',
  'pulls/commits': 'commits',
  'pulls/files': 'files',
  'issues/comments': 'issue_comments',
  'issues/timeline': 'timeline',
}

/**
 * Serves recorded GitHub data on 127.0.0.1 at the paths and in the shapes of GitHub's REST API: pages and `Link`
 * headers, ETags, rate limit headers, errors. `dir` holds a file `owner__name.json` for each repository, read at each
 * request. `pageSizeLimit` caps `per_page` below GitHub's 100. With a `token`, requests without it are refused.
 */
export async function startRecordedGitHub(options: {
  dir: string
  port?: number
  pageSizeLimit?: number
  token?: string | null
  faults?: readonly Fault[]
}): Promise<RecordedGitHub> {
  const { dir, port = 0, pageSizeLimit = MAX_PAGE_SIZE, token = null } = options
  const faults = (options.faults ?? []).map((fault) => ({ ...fault }))
  const log: { method: string; path: string; status: number }[] = []
  const closing = new AbortController()
  const resetsAt = Math.floor(Date.now() / 1000) + 3600
  let remaining = QUOTA
  const app = new Hono()

  app.use(async (c, next) => {
    const { pathname, search } = new URL(c.req.url)
    const entry = { method: c.req.method, path: pathname + search, status: 0 }
    log.push(entry)
    const isAllowed =
      token === null || [`Bearer ${token}`, `token ${token}`].includes(c.req.header('authorization') ?? '')
    const fault = faults.find(({ path, times }) => times > 0 && entry.path.startsWith(path))
    if (!isAllowed) c.res = refuse(c, 401, 'Bad credentials')
    else if (fault) {
      fault.times -= 1
      c.res = await answerFault(c, fault.answer, closing.signal)
    } else await next()
    entry.status = c.res.status
    if (pathname !== '/rate_limit' && c.res.status !== 304) remaining = Math.max(0, remaining - 1)
    setQuota(c, { remaining, resetsAt })
  })

  app.get('/rate_limit', (c) => {
    const core = { limit: QUOTA, remaining, reset: resetsAt, used: QUOTA - remaining, resource: 'core' }
    return answer(c, { resources: { core }, rate: core })
  })
  app.get('/repos/:owner/:name', async (c) => {
    const repository = await readRecording(dir, c.req.param('owner'), c.req.param('name'))
    if (!repository) return notFound(c)
    const html_url = `https://github.com/${repository.name}`
    return answer(c, { full_name: repository.name, name: c.req.param('name'), private: false, html_url })
  })
  app.get('/repos/:owner/:name/pulls', async (c) => {
    const repository = await readRecording(dir, c.req.param('owner'), c.req.param('name'))
    if (!repository) return notFound(c)
    const { state = 'open', sort = 'created', direction } = c.req.query()
    const listed = repository.pulls.filter((pull) => state === 'all' || pull.state === state)
    if (sort === 'updated') listed.sort((a, b) => String(a.updated_at).localeCompare(String(b.updated_at)))
    const isAscending = (direction ?? (sort === 'created' ? 'desc' : 'asc')) === 'asc'
    return answerPage(c, isAscending ? listed : listed.reverse(), pageSizeLimit)
  })
  app.get('/repos/:owner/:name/:kind{pulls|issues}/:number{[0-9]+}', async (c) => {
    const { owner, name, kind, number } = c.req.param()
    const repository = await readRecording(dir, owner, name)
    const found = kind === 'pulls' ? repository?.pull(Number(number)) : repository?.issue(Number(number))
    return found ? answer(c, found) : notFound(c)
  })
  app.get('/repos/:owner/:name/:kind{pulls|issues}/:number{[0-9]+}/:list', async (c) => {
    const { owner, name, kind, number, list } = c.req.param()
    const recorded = LISTS[`${kind}/${list}`]
    const repository = recorded ? await readRecording(dir, owner, name) : null
    const entries = recorded ? (repository?.list(recorded, Number(number)) ?? null) : null
    return entries ? answerPage(c, entries, pageSizeLimit) : notFound(c)
  })
  app.notFound(notFound)
  app.onError((error, c) => refuse(c, 500, error.message))

  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => log.map((entry) => ({ ...entry })),
    async close() {
      if (!server.listening) return
      closing.abort()
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function answerPage(c: Context, entries: readonly unknown[], pageSizeLimit: number): Response {
  const asked = Number(c.req.query('per_page') ?? 30)
  const size = Math.max(1, Math.min(asked || 30, pageSizeLimit, MAX_PAGE_SIZE))
  const page = Math.max(1, Number(c.req.query('page') ?? 1) || 1)
  const last = Math.max(1, Math.ceil(entries.length / size))
  const link = (to: number, rel: string) => {
    const url = new URL(c.req.url)
    url.searchParams.set('page', String(to))
    return `<${url.href}>; rel="${rel}"`
  }
  const links = [
    ...(page > 1 ? [link(page - 1, 'prev')] : []),
    ...(page < last ? [link(page + 1, 'next'), link(last, 'last')] : []),
    ...(page > 1 ? [link(1, 'first')] : []),
  ]
  if (links.length > 0) c.header('link', links.join(', '))
  return answer(c, entries.slice((page - 1) * size, page * size))
}

function answer(c: Context, value: unknown): Response {
  const text = JSON.stringify(value)
  const etag = `W/"${createHash('sha256').update(text).digest('hex')}"`
  c.header('etag', etag)
  if (c.req.header('if-none-match') === etag) return c.body(null, 304)
  return json(c, 200, text)
}

function notFound(c: Context): Response {
  return refuse(c, 404, 'Not Found')
}

function refuse(c: Context, status: number, message: string): Response {
  const documentation_url = 'https://docs.github.com/rest'
  return json(c, status, JSON.stringify({ message, documentation_url, status: String(status) }))
}

function json(c: Context, status: number, text: string): Response {
  return c.newResponse(text, status as 200, { 'content-type': 'application/json; charset=utf-8' })
}

function setQuota(c: Context, quota: { remaining: number; resetsAt: number }): void {
  c.header('x-ratelimit-limit', String(QUOTA))
  if (!c.res.headers.has('x-ratelimit-remaining')) c.header('x-ratelimit-remaining', String(quota.remaining))
  if (!c.res.headers.has('x-ratelimit-reset')) c.header('x-ratelimit-reset', String(quota.resetsAt))
}

async function answerFault(c: Context, fault: FaultAnswer, closing: AbortSignal): Promise<Response> {
  switch (fault.kind) {
    case 'secondary-limit':
      if (fault.retryAfterSeconds !== null) c.header('retry-after', String(fault.retryAfterSeconds))
      return refuse(c, fault.status, 'You have exceeded a secondary rate limit. Please wait before you try again.')
    case 'primary-limit':
      c.header('x-ratelimit-remaining', '0')
      c.header('x-ratelimit-reset', String(Math.floor(Date.now() / 1000) + fault.resetsInSeconds))
      return refuse(c, 403, 'API rate limit exceeded for user.')
    case 'status':
      return refuse(c, fault.status, fault.message)
    case 'text':
      return json(c, 200, fault.text)
    case 'hang':
      if (!closing.aborted) await once(closing, 'abort')
      return refuse(c, 503, 'closing')
    default:
      return fault satisfies never
  }
}
