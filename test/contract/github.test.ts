import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { buildChains } from '../../src/domain/chain.ts'
import { buildLinks } from '../../src/domain/link.ts'
import { findReferences } from '../../src/domain/reference.ts'
import { pullRequest } from '../../src/formats/pullRequest.ts'
import { createGitHub } from '../../src/github/octokit.ts'
import { GitHubError } from '../../src/github/port.ts'
import { startRecordedGitHub, type Fault } from '../../src/github/recorded.ts'

const TOKEN = 'token-that-nobody-may-see'
const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const sha = (digit: string) => digit.repeat(40)
const commit = (digit: string, message: string, login: string | null, name = 'Ann') => ({
  sha: sha(digit),
  commit: {
    message,
    author: { name, date: '2024-03-01T10:00:00+02:00' },
    committer: { date: '2024-03-01T10:00:00+02:00' },
  },
  author: login && { login },
})
const listed = (number: number, changes: object) => ({
  number,
  state: 'closed',
  merged: true,
  title: `Change ${number}`,
  body: null,
  user: { login: 'ann' },
  labels: [],
  merge_commit_sha: sha('a'),
  head: { sha: sha('b') },
  base: { sha: null, ref: 'main' },
  html_url: `https://github.com/acme/tool/pull/${number}`,
  ...changes,
})

const RECORDING = {
  repo: 'acme/tool',
  pulls: {
    12: listed(12, { _merge_commit_date: '2024-03-02T00:00:00Z', body: 'Fixes #7.' }),
    15: listed(15, {
      title: 'Widen the parser',
      body: 'Follow-up to #12, see #7, #8 and #404; not other/tool#9.',
      labels: [{ name: 'feature' }],
      merge_commit_sha: sha('c'),
      _merge_commit_date: '2024-03-05T00:00:00Z',
      _mainline_parent_sha: sha('d'),
    }),
    16: listed(16, { merged: false, user: null, merged_at: null }),
  },
  issue_comments: {
    12: null,
    15: [
      { id: null, user: { login: 'bob' }, body: 'Looks good', html_url: 'https://github.com/acme/tool/pull/15#c1' },
      { id: null, user: null, body: 'Was I here?' },
      { id: null, user: { login: 'codecov-commenter' }, body: 'Coverage of #12' },
      { id: null, user: { login: 'bob' }, body: null },
    ],
  },
  reviews: {
    15: [
      { user: { login: 'bob' }, body: '', state: 'APPROVED' },
      { user: { login: 'bob' }, body: 'Nice' },
    ],
  },
  review_comments: { 15: [{ user: { login: 'ann' }, body: 'Here?', path: 'src/a.py' }] },
  commits: { 12: null, 15: [commit('1', 'Widen it', 'ann'), commit('2', 'Pin', null, 'helper[bot]')] },
  files: {
    12: null,
    15: ['src/a.py', 'src/b.py', 'tests/test_a.py'].map((filename) => ({
      filename,
      additions: 2,
      deletions: 1,
      _note: 'x',
    })),
  },
  timeline: {
    12: [
      { event: 'labeled' },
      ...[15, 15, 7].map((number) => ({
        event: 'cross-referenced',
        source: {
          issue: {
            number,
            ...(number === 15 ? { pull_request: { url: 'https://api.github.com/repos/acme/tool/pulls/15' } } : {}),
          },
        },
      })),
      { event: 'cross-referenced', source: { issue: { number: 3, repository: { full_name: 'other/tool' } } } },
    ],
  },
  issues: { 7: { number: 7, title: 'Parser is narrow', body: 'It is.' }, 8: { number: 8, title: null } },
}

async function recorded(options: { faults?: Fault[]; pageSizeLimit?: number; requestTimeoutMs?: number } = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'prchain-github-'))
  cleanUps.push(() => rm(dir, { recursive: true }))
  await writeFile(join(dir, 'acme__tool.json'), JSON.stringify(RECORDING))
  const server = await startRecordedGitHub({ dir, token: TOKEN, ...options })
  cleanUps.push(() => server.close())
  const { requestTimeoutMs = 5000 } = options
  return { server, github: createGitHub({ apiUrl: server.url, token: TOKEN, requestTimeoutMs }) }
}

