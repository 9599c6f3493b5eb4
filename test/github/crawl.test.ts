import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openShelf } from '../../src/activities/pageShelf.ts'
import type { PageList } from '../../src/formats/mining.ts'
import { createGitHub } from '../../src/github/octokit.ts'
import { createFileStore } from '../../src/store/files.ts'
import { generateCorpus } from './corpus/assembled.ts'
import { crawl } from './crawl.ts'
import { startGeneratedGitHub } from './generated.ts'

const REPOSITORY = 'acme/tool'
const clock = { now: () => Date.now(), advance: (ms: number) => vi.setSystemTime(Date.now() + ms) }
const dir = mkdtempSync(join(tmpdir(), 'prchain-crawl-'))
const cleanUps: (() => Promise<unknown>)[] = []

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 0, 5) }))
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
  vi.useRealTimers()
  rmSync(dir, { recursive: true, force: true })
})

async function open(options: Partial<Parameters<typeof startGeneratedGitHub>[0]>, token: string | null) {
  const generated = { seed: 5, repositories: [REPOSITORY], pullRequests: 300 }
  const server = await startGeneratedGitHub({ ...generated, now: clock.now, ...options })
  cleanUps.push(() => server.close())
  const store = createFileStore({ dir })
  const github = createGitHub({ apiUrl: server.url, token })
  const fetchAll = (mining: number) =>
    crawl({ apiUrl: server.url, token, repository: REPOSITORY, mining, store, clock })
  const countEntries = async (list: PageList) => {
    const shelf = await openShelf({ store, github, repository: REPOSITORY })
    const keys = new Set<string>()
    for (let n = 0; n < shelf.counts[list]; n += 1) {
      for (const entry of await shelf.entries(await shelf.get(list, n))) {
        keys.add('id' in entry ? entry.id : 'number' in entry ? String(entry.number) : entry.kind)
      }
    }
    return keys.size
  }
  return { server, fetchAll, countEntries }
}

const corpus = generateCorpus({ seed: 5, repository: REPOSITORY, pullRequests: 300 })
const count = (source: string) =>
  [...corpus.pulls, ...corpus.issues].flatMap(({ texts }) => texts).filter((text) => text.source === source).length

test('limits of requests and of points are met, waited out by the clock, and nothing is lost', async () => {
  const { fetchAll, countEntries } = await open({ limits: { requestsPerHour: 9, pointsPerHour: 3 } }, 'token')
  const crawled = await fetchAll(0)
  expect(crawled.waits).toBeGreaterThan(2)
  expect(crawled.elapsedMs).toBeGreaterThan(crawled.waits * 3_000_000)
  expect(await countEntries('pulls')).toBe(300)
  expect(await countEntries('threads')).toBe(300)
  expect(await countEntries('issues')).toBe(300 + corpus.issues.length)
  expect(await countEntries('comments')).toBe(count('comment'))
  expect(await countEntries('review-comments')).toBe(count('review-comment'))
})

test('a secondary limit that names no time is waited out too', async () => {
  const secondary = { status: 429 as const, retryAfterSeconds: null }
  const { fetchAll, countEntries } = await open({ limits: { requestsPerMinute: 5, secondary } }, 'token')
  expect((await fetchAll(0)).waits).toBeGreaterThan(1)
  expect(await countEntries('comments')).toBe(count('comment'))
})

test('without a token there are fewer requests an hour and no points, and the rest comes', async () => {
  const { fetchAll, countEntries } = await open({ limits: { anonymousRequestsPerHour: 15 } }, null)
  expect(await fetchAll(0)).toMatchObject({ graphql: 0, points: 0, waits: expect.any(Number) })
  expect(await countEntries('comments')).toBe(count('comment'))
})

test('a second mining after a week asks for what changed', async () => {
  const { server, fetchAll, countEntries } = await open({ pullRequests: 500 }, 'token')
  const first = await fetchAll(0)
  const before = await countEntries('comments')
  await server.changeSome(REPOSITORY, 0.01)
  const second = await fetchAll(1)
  expect(await countEntries('comments')).toBe(before + 1)
  expect(second.pages).toBeLessThanOrEqual(8)
  expect(first.pages).toBeGreaterThan(50)
})
