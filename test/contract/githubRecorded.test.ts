import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { startRecordedGitHub, type RecordedGitHub } from '../../src/github/recorded.ts'

const pull = (number: number, changes: object = {}) => ({
  number,
  state: 'closed',
  merged: true,
  title: `Change ${number}`,
  body: null,
  user: { login: 'ann', _note: 'hidden' },
  created_at: null,
  merged_at: null,
  merge_commit_sha: 'a'.repeat(40),
  head: { sha: 'b'.repeat(40), ref: null },
  base: { sha: null, ref: 'main' },
  html_url: `https://github.com/acme/tool/pull/${number}`,
  _merge_commit_date: `2024-01-0${number}T10:00:00+02:00`,
  _created_date: '2024-01-01',
  _mainline_parent_sha: 'c'.repeat(40),
  ...changes,
})
const RECORDING = {
  repo: 'acme/tool',
  pulls: { 2: pull(2), 1: pull(1), 3: pull(3, { state: 'open', merged: false, user: null }) },
  issue_comments: {
    1: [{ id: null, user: { login: 'helper[bot]' }, body: 'Hi', _created_date: '2024-01-02' }],
    2: null,
  },
  issues: { 7: { number: 7, title: 'Wrong', _created_date: '2023-12-01' } },
}

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function start(options: Partial<Parameters<typeof startRecordedGitHub>[0]> = {}) {
  const parent = await mkdtemp(join(tmpdir(), 'prchain-recorded-'))
  cleanUps.push(() => rm(parent, { recursive: true }))
  const dir = join(parent, 'data')
  await mkdir(dir)
  await writeFile(join(dir, 'acme__tool.json'), JSON.stringify(RECORDING))
  await writeFile(join(parent, 'outside__x.json'), JSON.stringify(RECORDING))
  const server = await startRecordedGitHub({ dir, ...options })
  cleanUps.push(() => server.close())
  return server
}

const ask = (server: RecordedGitHub, path: string, headers: Record<string, string> = {}) =>
  fetch(server.url + path, { headers })
const read = async (server: RecordedGitHub, path: string) => JSON.parse(await (await ask(server, path)).text())

