import { afterEach, describe, expect, test } from 'vitest'
import { GitHubError } from '../../src/github/port.ts'
import { at, openPagesLab, recordingOf, REPOSITORY, TOKEN, type PagesLab, type Recording } from './pagesFixture.ts'

let lab: PagesLab
afterEach(() => lab.close())

const openLab = async (...given: Parameters<typeof openPagesLab>) => (lab = await openPagesLab(...given))
const numbers = async (list: 'pulls' | 'issues') =>
  (await lab.entries(list)).flatMap((entry) => ('number' in entry ? [entry.number] : []))
const ids = async (list: 'comments' | 'review-comments') =>
  (await lab.entries(list)).flatMap((entry) => ('id' in entry ? [Number(entry.id)] : []))
const unique = (values: number[]) => [...new Set(values)].sort((a, b) => a - b)
const upTo = (n: number, from = 1) => Array.from({ length: n }, (_, index) => from + index)

describe('fetching a repository whole', () => {
  test('every pull request, issue, comment, remark and thread comes, in pages that GitHub allows', async () => {
    await openLab(recordingOf({ pulls: 120, issues: 30 }))
    const outcomes = await lab.crawl(0)
    expect(outcomes.at(-1)).toMatchObject({ kind: 'done', pagesLeft: 0, hasToken: true })
    expect(unique(await numbers('pulls'))).toEqual(upTo(120))
    expect(unique(await numbers('issues'))).toEqual(upTo(150))
    expect(unique(await ids('comments'))).toEqual(upTo(120))
    expect(unique(await ids('review-comments'))).toEqual(upTo(120, 50_001))
    const threads = (await lab.entries('threads')).flatMap((entry) => (entry.kind === 'thread' ? [entry] : []))
    expect(threads.map(({ number }) => number)).toEqual(upTo(120))
    expect(threads.map(({ reviews }) => reviews.map(({ body }) => body))).toEqual(
      upTo(120).map((number) => [`review on ${number}`]),
    )
    // One of the repository, and two for each list over REST; 120 threads in pages of 49.
    expect(lab.asked().length).toBe(1 + 4 * 2 + 3)
  })

  test('before the long part begins it is known how many calls are ahead', async () => {
    await openLab(recordingOf({ pulls: 350 }))
    const first = await lab.fetchSome(0)
    expect(first).toMatchObject({ kind: 'more', pages: 4, quota: { limit: 5_000 } })
    const asked = lab.asked().length
    await lab.crawl(0)
    const rest = lab.asked().length
    expect(asked).toBe(4)
    expect(Math.abs(first.pagesLeft! - rest)).toBeLessThanOrEqual(3)
  })

  test('a page is on record as soon as it is whole, and what is on record is not asked for again', async () => {
    await openLab(recordingOf({ pulls: 120 }), {
      faults: [
        {
          path: `/repos/${REPOSITORY}/pulls?`,
          times: 1,
          after: 1,
          answer: { kind: 'status', status: 500, message: 'no' },
        },
      ],
    })
    expect((await lab.crawl(0)).at(-1)).toMatchObject({ kind: 'away' })
    await lab.crawl(0)
    const asked = lab.asked()
    const twice = asked.filter((path, index) => asked.indexOf(path) !== index && path !== '/graphql')
    expect(twice).toHaveLength(1)
    expect(twice[0]).toContain('/pulls?')
  })

  test('a time that fills a page is read on by page number, and nothing is lost', async () => {
    const recording = recordingOf({ pulls: 3 })
    recording.issue_comments[1] = upTo(250).map((id) => ({
      ...{ id, body: `said ${id}`, user: { login: 'bob' }, created_at: at(5), updated_at: at(5) },
    }))
    await openLab(recording)
    await lab.crawl(0)
    expect(unique((await ids('comments')).filter((id) => id <= 250))).toEqual(upTo(250))
  })

  test('10,000 comments of one pull request come, and a body of 1 MB, and what deleted users wrote', async () => {
    const recording = recordingOf({ pulls: 2 })
    recording.pulls[1]!.body = 'x'.repeat(1_000_000)
    recording.pulls[2]!.user = null
    recording.issue_comments[2] = upTo(10_000).map((id) => ({
      ...{ id, body: `said ${id}`, user: id % 2 ? null : { login: 'bob' }, created_at: at(id), updated_at: at(id) },
    }))
    await openLab(recording)
    await lab.crawl(0)
    const comments = (await lab.entries('comments')).flatMap((entry) => (entry.kind === 'comment' ? [entry] : []))
    expect(unique(comments.filter(({ number }) => number === 2).map(({ id }) => Number(id)))).toEqual(upTo(10_000))
    expect(comments.find(({ id }) => id === '4999')).toMatchObject({ author: null, isBot: false })
    const pulls = (await lab.entries('pulls')).flatMap((entry) => (entry.kind === 'pull' ? [entry] : []))
    expect(pulls.map(({ author, body }) => [author, body?.length])).toEqual([
      ['ann', 1_000_000],
      [null, 9],
    ])
  })

  test('a thread that overflows its page is read on to its end', async () => {
    const recording = recordingOf({ pulls: 60 })
    recording.reviews[7] = upTo(250).map((id) => ({ id, body: `review ${id}`, user: { login: 'bob' } }))
    recording.timeline[7] = upTo(120).map((n) => ({
      event: 'cross-referenced',
      source: { issue: { number: (n % 50) + 8, pull_request: {} } },
    }))
    await openLab(recording)
    await lab.crawl(0)
    const parts = (await lab.entries('threads')).flatMap((entry) => (entry.kind === 'thread' ? [entry] : []))
    const seventh = parts.filter(({ number }) => number === 7)
    expect(seventh.map(({ isWhole }) => isWhole)).toEqual([true, false, false, false])
    expect(seventh.flatMap(({ reviews }) => reviews.map(({ body }) => body))).toEqual(
      upTo(250).map((id) => `review ${id}`),
    )
    expect(unique(parts.filter(({ isWhole }) => isWhole).map(({ number }) => number))).toEqual(upTo(60))
  })

  test('a page of threads that is too much for GitHub is halved until it is not', async () => {
    await openLab(recordingOf({ pulls: 60 }), { graphqlPageLimit: 13 })
    await lab.crawl(0)
    expect(
      unique((await lab.entries('threads')).flatMap((entry) => ('number' in entry ? [entry.number] : []))),
    ).toEqual(upTo(60))
  })

  test('an Enterprise server is asked at /api/v3 and /api/graphql', async () => {
    await openLab(recordingOf({ pulls: 2 }), { path: '/api/v3' })
    expect((await lab.crawl(0)).at(-1)!.kind).toBe('done')
    const asked = lab.asked()
    expect(asked.filter((path) => path === '/api/graphql')).toHaveLength(1)
    expect(asked.filter((path) => path.startsWith('/api/v3/repos/'))).toHaveLength(5)
  })
})