async function serve(listener: RequestListener, token: string | null = TOKEN) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  cleanUps.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, github: createGitHub({ apiUrl: url, token, requestTimeoutMs: 5000 }) }
}

/** Pull request 16 with nothing in any of its lists. */
function emptyAnswer({ url = '' }: { url?: string }): string {
  return url.endsWith('/pulls/16') ? JSON.stringify(listed(16, { merged: false })) : '[]'
}

async function failureOf(promise: Promise<unknown>): Promise<GitHubError> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(GitHubError)
  expect(inspect(error, { depth: null, showHidden: true })).not.toContain(TOKEN)
  return error as GitHubError
}

describe('what is fetched', () => {
  test('a pull request comes with all its evidence, page by page, as its format has it', async () => {
    const { github, server } = await recorded({ pageSizeLimit: 2 })
    const pull = await github.fetchPullRequest('acme/tool', 15)
    expect(pullRequest.parse(pull)).toEqual(pull)
    const said = { at: '2024-03-01T08:00:00Z' }
    const own = { url: 'https://github.com/acme/tool/pull/15', author: 'ann', isBot: false, sha: null }
    expect(pull).toEqual({
      format: 'prchain.pull-request/1',
      repository: 'acme/tool',
      number: 15,
      title: 'Widen the parser',
      author: 'ann',
      isBot: false,
      isMerged: true,
      mergeCommitSha: sha('c'),
      headSha: sha('b'),
      baseRef: 'main',
      baseSha: sha('d'),
      createdAt: '2024-03-01T08:00:00Z',
      mergedAt: '2024-03-05T00:00:00Z',
      url: 'https://github.com/acme/tool/pull/15',
      labels: ['feature'],
      files: [
        { path: 'src/a.py', additions: 2, deletions: 1 },
        { path: 'src/b.py', additions: 2, deletions: 1 },
        { path: 'tests/test_a.py', additions: 2, deletions: 1 },
      ],
      commitCount: 2,
      texts: [
        { ...own, source: 'title', text: 'Widen the parser' },
        { ...own, source: 'body', text: 'Follow-up to #12, see #7, #8 and #404; not other/tool#9.' },
        {
          ...own,
          source: 'commit',
          text: 'Widen it',
          sha: sha('1'),
          url: `https://github.com/acme/tool/commit/${sha('1')}`,
        },
        {
          ...{ source: 'commit', text: 'Pin', sha: sha('2'), url: `https://github.com/acme/tool/commit/${sha('2')}` },
          ...{ author: null, isBot: true },
        },
        {
          ...own,
          ...said,
          source: 'comment',
          text: 'Looks good',
          author: 'bob',
          url: 'https://github.com/acme/tool/pull/15#c1',
        },
        { ...own, ...said, source: 'comment', text: 'Was I here?', author: null, url: null },
        {
          ...own,
          ...said,
          source: 'comment',
          text: 'Coverage of #12',
          author: 'codecov-commenter',
          isBot: true,
          url: null,
        },
        { ...own, ...said, source: 'review', text: 'Nice', author: 'bob', url: null },
        { ...own, ...said, source: 'review-comment', text: 'Here?', url: null },
      ],
      citedBy: [],
      issues: [
        { number: 7, title: 'Parser is narrow', body: 'It is.' },
        { number: 8, title: null, body: null },
      ],
      closes: [],
      lacks: [],
    })
    const comments = server.requests().filter(({ path }) => path.includes('/issues/15/comments'))
    expect(comments).toHaveLength(2)
  })

  test('what GitHub did not say is null or empty, and the timeline names each citing thread of the repository once', async () => {
    const { github } = await recorded()
    expect(await github.fetchPullRequest('acme/tool', 12)).toMatchObject({
      files: null,
      commitCount: 0,
      texts: [{ source: 'title' }, { source: 'body' }],
      citedBy: [
        { number: 7, isPullRequest: false },
        { number: 15, isPullRequest: true },
      ],
    })
  })

  test('an unmerged pull request of a deleted user has no merge commit and no author', async () => {
    const { github } = await recorded()
    const pull = await github.fetchPullRequest('acme/tool', 16)
    expect(pull).toMatchObject({ isMerged: false, mergeCommitSha: null, mergedAt: null, author: null, isBot: false })
  })

  test('what was fetched links into a chain', async () => {
    const { github } = await recorded()
    const pulls = await Promise.all([12, 15, 16].map((number) => github.fetchPullRequest('acme/tool', number)))
    expect(buildChains(pulls, buildLinks(findReferences(pulls)))).toMatchObject([{ numbers: [12, 15], shape: 'path' }])
  })

  test('the quota is told with the time at which it resets', async () => {
    const { github } = await recorded()
    const { limit, remaining, resetsAt } = await github.rateLimit()
    expect([limit, remaining]).toEqual([5000, 5000])
    expect(Date.parse(resetsAt)).toBeGreaterThan(Date.now())
  })
})