test('a pull request has the times, base and ids that GitHub requires, from git, and no annotation', async () => {
  const server = await start()
  const one = await read(server, '/repos/acme/tool/pulls/2')
  expect(one).toMatchObject({
    merged_at: '2024-01-02T08:00:00Z',
    closed_at: '2024-01-02T08:00:00Z',
    created_at: '2024-01-01T00:00:00Z',
    base: { sha: 'c'.repeat(40), ref: 'main' },
    body: null,
    user: { login: 'ann', type: 'User' },
  })
  expect(JSON.stringify(one)).not.toMatch(/"_/)
  expect(one.id).toEqual(expect.any(Number))
  expect((await read(await start(), '/repos/acme/tool/pulls/2')).id).toBe(one.id)
  expect((await read(server, '/repos/acme/tool/pulls/1')).id).not.toBe(one.id)
})

test('an unmerged pull request of a deleted user gets no merge time and no user', async () => {
  expect(await read(await start(), '/repos/acme/tool/pulls/3')).toMatchObject({ merged_at: null, user: null })
})

test('lists that were not recorded are empty, those of no pull request are missing', async () => {
  const server = await start()
  expect(await read(server, '/repos/acme/tool/issues/2/comments')).toEqual([])
  expect(await read(server, '/repos/acme/tool/pulls/1/commits')).toEqual([])
  expect((await ask(server, '/repos/acme/tool/pulls/9/commits')).status).toBe(404)
  expect(await read(server, '/repos/acme/tool/issues/1/comments')).toEqual([
    {
      id: expect.any(Number),
      user: { id: expect.any(Number), login: 'helper[bot]', type: 'Bot' },
      body: 'Hi',
      created_at: '2024-01-02T00:00:00Z',
      updated_at: '2024-01-02T00:00:00Z',
      issue_url: 'https://api.github.com/repos/acme/tool/issues/1',
    },
  ])
})

test('an issue is served as one, and a pull request among the issues says what it is', async () => {
  const server = await start()
  expect(await read(server, '/repos/acme/tool/issues/7')).toMatchObject({ number: 7, title: 'Wrong', body: null })
  expect(await read(server, '/repos/acme/tool/issues/7')).not.toHaveProperty('pull_request')
  expect(await read(server, '/repos/acme/tool/issues/1')).toHaveProperty('pull_request')
})

test('pages are linked to the next and the last, and lists filter by state and sort', async () => {
  const server = await start()
  const numbers = async (path: string) => (await read(server, path)).map(({ number }: { number: number }) => number)
  expect(await numbers('/repos/acme/tool/pulls')).toEqual([3])
  expect(await numbers('/repos/acme/tool/pulls?state=all')).toEqual([3, 2, 1])
  expect(await numbers('/repos/acme/tool/pulls?state=closed&direction=asc')).toEqual([1, 2])
  const path = '/repos/acme/tool/pulls?state=all&per_page=1'
  const first = await ask(server, path)
  const { id } = await read(server, '/repos/acme/tool')
  const linked = `${server.url}/repositories/${id}/pulls?state=all&per_page=1`
  expect(first.headers.get('link')).toBe(`<${linked}&page=2>; rel="next", <${linked}&page=3>; rel="last"`)
  expect(await (await fetch(`${linked}&page=2`)).json()).toMatchObject([{ number: 2 }])
  expect((await ask(server, `${path}&page=3`)).headers.get('link')).not.toContain('rel="next"')
  expect(await numbers(`${path}&page=3`)).toEqual([1])
  expect(await numbers(`${path}&page=4`)).toEqual([])
  expect((await ask(server, '/repos/acme/tool/pulls?state=all')).headers.get('link')).toBeNull()
})

test('an unchanged answer is 304 for its ETag and costs no quota, a changed one is served', async () => {
  const server = await start()
  const authorization = 'Bearer of-anyone'
  const first = await ask(server, '/repos/acme/tool/pulls/1', { authorization })
  const etag = first.headers.get('etag')!
  expect(first.headers.get('x-ratelimit-remaining')).toBe('4999')
  const again = await ask(server, '/repos/acme/tool/pulls/1', { authorization, 'if-none-match': etag })
  expect([again.status, await again.text(), again.headers.get('x-ratelimit-remaining')]).toEqual([304, '', '4999'])
  expect((await ask(server, '/repos/acme/tool/pulls/2', { authorization, 'if-none-match': etag })).status).toBe(200)
  const limits = JSON.parse(await (await ask(server, '/rate_limit', { authorization })).text())
  expect(limits.resources.core).toMatchObject({
    limit: 5000,
    remaining: 4998,
  })
})

test("what is not there is 404 in GitHub's shape, also outside the folder", async () => {
  const server = await start()
  for (const path of [
    '/repos/acme/none',
    '/repos/acme/tool/pulls/99',
    '/repos/acme/tool/branches',
    '/repos/..%2Foutside/x',
  ]) {
    const response = await ask(server, path)
    expect([path, response.status]).toEqual([path, 404])
    expect(await response.json()).toMatchObject({ message: 'Not Found', status: '404' })
  }
  expect(await read(server, '/repos/acme/tool')).toMatchObject({ full_name: 'acme/tool' })
})

test('faults are given as often as asked for and then are over, and every request is on record', async () => {
  const server = await start({
    faults: [
      {
        path: '/repos/acme/tool/pulls/1',
        times: 1,
        answer: { kind: 'secondary-limit', status: 429, retryAfterSeconds: 3 },
      },
      { path: '/repos/acme/tool/pulls/1', times: 1, answer: { kind: 'primary-limit', resetsInSeconds: 60 } },
    ],
  })
  const secondary = await ask(server, '/repos/acme/tool/pulls/1')
  expect([secondary.status, secondary.headers.get('retry-after')]).toEqual([429, '3'])
  const primary = await ask(server, '/repos/acme/tool/pulls/1')
  expect([primary.status, primary.headers.get('x-ratelimit-remaining')]).toEqual([403, '0'])
  expect(Number(primary.headers.get('x-ratelimit-reset'))).toBeLessThan(Date.now() / 1000 + 61)
  expect((await ask(server, '/repos/acme/tool/pulls/1?x=1')).status).toBe(200)
  expect(server.requests()).toEqual([
    { method: 'GET', path: '/repos/acme/tool/pulls/1', status: 429 },
    { method: 'GET', path: '/repos/acme/tool/pulls/1', status: 403 },
    { method: 'GET', path: '/repos/acme/tool/pulls/1?x=1', status: 200 },
  ])
})

test('with a token, requests without it or with another are refused', async () => {
  const server = await start({ token: 'right' })
  const statusWith = async (authorization: string) => (await ask(server, '/repos/acme/tool', { authorization })).status
  expect((await ask(server, '/repos/acme/tool')).status).toBe(401)
  expect([await statusWith('Bearer wrong'), await statusWith('Bearer right'), await statusWith('token right')]).toEqual(
    [401, 200, 200],
  )
})
