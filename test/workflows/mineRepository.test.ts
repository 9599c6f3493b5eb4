import type { WorkflowFailedError } from '@temporalio/client'
import { CancelledFailure } from '@temporalio/common'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Activities } from '../../src/activities/activities.ts'
import type { Fetched } from '../../src/activities/fetchPages.ts'
import { TASK_QUEUE, workflowId } from '../../src/domain/identifiers.ts'
import { miningQuery } from '../../src/workflows/messages.ts'
import type { Mined } from '../../src/workflows/mineRepository.ts'
import { timeSkippingServerForTests } from '../temporal/server.ts'
import { openTimeSkipping, playableActivities } from './chainFixture.ts'

const server = await timeSkippingServerForTests()
const HOUR_MS = 3_600_000

describe.skipIf(server === null)('a mining', () => {
  let opened: Awaited<ReturnType<typeof openTimeSkipping>>
  beforeAll(async () => {
    opened = await openTimeSkipping(server!.binary)
  })
  afterAll(() => opened.close())

  const start = (repository: string, changed: object = {}) =>
    opened.env.client.workflow.start('mineRepository', {
      workflowId: workflowId.mine(repository),
      taskQueue: TASK_QUEUE,
      args: [
        { repository, mirrors: null, mode: 'semantic', source: 'github', isOffline: false, min: 2, max: 5, ...changed },
      ],
    })
  const nowMs = () => opened.env.currentTimeMs()

  /** What fetching comes to, one after the other; each page is of a list of comments. */
  function fetches(outcomes: ((nowMs: number) => Partial<Fetched>)[]): Activities['fetchPages'] {
    let next = 0
    return async () => {
      const outcome = outcomes[next++]!(await nowMs())
      return { pages: 20, pagesLeft: 100, hasToken: true, quota: null, list: 'comments', ...outcome } as Fetched
    }
  }
  const limitedFor = (ms: number) => (now: number) => ({
    kind: 'limited' as const,
    resumesAt: new Date(now + ms).toISOString(),
    reason: 'API rate limit exceeded',
    pages: 7,
  })

  test("sleeps on a durable timer until GitHub's limit is over, and says so", async () => {
    const fetchPages = fetches([() => ({ kind: 'more' }), limitedFor(HOUR_MS), () => ({ kind: 'done' })])
    await opened.withWorker(playableActivities({ fetchPages }), async () => {
      const before = await nowMs()
      const handle = await start('acme/limited')
      const mined: Mined = await handle.result()
      expect(mined).toMatchObject({ pullRequests: 7, issues: 3, chainCount: 1, lacks: [] })
      expect((await nowMs()) - before).toBeGreaterThanOrEqual(HOUR_MS)
      const { events } = await handle.fetchHistory()
      const summaries = (events ?? [])
        .filter(({ timerStartedEventAttributes }) => timerStartedEventAttributes)
        .map(({ userMetadata }) => Buffer.from(userMetadata?.summary?.data ?? []).toString('utf8'))
      expect(summaries).toEqual([expect.stringContaining("GitHub's limit: asked again at ")])
      const state = await handle.query(miningQuery)
      expect(state).toMatchObject({ phase: 'done', pages: 47, waitsUntil: null })
      expect(state.news.join('\n')).toMatch(/GitHub's limit: asked again at .*; 27 pages fetched, about 100 to come/)
    })
  })

  test('without a token says before it begins what is lost and how long it takes', async () => {
    const quota = (now: number) => ({ limit: 60, remaining: 56, resetsAt: new Date(now + HOUR_MS).toISOString() })
    const anonymous = { hasToken: false, pages: 4, pagesLeft: 500 }
    const fetchPages = fetches([
      (now) => ({ kind: 'more', ...anonymous, quota: quota(now) }),
      () => ({ kind: 'done', hasToken: false }),
    ])
    const gatherPulls: Activities['gatherPulls'] = async () => ({
      ...{ gathering: 0, pullRequests: 7, issues: 3 },
      lacks: [{ kind: 'reviews', reason: 'GraphQL refuses callers without a token' }],
    })
    await opened.withWorker(playableActivities({ fetchPages, gatherPulls }), async () => {
      const handle = await start('acme/anonymous')
      expect(((await handle.result()) as Mined).lacks).toHaveLength(1)
      expect((await handle.query(miningQuery)).news).toEqual([
        expect.stringContaining('no token: GitHub allows 60 calls an hour'),
        expect.stringContaining('56 of 60 calls left'),
        expect.stringMatching(/4 pages fetched, about 500 to come: about 8 h; with GITHUB_TOKEN, minutes/),
        'without reviews: GraphQL refuses callers without a token',
      ])
    })
  })

  test('waits longer each time while GitHub is away, and goes on when it is back', async () => {
    const away = () => ({ kind: 'away' as const, reason: 'no answer', pages: 0 })
    const fetchPages = fetches([away, away, away, () => ({ kind: 'done' })])
    await opened.withWorker(playableActivities({ fetchPages }), async () => {
      const before = await nowMs()
      await (await start('acme/away')).result()
      expect((await nowMs()) - before).toBeGreaterThanOrEqual((15 + 60 + 300) * 1_000)
    })
  })

  test('is cancelled in the middle of a wait', async () => {
    const acts = playableActivities({ fetchPages: fetches([limitedFor(HOUR_MS)]) })
    await opened.withWorker(acts, async () => {
      const handle = await start('acme/cancelled')
      while ((await handle.query(miningQuery)).waitsUntil === null);
      await handle.cancel()
      const error = await handle.result().catch((thrown: unknown) => thrown)
      expect((error as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure)
    })
    expect(acts.calls).toEqual(['beginMining', 'fetchPages'])
  })

  test.each([
    [{ source: 'git' }, ['refreshMirror']],
    [{ isOffline: true }, []],
  ])('with %j asks GitHub nothing', async (changed, more) => {
    const acts = playableActivities()
    await opened.withWorker(acts, async () => {
      await (await start('acme/silent', changed)).result()
    })
    expect(acts.calls).toEqual(['beginMining', ...more, 'gatherPulls', 'linkChains'])
  })

  test('that is offline links what was gathered last where no page has come since', async () => {
    const gathered = { gathering: 1, pullRequests: 9, issues: 1, lacks: [] }
    const acts = playableActivities({ beginMining: async () => ({ mining: 3, gathering: 1, gathered }) })
    await opened.withWorker(acts, async () => {
      expect(await (await start('acme/again', { isOffline: true })).result()).toMatchObject({ pullRequests: 9 })
    })
    expect(acts.calls).toEqual(['beginMining', 'linkChains'])
  })
})