describe('what fails', () => {
  const path = '/repos/acme/tool/pulls/15'
  const fetchWith = async (answer: Fault['answer'], at = path) => {
    const { github, server } = await recorded({ faults: [{ path: at, times: 1, answer }] })
    const error = await failureOf(github.fetchPullRequest('acme/tool', 15))
    expect(error.message).toContain('GET /repos/acme/tool/')
    return { error, asked: server.requests().filter((request) => request.path === at).length }
  }

  test.each([403, 429] as const)(
    'a secondary limit (%d) is thrown at once with the time it names, and asked once',
    async (status) => {
      const { error, asked } = await fetchWith({ kind: 'secondary-limit', status, retryAfterSeconds: 7 })
      expect(error).toMatchObject({ kind: 'limited', retryAfterMs: 7000 })
      expect(asked).toBe(1)
    },
  )

  test('a secondary limit that names no time asks for a minute', async () => {
    const { error } = await fetchWith({ kind: 'secondary-limit', status: 403, retryAfterSeconds: null })
    expect(error).toMatchObject({ kind: 'limited', retryAfterMs: 60_000 })
  })

  test('a primary limit says when the quota resets', async () => {
    const { error, asked } = await fetchWith({ kind: 'primary-limit', resetsInSeconds: 900 })
    expect(error.kind).toBe('limited')
    expect(error.retryAfterMs).toBeGreaterThan(600_000)
    expect(error.retryAfterMs).toBeLessThanOrEqual(902_000)
    expect(asked).toBe(1)
  })

  test.each([
    [401, 'refused'],
    [403, 'refused'],
    [410, 'missing'],
    [451, 'missing'],
    [500, 'unreachable'],
    [502, 'unreachable'],
  ] as const)('%d is %s and is not asked again', async (status, kind) => {
    const { error, asked } = await fetchWith({ kind: 'status', status, message: 'No.' })
    expect(error).toMatchObject({ kind, retryAfterMs: null })
    expect(error.message).toContain(`${status} (No.`)
    expect(error.cause).toBeInstanceOf(Error)
    expect(asked).toBe(1)
  })

  test.each(['{}', '[]', '"text"', 'not json', '', 'null', '{"number":15,"title":7}'])(
    'a pull request answered as %j is malformed and the endpoint is named',
    async (text) => {
      const { error } = await fetchWith({ kind: 'text', text })
      expect(error.kind).toBe('malformed')
      expect(error.message).toContain(`GET ${path} answered`)
    },
  )

  test.each(['{}', '', 'null', '[{"sha":1}]'])(
    'a list answered as %j is malformed, never an empty one',
    async (text) => {
      const { error } = await fetchWith({ kind: 'text', text }, `${path}/commits?per_page=100`)
      expect(error.kind).toBe('malformed')
      expect(error.message).toContain(`GET ${path}/commits`)
    },
  )

  test('a number or a repository that is not there is missing', async () => {
    const { github } = await recorded()
    expect((await failureOf(github.fetchPullRequest('acme/tool', 99))).kind).toBe('missing')
    expect((await failureOf(github.fetchPullRequest('acme/none', 1))).kind).toBe('missing')
  })

  test('an issue that is gone is left out, one that cannot be read fails', async () => {
    const at = '/repos/acme/tool/issues/7'
    const gone = await recorded({
      faults: [{ path: at, times: 1, answer: { kind: 'status', status: 410, message: 'Gone' } }],
    })
    expect((await gone.github.fetchPullRequest('acme/tool', 15)).issues.map(({ number }) => number)).toEqual([8])
    const { error } = await fetchWith({ kind: 'status', status: 500, message: 'Oops' }, at)
    expect(error.kind).toBe('unreachable')
  })

  test('no answer within the time is unreachable', async () => {
    const faults: Fault[] = [{ path, times: 1, answer: { kind: 'hang' } }]
    const { github } = await recorded({ faults, requestTimeoutMs: 50 })
    expect((await failureOf(github.fetchPullRequest('acme/tool', 15))).kind).toBe('unreachable')
  })

  test('an answer that breaks off is unreachable, not malformed', async () => {
    const { github } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
      response.write('[{"number":')
      setImmediate(() => response.destroy())
    })
    expect((await failureOf(github.fetchPullRequest('acme/tool', 15))).kind).toBe('unreachable')
  })

  test('nobody at the address is unreachable', async () => {
    const { github, server } = await recorded()
    await server.close()
    const error = await failureOf(github.rateLimit())
    expect(error).toMatchObject({ kind: 'unreachable' })
    expect(error.message).toContain('ECONNREFUSED')
  })

  test('a server that repeats the token in its answer does not bring it into the error', async () => {
    const { github } = await serve((request, response) => {
      response.writeHead(403, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ message: `bad ${request.headers.authorization}` }))
    })
    const error = await failureOf(github.fetchPullRequest('acme/tool', 15))
    expect(error.message).toContain('***')
  })

  test('a next page at another host is not followed: the token goes nowhere else', async () => {
    const asked: string[] = []
    const other = await serve((request, response) => {
      asked.push(request.url ?? '')
      response.end('[]')
    })
    const { github } = await serve((request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', link: `<${other.url}/next>; rel="next"` })
      response.end(emptyAnswer(request))
    })
    expect((await failureOf(github.fetchPullRequest('acme/tool', 16))).kind).toBe('malformed')
    expect(asked).toEqual([])
  })

  test('a page that names itself as the next one ends in an error', async () => {
    const { github } = await serve((request, response) => {
      const link = `<http://${request.headers.host}${request.url}>; rel="next"`
      response.writeHead(200, { 'content-type': 'application/json', link }).end(emptyAnswer(request))
    })
    expect((await failureOf(github.fetchPullRequest('acme/tool', 16))).kind).toBe('malformed')
  })

  test('without a token no authorization is sent', async () => {
    const seen: unknown[] = []
    const { github } = await serve((request, response) => {
      seen.push(request.headers.authorization)
      response.writeHead(200, { 'content-type': 'application/json' }).end(emptyAnswer(request))
    }, null)
    expect(await github.fetchPullRequest('acme/tool', 16)).toMatchObject({ number: 16 })
    expect(new Set(seen)).toEqual(new Set([undefined]))
  })

  test('a name that is no repository is refused before anything is asked', async () => {
    const { github, server } = await recorded()
    await expect(github.fetchPullRequest('acme/tool/../x', 1)).rejects.toThrow('expected owner/name')
    expect(server.requests()).toEqual([])
  })
})