describe('fetching a repository again', () => {
  test('where nothing changed, every answer over REST is "unchanged" or one page, and costs nothing of the quota', async () => {
    await openLab(recordingOf({ pulls: 250 }))
    await lab.crawl(0)
    await lab.crawl(1)
    const before = lab.server.quota(TOKEN, 'core').remaining
    lab.asked()
    await lab.crawl(2)
    expect(lab.asked()).toHaveLength(6)
    expect(lab.server.quota(TOKEN, 'core').remaining).toBe(before)
  })

  test('only what changed since is asked for, and what changed counts', async () => {
    const recording: Recording = recordingOf({ pulls: 500, issues: 50 })
    await openLab(recording)
    await lab.crawl(0)
    const first = lab.asked().length
    // Eight of them are edited and discussed.
    for (const number of upTo(8, 300)) {
      Object.assign(recording.pulls[number]!, { title: `Changed ${number}`, updated_at: at(50_000 + number) })
      recording.issue_comments[number]!.push({
        ...{ id: 60_000 + number, body: 'once more', user: { login: 'bob' } },
        ...{ created_at: at(50_000 + number), updated_at: at(50_000 + number) },
      })
      recording.reviews[number]!.push({ id: 70_000 + number, body: 'a second look', user: { login: 'bob' } })
    }
    lab.record(recording)
    await lab.crawl(1)
    const second = lab.asked().length
    // A page with `since` begins with the last entry of the one before: six for 500.
    expect([first, second]).toEqual([1 + 6 + 5 + 6 + 6 + 11, 6])
    const changed = (await lab.entries('pulls')).flatMap((entry) =>
      entry.kind === 'pull' && entry.title.startsWith('Changed') ? [entry.number] : [],
    )
    expect(unique(changed)).toEqual(upTo(8, 300))
    expect(unique((await ids('comments')).filter((id) => id >= 60_000))).toEqual(upTo(8, 60_300))
    const threads = (await lab.entries('threads')).flatMap((entry) => (entry.kind === 'thread' ? [entry] : []))
    expect(threads.findLast(({ number }) => number === 300)!.reviews).toHaveLength(2)
  })

  test('what changes while the pages are read is found by the next mining', async () => {
    const recording = recordingOf({ pulls: 250 })
    await openLab(recording)
    // The issues are read first and say how new the rest is: the pull request changes after they were read.
    expect((await lab.fetchSome(0)).kind).toBe('more')
    await lab.crawl(0)
    Object.assign(recording.pulls[3]!, { title: 'Late', updated_at: at(9_000) })
    lab.record(recording)
    await lab.crawl(1)
    const late = (await lab.entries('pulls')).filter((entry) => entry.kind === 'pull' && entry.title === 'Late')
    expect(late.length).toBeGreaterThan(0)
  })
})

