import { fetchPages } from '../../src/activities/fetchPages.ts'
import { createGitHub } from '../../src/github/octokit.ts'
import type { GitHub, PageRequest } from '../../src/github/port.ts'
import type { Store } from '../../src/store/port.ts'

/** The clock that the server and what fetches from it both go by, in milliseconds. */
export interface Clock {
  now(): number
  advance(ms: number): void
}

/** What fetching a repository took. */
export interface Crawled {
  /** Calls over REST, those that GitHub answered "unchanged" among them. */
  rest: number
  unchanged: number
  graphql: number
  points: number
  pages: number
  /** Limits that it met, each waited out by the clock. */
  waits: number
  elapsedMs: number
}

/**
 * Fetches a repository to the end, activity after activity as its workflow does, and waits out limits by setting the
 * clock forward. An answer takes `answerMs` by that clock. Throws when GitHub stays away.
 */
export async function crawl(options: {
  apiUrl: string
  token: string | null
  repository: string
  mining: number
  store: Store
  clock: Clock
  answerMs?: number
}): Promise<Crawled> {
  const { apiUrl, token, repository, mining, store, clock, answerMs = 300 } = options
  const crawled: Crawled = { rest: 0, unchanged: 0, graphql: 0, points: 0, pages: 0, waits: 0, elapsedMs: 0 }
  const begunMs = clock.now()
  const real = createGitHub({ apiUrl, token, callsPerMinute: 1_000_000 })
  const github: GitHub = {
    ...real,
    async fetchPage(name: string, request: PageRequest) {
      clock.advance(answerMs)
      const page = await real.fetchPage(name, request)
      crawled.rest += page.calls.rest
      crawled.unchanged += page.calls.unchanged
      crawled.graphql += page.calls.graphql
      crawled.points += page.calls.points
      crawled.pages += 1
      return page
    },
  }
  const scope = { signal: new AbortController().signal, report: () => {} }
  for (;;) {
    const fetched = await fetchPages({ store, github, isDraining: () => false }, { repository, mining }, scope)
    if (fetched.kind === 'done') return { ...crawled, elapsedMs: clock.now() - begunMs }
    if (fetched.kind === 'away') throw new Error(`${repository}: ${fetched.reason}`)
    if (fetched.kind === 'limited') {
      crawled.waits += 1
      clock.advance(Math.max(1000, Date.parse(fetched.resumesAt) - clock.now()))
    }
  }
}
