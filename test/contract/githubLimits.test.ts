import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startRecordedGitHub, type RecordedGitHub } from '../../src/github/recorded.ts'

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const START = Date.UTC(2026, 0, 5)

/** A server of an empty repository by a clock that the test sets. */
async function start(options: Partial<Parameters<typeof startRecordedGitHub>[0]> = {}) {
  const clock = { now: START }
  const dir = await mkdtemp(join(tmpdir(), 'prchain-limits-'))
  cleanUps.push(() => rm(dir, { recursive: true }))
  await writeFile(join(dir, 'acme__tool.json'), JSON.stringify({ repo: 'acme/tool', pulls: {} }))
  const server = await startRecordedGitHub({ dir, now: () => clock.now, ...options })
  cleanUps.push(() => server.close())
  return { server, clock }
}

const ask = (server: RecordedGitHub, token: string | null, path = '/repos/acme/tool') =>
  fetch(server.url + path, { headers: token === null ? {} : { authorization: `Bearer ${token}` } })
const askGraphql = (server: RecordedGitHub, query: string) =>
  fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { authorization: 'Bearer ann' },
    body: JSON.stringify({ query }),
  })

test('an address without a token gets 60 requests an hour, and the next hour again', async () => {
  const { server, clock } = await start()
  for (let n = 0; n < 60; n += 1) expect((await ask(server, null)).status).toBe(200)
  const refused = await ask(server, null)
  expect([refused.status, refused.headers.get('x-ratelimit-remaining'), refused.headers.get('retry-after')]).toEqual([
    403,
    '0',
    null,
  ])
  expect(await refused.json()).toMatchObject({ message: expect.stringContaining('API rate limit exceeded') })
  expect(refused.headers.get('x-ratelimit-reset')).toBe(String(START / 1000 + 3600))
  expect(Date.parse(refused.headers.get('date')!)).toBe(START)
  expect((await ask(server, 'ann')).status).toBe(200)
  clock.now += 3_600_000
  expect((await ask(server, null)).headers.get('x-ratelimit-remaining')).toBe('59')
})

test('each token has requests of its own, and asking for the limits costs none', async () => {
  const { server } = await start({ limits: { requestsPerHour: 2 } })
  await ask(server, 'ann', '/rate_limit')
  expect([(await ask(server, 'ann')).status, (await ask(server, 'ann')).status]).toEqual([200, 200])
  expect([(await ask(server, 'ann')).status, (await ask(server, 'bob')).status]).toEqual([403, 200])
  const { resources } = JSON.parse(await (await ask(server, 'ann', '/rate_limit')).text())
  expect(resources).toMatchObject({ core: { limit: 2, remaining: 0, used: 2 }, graphql: { remaining: 5000 } })
})

test('more requests in a minute than GitHub bears are refused for the rest of it, in the way it was told', async () => {
  const { server, clock } = await start({ limits: { requestsPerMinute: 3 } })
  for (let n = 0; n < 3; n += 1) expect((await ask(server, 'ann')).status).toBe(200)
  const refused = await ask(server, 'ann')
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([403, '60'])
  expect(refused.headers.get('x-ratelimit-remaining')).toBe('4997')
  clock.now += 60_000
  expect((await ask(server, 'ann')).status).toBe(200)
  const silent = await start({ limits: { requestsPerMinute: 0, secondary: { status: 429, retryAfterSeconds: null } } })
  const other = await ask(silent.server, 'ann')
  expect([other.status, other.headers.get('retry-after')]).toEqual([429, null])
})

test('more requests at once than GitHub bears are refused', async () => {
  const hang = { path: '/repos/acme/tool', times: 2, answer: { kind: 'hang' as const } }
  const { server } = await start({ faults: [hang], limits: { concurrent: 2 } })
  const hanging = [ask(server, 'ann'), ask(server, 'ann')].map((one) => one.catch(() => null))
  await expect.poll(() => server.requests().length).toBe(2)
  expect((await ask(server, 'ann')).status).toBe(403)
  expect((await ask(server, 'bob')).status).toBe(200)
  await server.close()
  await Promise.all(hanging)
})

test("GraphQL's points are charged by GitHub's formula and run out", async () => {
  const { server, clock } = await start({ limits: { pointsPerHour: 60 } })
  const pulls = (first: number, inner: string) =>
    `{ repository(owner: "acme", name: "tool") { pullRequests(first: ${first}) { nodes { ${inner} } } } rateLimit { cost nodeCount remaining } }`
  const lists =
    'reviews(first: 100) { nodes { body } } closingIssuesReferences(first: 20) { nodes { number } } timelineItems(first: 100) { nodes { __typename } }'
  const cost = async (query: string) => JSON.parse(await (await askGraphql(server, query)).text())
  // One request for the pull requests, and for each of them three: 148 and 301 by 100.
  expect((await cost(pulls(49, lists))).data.rateLimit).toEqual({ cost: 1, nodeCount: 49 + 49 * 220, remaining: 59 })
  expect((await cost(pulls(100, lists))).data.rateLimit).toMatchObject({ cost: 3, remaining: 56 })
  const hub =
    'reviews(first: 100) { nodes { id } } closingIssuesReferences(first: 100) { nodes { repository { pullRequests(first: 60) { nodes { id } } } } }'
  const tooMuch = await cost(pulls(100, hub))
  expect(tooMuch.errors).toMatchObject([{ type: 'MAX_NODE_LIMIT_EXCEEDED' }])
  const dear = await cost(
    pulls(100, hub.replace('60', '10')).replace('first: 100) { nodes { repository', 'first: 60) { nodes { repository'),
  )
  expect(dear.errors).toMatchObject([{ type: 'RATE_LIMITED' }])
  clock.now += 3_600_000
  expect((await cost(pulls(49, lists))).data.rateLimit.remaining).toBe(59)
})

test('a renamed repository is answered 301 with its number, and goes on there', async () => {
  const { server } = await start({ renamed: { 'old/name': 'acme/tool' } })
  const moved = await fetch(`${server.url}/repos/old/name/pulls?state=all`, { redirect: 'manual' })
  expect(moved.status).toBe(301)
  expect(moved.headers.get('location')).toMatch(/\/repositories\/\d+\/pulls\?state=all$/)
  const enterprise = await fetch(`${server.url}/api/v3/repos/old/name`, { redirect: 'manual' })
  expect(enterprise.headers.get('location')).toMatch(/\/api\/v3\/repositories\/\d+$/)
  expect(await (await fetch(`${server.url}/repos/old/name`)).json()).toMatchObject({ full_name: 'acme/tool' })
  expect((await fetch(`${server.url}/repos/other/name`, { redirect: 'manual' })).status).toBe(404)
})

test('a truncated answer breaks off in its middle, and the next one is whole', async () => {
  const fault = { path: '/repos/acme/tool', after: 1, times: 1, answer: { kind: 'truncated' as const } }
  const { server } = await start({ faults: [fault] })
  expect((await ask(server, 'ann')).status).toBe(200)
  await expect(ask(server, 'ann').then((answer) => answer.text())).rejects.toThrow()
  expect((await (await ask(server, 'ann')).json()) as object).toMatchObject({ full_name: 'acme/tool' })
})
