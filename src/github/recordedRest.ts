import { createHash } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import type { Hono } from 'hono'
import { answerJson, refuse, type ServerContext } from './recordedFault.ts'
import { cutPage, selectEntries, type Selected, type Selection } from './recordedPages.ts'
import type { HostedRepository, RepositoryList, ThreadList } from './recordedRepository.ts'

/** What the REST routes need of the server. */
export interface RestServer {
  pageSizeLimit: number
  find(owner: string, name: string): Promise<{ repository: HostedRepository; isMoved: boolean } | null>
  findById(id: number): Promise<HostedRepository | null>
  moved(c: ServerContext, path: string): Response
}

const THREAD_LISTS: Record<string, ThreadList> = {
  'pulls/reviews': 'reviews',
  'pulls/comments': 'review_comments',
  'pulls/commits': 'commits',
  'pulls/files': 'files',
  'issues/comments': 'issue_comments',
  'issues/timeline': 'timeline',
}
const REPOSITORY_LISTS: Record<string, RepositoryList> = {
  pulls: 'pulls',
  issues: 'issues',
  'issues/comments': 'issue_comments',
  'pulls/comments': 'review_comments',
}

/** Adds GitHub's routes of a repository, by its name and by its number. A former name is answered 301. */
export function serveRest(app: Hono<{ Bindings: HttpBindings }>, server: RestServer): void {
  const { pageSizeLimit } = server

  /** `answerWith` gets the repository and the path behind it. */
  const route = (path: string, answerWith: (c: ServerContext, repository: HostedRepository) => Response) => {
    app.get(`/repos/:owner/:name${path}`, async (c) => {
      const found = await server.find(c.req.param('owner'), c.req.param('name'))
      if (!found) return notFound(c)
      if (!found.isMoved) return answerWith(c, found.repository)
      const behind = c.req.path
        .split('/')
        .slice(4)
        .map((part) => `/${part}`)
      const { pathname, search } = new URL(c.req.url)
      const { prefix } = splitPath(pathname)
      return server.moved(c, `${prefix}/repositories/${found.repository.id}${behind.join('')}${search}`)
    })
    app.get(`/repositories/:id{[0-9]+}${path}`, async (c) => {
      const repository = await server.findById(Number(c.req.param('id')))
      return repository ? answerWith(c, repository) : notFound(c)
    })
  }

  const answerPage = (c: ServerContext, repository: HostedRepository, path: string, entries: Selected) => {
    const { origin, pathname, searchParams: query } = new URL(c.req.url)
    // GitHub's own links name a repository by its number.
    const base = `${origin}${splitPath(pathname).prefix}/repositories/${repository.id}/${path}`
    const { page, link } = cutPage(entries, { query, base, pageSizeLimit })
    if (link !== null) c.header('link', link)
    return answer(c, page)
  }

  route('', (c, repository) => answer(c, repository.about))
  for (const [path, list] of Object.entries(REPOSITORY_LISTS)) {
    route(`/${path}`, (c, repository) => {
      const selection = readSelection(list, c.req.query())
      if (!selection) return refuse(c, 422, 'Validation Failed')
      return answerPage(c, repository, path, selectEntries(repository.listed(list), selection))
    })
  }
  route('/:kind{pulls|issues}/:number{[0-9]+}', (c, repository) => {
    const { kind, number } = c.req.param() as { kind: string; number: string }
    const found = kind === 'pulls' ? repository.pull(Number(number)) : repository.issue(Number(number))
    return found ? answer(c, found) : notFound(c)
  })
  route('/:kind{pulls|issues}/:number{[0-9]+}/:list', (c, repository) => {
    const { kind, number, list } = c.req.param() as { kind: string; number: string; list: string }
    const path = `${kind}/${list}`
    const entries = Object.hasOwn(THREAD_LISTS, path) ? repository.list(THREAD_LISTS[path]!, Number(number)) : null
    if (!entries) return notFound(c)
    return answerPage(c, repository, `${kind}/${number}/${list}`, { length: entries.length, at: (n) => entries[n]! })
  })
}

/** A path as github.com has it, and what an Enterprise server has before it. */
export function splitPath(pathname: string): { prefix: '' | '/api/v3' | '/api'; path: string } {
  if (pathname.startsWith('/api/v3/')) return { prefix: '/api/v3', path: pathname.slice('/api/v3'.length) }
  if (pathname === '/api/graphql') return { prefix: '/api', path: '/graphql' }
  return { prefix: '', path: pathname }
}

/** JSON with its ETag: 304 when the asker has the same already. */
export function answer(c: ServerContext, value: unknown): Response {
  const text = JSON.stringify(value)
  const etag = `W/"${createHash('sha256').update(text).digest('hex')}"`
  c.header('etag', etag)
  if (c.req.header('if-none-match') === etag) return c.body(null, 304)
  return answerJson(c, 200, text)
}

/** GitHub's defaults differ by list; null for what it would refuse. */
function readSelection(list: RepositoryList, query: Record<string, string>): Selection | null {
  const { sort = 'created', direction, since } = query
  const isThread = list === 'pulls' || list === 'issues'
  // Comments without `sort` come in the order of their ids, whatever `direction` says.
  const byDefault = isThread && (list === 'issues' || sort === 'created') ? 'desc' : 'asc'
  const chosen = !isThread && query.sort === undefined ? 'asc' : (direction ?? (isThread ? byDefault : 'desc'))
  const state = isThread ? (query.state ?? 'open') : 'all'
  const sinceMs = since === undefined || list === 'pulls' ? null : Date.parse(since)
  if (sort !== 'created' && sort !== 'updated') return null
  if (chosen !== 'asc' && chosen !== 'desc') return null
  if (state !== 'open' && state !== 'closed' && state !== 'all') return null
  if (sinceMs !== null && Number.isNaN(sinceMs)) return null
  return { state, sort, direction: chosen, since: sinceMs }
}

function notFound(c: ServerContext): Response {
  return refuse(c, 404, 'Not Found')
}
