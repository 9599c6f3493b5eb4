import type { PageList, PageRecord } from '../formats/mining.ts'
import type { FetchedPage, GitHubError, Quota } from '../github/port.ts'
import { InvalidInputError, type Scope } from './edge.ts'
import { countLeft, nextRequest, openShelf, PAGE_LISTS } from './pageShelf.ts'
import type { Ports } from './ports.ts'

/** An activity ends after so many pages, so that people see in the Temporal UI how far the mining is. */
const PAGES_AT_ONCE = 20
/** An answer that breaks off within its JSON is asked for again so often. */
const MALFORMED_TRIES = 3
/** GitHub counts whole seconds, and clocks differ. */
const SKEW_MS = 1_000

/** How far fetching is. */
export interface FetchProgress {
  /** Pages that were put in the store. */
  pages: number
  /** About so many follow; null where GitHub did not say. */
  pagesLeft: number | null
  hasToken: boolean
  /** REST's quota as GitHub last said; null where it did not. */
  quota: Quota | null
  /** The list that was read last. */
  list: PageList | null
}

/** What became of some pages. `more`: go on. `limited`: at the time given. `away`: GitHub does not answer now. */
export type Fetched = FetchProgress &
  (
    | { kind: 'more' }
    | { kind: 'done' }
    | { kind: 'limited'; resumesAt: string; reason: string }
    | { kind: 'away'; reason: string }
  )

/**
 * Fetches the next pages of a repository's lists into the store, one record each: a crash costs the page in flight. Waits
 * for no limit, but says until when it lasts. Throws {@link InvalidInputError} for a repository that is not there, or
 * under another name.
 */
export async function fetchPages(
  ports: Pick<Ports, 'store' | 'github' | 'isDraining'>,
  input: { repository: string; mining: number },
  scope: Scope,
): Promise<Fetched> {
  const { repository, mining } = input
  const { github, store } = ports
  const shelf = await openShelf({ store, github, repository })
  const lists = PAGE_LISTS.filter((list) => list !== 'threads' || github.hasToken)
  const quotas: Partial<Record<'rest' | 'graphql', Quota>> = {}
  let pages = 0
  let malformed = 0
  let at: PageList | null = null
  let hasProbed = false

  while (pages < PAGES_AT_ONCE && !ports.isDraining()) {
    scope.signal.throwIfAborted()
    const next = await nextRequest(shelf, { mining, lists })
    if (next === null) return { kind: 'done', ...progress() }
    const { isProbe, ...request } = next
    // How many calls are ahead is told before the long part begins.
    if (hasProbed && !isProbe) break
    const used = request.list === 'threads' ? 'graphql' : 'rest'
    const spent = quotas[used]
    if (spent?.remaining === 0 && Date.parse(spent.resetsAt) > Date.now())
      return limited(Date.parse(spent.resetsAt) + SKEW_MS, 'the quota is used up')
    at = request.list
    scope.report({ list: at, page: shelf.counts[at] })
    try {
      const page = await github.fetchPage(repository, { ...request, signal: scope.signal })
      if (page.quota) quotas[used] = page.quota
      const blob = page.raw === null ? null : await store.putBlob(page.raw)
      await shelf.put({ ...recordOf(page), list: at, mining, cursor: request.cursor, blob })
      pages += 1
      malformed = 0
      hasProbed = isProbe
    } catch (error) {
      const outcome = await settle(error as GitHubError, at, request.cursor)
      if (outcome) return outcome
    }
  }
  return { kind: 'more', ...progress() }

  /** What a failure means for the mining; null when it goes on with the next request. */
  async function settle(error: GitHubError, list: PageList, cursor: string): Promise<Fetched | null> {
    if (error.name !== 'GitHubError') throw error
    switch (error.kind) {
      case 'limited':
        return limited(Date.now() + (error.retryAfterMs ?? 60_000), error.message)
      case 'unreachable':
        return { kind: 'away', reason: error.message, ...progress() }
      case 'malformed':
        malformed += 1
        if (malformed < MALFORMED_TRIES) return null
        throw error
      case 'renamed':
        throw new InvalidInputError(error.message, { cause: error })
      case 'missing':
        if (list === 'repository') throw new InvalidInputError(error.message, { cause: error })
        if (list === 'pulls') throw error
        // A repository may have its issues switched off.
        await shelf.put({ ...NOTHING, list, mining, cursor, fetchedAt: new Date().toISOString() })
        return null
      case 'refused':
        throw error
      default:
        throw new TypeError(`no such failure: ${String(error.kind satisfies never)}`)
    }
  }

  function limited(resumesMs: number, reason: string): Fetched {
    return { kind: 'limited', resumesAt: new Date(resumesMs).toISOString(), reason, ...progress() }
  }

  function progress(): FetchProgress {
    const { rest: quota = null } = quotas
    return { pages, pagesLeft: countLeft(shelf, { mining, lists }), hasToken: github.hasToken, quota, list: at }
  }
}

const NOTHING = {
  format: 'prchain.page/1',
  next: null,
  etag: null,
  entries: 0,
  blob: null,
  pagesLeft: 0,
  calls: 1,
  points: 0,
} as const satisfies Partial<PageRecord>

function recordOf(page: FetchedPage) {
  return {
    format: 'prchain.page/1' as const,
    next: page.next,
    etag: page.etag,
    entries: page.entries,
    pagesLeft: page.pagesLeft,
    calls: page.calls.rest + page.calls.graphql,
    points: page.calls.points,
    fetchedAt: new Date().toISOString(),
  }
}
