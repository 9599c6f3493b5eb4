import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import {
  answerFault,
  answerJson,
  moved,
  refuse,
  refuseSecondary,
  takeFaults,
  type Fault,
  type ServerContext,
} from './recordedFault.ts'
import { GITHUB_LIMITS, keepLimits, type Caller, type Limits, type Quota, type Resource } from './recordedLimits.ts'
import type { RepositoryHost } from './recordedRepository.ts'
import { answer, serveRest, splitPath } from './recordedRest.ts'

/** One request that the server had. */
export interface ServedRequest {
  method: string
  path: string
  status: number
}

/** A running loopback GitHub. */
export interface LoopbackGitHub {
  /** Its address, for `GITHUB_API_URL`; `url/api/v3` is the same in the manner of an Enterprise server. */
  url: string
  /** Every request so far, with its query, in order of arrival. */
  requests(): ServedRequest[]
  /** What a caller has left by now. */
  quota(caller: Caller, resource: Resource): Quota
  close(): Promise<void>
}

/** How a loopback GitHub serves, whatever it serves. */
export interface ServerOptions {
  port?: number
  /** Caps `per_page` below GitHub's 100. */
  pageSizeLimit?: number
  /** GraphQL pages that ask for more of the outermost list than this are answered 502, as GitHub does when it takes too long. */
  graphqlPageLimit?: number
  /** With one, requests without it are refused. Without one, any is taken, and a request may come without. */
  token?: string | null
  faults?: readonly Fault[]
  /** GitHub's own by default. */
  limits?: Partial<Limits>
  /** The server's clock in milliseconds. */
  now?: () => number
  /** Former names of repositories: each is answered 301. */
  renamed?: Readonly<Record<string, string>>
}

/** Serves repositories on 127.0.0.1 at the paths, in the shapes and within the limits of GitHub's APIs. */
export async function serveGitHub(host: RepositoryHost, options: ServerOptions = {}): Promise<LoopbackGitHub> {
  const { port = 0, pageSizeLimit = 100, graphqlPageLimit = 100, token = null, now = Date.now, renamed = {} } = options
  const limits = { ...GITHUB_LIMITS, ...options.limits }
  const keeper = keepLimits(limits, now)
  const takeFault = takeFaults(options.faults ?? [])
  const log: ServedRequest[] = []
  const closing = new AbortController()
  const app = new Hono<{ Bindings: HttpBindings }>({
    getPath: (request) => splitPath(new URL(request.url).pathname).path,
  })

  app.use(async (c, next) => {
    const { pathname, search } = new URL(c.req.url)
    const entry = { method: c.req.method, path: pathname + search, status: 0 }
    log.push(entry)
    c.header('date', new Date(now()).toUTCString())
    c.res = await respond(c, next)
    entry.status = c.res.status
  })

  async function respond(c: ServerContext, next: () => Promise<void>): Promise<Response> {
    const caller = readCaller(c.req.header('authorization'))
    if (token !== null && caller !== token) {
      return refuse(c, 401, caller === null ? 'Requires authentication' : 'Bad credentials')
    }
    const answerTruly = async () => {
      await next()
      return c.res
    }
    if (c.req.path === '/rate_limit') return answerTruly()
    const resource = c.req.path === '/graphql' ? 'graphql' : 'core'
    if (resource === 'graphql' && caller === null)
      return refuse(c, 401, 'This endpoint requires you to be authenticated.')
    const refused = keeper.enter(caller, resource)
    try {
      if (refused === 'secondary') return refuseSecondary(c, limits.secondary)
      if (refused === 'primary') return refusePrimary(c, caller, resource)
      const fault = takeFault(await canonicalPaths(c))
      const response = fault
        ? await answerFault(c, fault, { closing: closing.signal, now, answerTruly })
        : await answerTruly()
      if (resource === 'core' && response.status !== 304) keeper.spend(caller, 'core', 1)
      return response
    } finally {
      if (refused === null) keeper.leave(caller)
      setQuota(c, keeper.quota(caller, resource))
    }
  }

  /** A fault names a path by the repository's name, also where GitHub's own links give its number. */
  async function canonicalPaths(c: ServerContext): Promise<string[]> {
    const { pathname, search } = new URL(c.req.url)
    const id = /^\/repositories\/(\d+)/.exec(c.req.path)?.[1]
    const named = id === undefined ? null : await host.findById(Number(id))
    const path = named ? c.req.path.replace(/^\/repositories\/\d+/, `/repos/${named.name}`) : c.req.path
    return [...new Set([pathname, path])].map((one) => one + search)
  }

  app.get('/rate_limit', (c) => {
    const caller = readCaller(c.req.header('authorization'))
    const core = keeper.quota(caller, 'core')
    return answer(c, { resources: { core, graphql: keeper.quota(caller, 'graphql') }, rate: core })
  })
  app.post('/graphql', async (c) => {
    const caller = readCaller(c.req.header('authorization'))
    const { answerGraphql } = await import('./recordedGraphql.ts')
    const { status, text } = await answerGraphql(await c.req.json(), {
      host,
      pageLimit: graphqlPageLimit,
      quota: () => keeper.quota(caller, 'graphql'),
      spend: (points) => keeper.spend(caller, 'graphql', points),
    })
    return answerJson(c, status, text)
  })
  serveRest(app, {
    pageSizeLimit,
    async find(owner, name) {
      const former = Object.keys(renamed).find((one) => one.toLowerCase() === `${owner}/${name}`.toLowerCase())
      const [newOwner, newName] = (former === undefined ? `${owner}/${name}` : renamed[former]!).split('/')
      const repository = await host.find(newOwner!, newName!)
      return repository && { repository, isMoved: former !== undefined }
    },
    findById: (id) => host.findById(id),
    moved,
  })
  app.notFound((c) => refuse(c, 404, 'Not Found'))
  app.onError((error, c) => refuse(c, 500, error.message))

  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => log.map((entry) => ({ ...entry })),
    quota: (caller, resource) => keeper.quota(caller, resource),
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

function readCaller(authorization: string | undefined): Caller {
  return /^(?:Bearer|token) (.+)$/i.exec(authorization ?? '')?.[1] ?? null
}

function refusePrimary(c: ServerContext, caller: Caller, resource: Resource): Response {
  if (resource === 'graphql') {
    const error = { type: 'RATE_LIMITED', message: 'API rate limit exceeded for user ID 1.' }
    return answerJson(c, 200, JSON.stringify({ errors: [error] }))
  }
  const anonymous =
    "API rate limit exceeded for 127.0.0.1. (But here's the good news: Authenticated requests get a higher rate limit. Check out the documentation for more details.)"
  return refuse(c, 403, caller === null ? anonymous : 'API rate limit exceeded for user ID 1.')
}

function setQuota(c: ServerContext, quota: Quota): void {
  const { limit, remaining, used, reset, resource } = quota
  for (const [name, value] of Object.entries({ limit, remaining, used, reset, resource })) {
    // A fault may have said otherwise.
    if (!c.res.headers.has(`x-ratelimit-${name}`)) c.header(`x-ratelimit-${name}`, String(value))
  }
}