describe('what fails', () => {
  const fail = async (
    list: string,
    answer: Parameters<typeof openPagesLab>[1] extends infer _ ? object : never,
    times = 1,
  ) =>
    openLab(recordingOf({ pulls: 3 }), {
      faults: [{ path: `/repos/${REPOSITORY}${list}`, times, answer: answer as never }],
    })

  test.each([
    [403, 30],
    [429, 30],
    [403, null],
  ] as const)('a secondary limit (%i, retry-after %s) is waited out', async (status, retryAfterSeconds) => {
    await fail('/issues/comments', { kind: 'secondary-limit', status, retryAfterSeconds })
    const limited = (await lab.crawl(0)).at(-1)!
    expect(limited).toMatchObject({ kind: 'limited' })
    const inMs = Date.parse((limited as { resumesAt: string }).resumesAt) - Date.now()
    expect(Math.round(inMs / 10_000)).toBe(retryAfterSeconds === null ? 6 : 3)
    expect((await lab.crawl(0)).at(-1)!.kind).toBe('done')
  })

  test('a used-up quota is seen before it is overdrawn, and the time at which it comes back is named', async () => {
    await openLab(recordingOf({ pulls: 250 }), { limits: { requestsPerHour: 6 } })
    const limited = (await lab.crawl(0)).at(-1)!
    expect(limited).toMatchObject({ kind: 'limited', quota: { limit: 6, remaining: 0 } })
    expect(lab.server.requests().map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200])
  })

  test('without a token GraphQL is not asked, and no call goes beyond the quota', async () => {
    await openLab(recordingOf({ pulls: 450 }), { token: null, limits: { anonymousRequestsPerHour: 12 } })
    const limited = (await lab.crawl(0)).at(-1)!
    expect(limited).toMatchObject({ kind: 'limited', hasToken: false, quota: { limit: 12, remaining: 0 } })
    expect(limited.pagesLeft).toBeGreaterThan(5)
    expect(lab.asked().every((path) => path !== '/graphql')).toBe(true)
    expect(lab.server.requests()).toHaveLength(12)
  })

  test('a renamed repository is named, and the new name is said', async () => {
    await openLab(recordingOf({ pulls: 1 }))
    await expect(
      lab.github.fetchPage('acme/tool', { list: 'repository', cursor: '', etag: null }),
    ).resolves.toBeTruthy()
    await lab.close()
    lab = await openPagesLab(recordingOf({ pulls: 1 }), { renamed: { 'acme/old': REPOSITORY } })
    const error = await lab.github
      .fetchPage('acme/old', { list: 'repository', cursor: '', etag: null })
      .catch((thrown: unknown) => thrown as GitHubError)
    expect(error).toBeInstanceOf(GitHubError)
    expect(error).toMatchObject({ kind: 'renamed', message: expect.stringContaining('acme/tool') as string })
  })

  test.each([404, 451] as const)('a repository that is answered %i is bad input, named', async (status) => {
    await fail('', { kind: 'status', status, message: 'gone' })
    await expect(lab.crawl(0)).rejects.toMatchObject({
      name: 'InvalidInputError',
      message: expect.stringContaining(String(status)) as string,
    })
  })

  test('issues that are switched off (410) are done without', async () => {
    await fail('/issues?', { kind: 'status', status: 410, message: 'Issues are disabled' }, 9)
    expect((await lab.crawl(0)).at(-1)!.kind).toBe('done')
    expect(unique(await numbers('pulls'))).toEqual([1, 2, 3])
  })

  test('a refusal (401) is named with its endpoint and without the token', async () => {
    await fail('/pulls?', { kind: 'status', status: 401, message: `Bad credentials ${TOKEN}` })
    const error = (await lab.crawl(0).catch((thrown: unknown) => thrown)) as GitHubError
    expect(error).toMatchObject({ kind: 'refused' })
    expect(error.message).toContain('/pulls?')
    expect(error.message).not.toContain(TOKEN)
  })

  test('an answer that breaks off, and JSON that does, are asked for again', async () => {
    await fail('/issues/comments', { kind: 'truncated' })
    expect((await lab.crawl(0)).at(-1)!.kind).toBe('away')
    expect((await lab.crawl(0)).at(-1)!.kind).toBe('done')
    await lab.close()
    await fail('/issues/comments', { kind: 'text', text: '[{"id": 1, "bo' })
    expect((await lab.crawl(0)).at(-1)!.kind).toBe('done')
    expect(unique(await ids('comments'))).toEqual([1, 2, 3])
  })

  test('another shape is named with its list and its place, and nothing of it is kept', async () => {
    await fail('/pulls/comments', { kind: 'text', text: '[{"id": "x"}]' }, 9)
    const error = (await lab.crawl(0).catch((thrown: unknown) => thrown)) as GitHubError
    expect(error).toMatchObject({ kind: 'malformed' })
    expect(error.message).toContain('"review-comments" of acme/tool')
    expect(await lab.entries('review-comments')).toEqual([])
  })
})
