import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startRecordedGitHub, type RecordedGitHub } from '../../src/github/recorded.ts'

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const day = (n: number) => `2024-01-${String(n).padStart(2, '0')}T00:00:00Z`
const remark = (id: number, login: string, at: number, body = 'Hm.') => ({
  id,
  user: { login },
  body,
  created_at: day(at),
})
const RECORDING = {
  repo: 'acme/tool',
  repository: { license: { spdx_id: 'MIT' } },
  pulls: Object.fromEntries(
    [2, 3, 5].map((number) => [
      number,
      {
        number,
        state: number === 5 ? 'open' : 'closed',
        title: `Change ${number}`,
        body: number === 3 ? 'Fixes #1, closes #2 and resolves #9' : null,
        user: { login: 'ann' },
        created_at: day(number),
        merged_at: number === 5 ? null : day(number + 1),
        merge_commit_sha: 'a'.repeat(40),
        head: { sha: 'b'.repeat(40) },
        base: { ref: 'trunk' },
        html_url: `https://github.com/acme/tool/pull/${number}`,
      },
    ]),
  ),
  issues: { 1: { number: 1, title: 'Wrong', user: null, created_at: day(1), state: 'open' } },
  issue_comments: { 1: [remark(11, 'bob', 9)], 2: [remark(21, 'bob', 12)], 3: null },
  review_comments: { 2: [remark(31, 'eve', 4)], 3: [remark(32, 'eve', 4)] },
  reviews: { 2: [remark(41, 'dependabot[bot]', 4, 'Fine'), { ...remark(42, 'bob', 4, ''), state: 'APPROVED' }] },
  timeline: {
    2: [
      { event: 'labeled' },
      { event: 'cross-referenced', created_at: day(5), source: { issue: { number: 3, pull_request: {} } } },
      { event: 'cross-referenced', created_at: day(6), source: { issue: { number: 1 } } },
      {
        event: 'cross-referenced',
        created_at: day(7),
        source: { issue: { number: 8, repository: { full_name: 'o/x' } } },
      },
    ],
  },
}

async function start(options: Partial<Parameters<typeof startRecordedGitHub>[0]> = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'prchain-lists-'))
  cleanUps.push(() => rm(dir, { recursive: true }))
  await writeFile(join(dir, 'acme__tool.json'), JSON.stringify(RECORDING))
  const server = await startRecordedGitHub({ dir, ...options })
  cleanUps.push(() => server.close())
  return server
}

const read = async (server: RecordedGitHub, path: string) =>
  (await (await fetch(`${server.url}/repos/acme/tool${path}`)).json()) as Record<string, unknown>[]
const graphql = async (server: RecordedGitHub, query: string, variables: object = {}, path = '/graphql') => {
  const headers = { authorization: 'Bearer anyone' }
  const body = JSON.stringify({ query, variables })
  return JSON.parse(await (await fetch(server.url + path, { method: 'POST', headers, body })).text())
}

test('the repository says its branch and licence, and is had at its number and as on an Enterprise server', async () => {
  const server = await start()
  const one = (await (await fetch(`${server.url}/repos/acme/tool`)).json()) as { id: number }
  expect(one).toMatchObject({ full_name: 'acme/tool', default_branch: 'trunk', license: { spdx_id: 'MIT' } })
  for (const path of [`/repositories/${one.id}`, '/api/v3/repos/acme/tool']) {
    expect(await (await fetch(server.url + path)).json()).toEqual(one)
  }
})

test('pull requests come by creation or last change, and an entry of the list lacks what only the whole one has', async () => {
  const server = await start()
  const numbers = async (query: string) => (await read(server, `/pulls?${query}`)).map(({ number }) => number)
  expect(await numbers('state=all&sort=created&direction=asc')).toEqual([2, 3, 5])
  // A comment of the 12th changed #2 last.
  expect(await numbers('state=all&sort=updated&direction=desc')).toEqual([2, 5, 3])
  expect(await numbers('state=closed&sort=updated')).toEqual([3, 2])
  expect((await read(server, '/pulls?state=all&sort=updated'))[2]).toMatchObject({ updated_at: day(12) })
  expect((await read(server, '/pulls?state=closed'))[0]).not.toHaveProperty('merged')
})

test('issues have the pull requests among them, and those changed since, that instant included', async () => {
  const server = await start()
  const issues = await read(server, '/issues?state=all&sort=updated&direction=asc')
  expect(issues.map(({ number }) => number)).toEqual([3, 5, 1, 2])
  expect(issues.map((issue) => 'pull_request' in issue)).toEqual([true, true, false, true])
  expect(issues[2]).toMatchObject({ user: null, updated_at: day(9) })
  const since = await read(server, `/issues?state=all&sort=updated&direction=asc&since=${day(9)}`)
  expect(since.map(({ number }) => number)).toEqual([1, 2])
  expect((await read(server, '/issues?since=yesterday')) as unknown).toMatchObject({ status: '422' })
})

test('comments of the whole repository say whose they are, those of issues included', async () => {
  const server = await start()
  const comments = await read(server, '/issues/comments?sort=updated&direction=asc')
  expect(comments.map(({ id, issue_url }) => [id, issue_url])).toEqual([
    [11, 'https://api.github.com/repos/acme/tool/issues/1'],
    [21, 'https://api.github.com/repos/acme/tool/issues/2'],
  ])
  expect(await read(server, `/issues/comments?sort=updated&since=${day(10)}`)).toHaveLength(1)
  const reviewComments = await read(server, '/pulls/comments?sort=updated&direction=desc&per_page=1')
  expect(reviewComments).toMatchObject([{ id: 32, pull_request_url: 'https://api.github.com/repos/acme/tool/pulls/3' }])
})

const THREADS = `query ($after: String, $size: Int!) {
  repository(owner: "acme", name: "tool") {
    pullRequests(first: $size, after: $after, orderBy: { field: UPDATED_AT, direction: DESC }) {
      pageInfo { hasNextPage endCursor }
      nodes {
        id number updatedAt
        reviews(first: 100) { nodes { author { __typename login } body url submittedAt } }
        closingIssuesReferences(first: 20) { nodes { number repository { nameWithOwner } } }
        timelineItems(first: 100, itemTypes: [CROSS_REFERENCED_EVENT]) {
          nodes { ... on CrossReferencedEvent { isCrossRepository source {
            __typename
            ... on Issue { number repository { nameWithOwner } }
            ... on PullRequest { number repository { nameWithOwner } }
          } } }
        }
      }
    }
  }
  rateLimit { cost remaining resetAt }
}`

test('GraphQL gives the threads a page at a time: reviews, what they close, who cites them', async () => {
  const server = await start()
  const first = await graphql(server, THREADS, { size: 2 })
  const { nodes, pageInfo } = first.data.repository.pullRequests
  expect(nodes.map((pull: { number: number }) => pull.number)).toEqual([2, 5])
  expect(nodes[0].reviews.nodes).toMatchObject([
    { author: { __typename: 'Bot', login: 'dependabot' }, body: 'Fine', submittedAt: day(4) },
    { author: { __typename: 'User', login: 'bob' }, body: '' },
  ])
  const home = (nameWithOwner: string) => ({ nameWithOwner })
  expect(nodes[0].timelineItems.nodes).toEqual([
    { isCrossRepository: false, source: { __typename: 'PullRequest', number: 3, repository: home('acme/tool') } },
    { isCrossRepository: false, source: { __typename: 'Issue', number: 1, repository: home('acme/tool') } },
    { isCrossRepository: true, source: { __typename: 'Issue', number: 8, repository: home('o/x') } },
  ])
  expect(pageInfo.hasNextPage).toBe(true)
  const second = await graphql(server, THREADS, { size: 2, after: pageInfo.endCursor }, '/api/graphql')
  expect(second.data.repository.pullRequests).toMatchObject({
    pageInfo: { hasNextPage: false },
    nodes: [{ number: 3, closingIssuesReferences: { nodes: [{ number: 1, repository: home('acme/tool') }] } }],
  })
  expect(second.data.rateLimit).toMatchObject({ cost: 1, remaining: 4998 })
})

test('what did not fit in a page goes on by the id of its pull request', async () => {
  const server = await start()
  const { data } = await graphql(server, THREADS, { size: 1 })
  const query = `query ($id: ID!, $after: String) { node(id: $id) { ... on PullRequest {
    reviews(first: 1, after: $after) { pageInfo { endCursor hasNextPage } nodes { body } } } } }`
  const { id } = data.repository.pullRequests.nodes[0]
  const one = (await graphql(server, query, { id })).data.node.reviews
  expect(one).toMatchObject({ pageInfo: { hasNextPage: true }, nodes: [{ body: 'Fine' }] })
  const two = (await graphql(server, query, { id, after: one.pageInfo.endCursor })).data.node.reviews
  expect(two).toMatchObject({ pageInfo: { hasNextPage: false }, nodes: [{ body: '' }] })
})

test('GraphQL refuses who brings no token, and says in its answer what it cannot find or run', async () => {
  const server = await start({ graphqlPageLimit: 25 })
  const anonymous = await fetch(`${server.url}/graphql`, { method: 'POST', body: '{"query":"{rateLimit{cost}}"}' })
  expect([anonymous.status, await anonymous.json()]).toMatchObject([
    401,
    { message: 'This endpoint requires you to be authenticated.' },
  ])
  const missing = await graphql(server, '{ repository(owner: "acme", name: "none") { id } }')
  expect(missing).toMatchObject({ data: { repository: null }, errors: [{ type: 'NOT_FOUND' }] })
  expect(await graphql(server, '{ nothing }')).toHaveProperty('errors')
  const pull = (first: string) =>
    `{ repository(owner: "acme", name: "tool") { pullRequests${first} { nodes { number } } } }`
  expect((await graphql(server, pull(''))).errors[0].type).toBe('MISSING_PAGINATION_BOUNDARIES')
  expect((await graphql(server, pull('(first: 101)'))).errors[0].type).toBe('EXCESSIVE_PAGINATION')
  expect((await graphql(server, pull('(first: 26)'))).message).toContain('in time')
  expect((await graphql(server, pull('(first: 25)'))).data.repository.pullRequests.nodes).toHaveLength(3)
})
