import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { issueThread, pullRequest } from '../../src/formats/pullRequest.ts'
import { generateCorpus } from './corpus/assembled.ts'
import { PAPER_PLANS, planOf } from './corpus/plan.ts'
import { layOut } from './corpus/skeleton.ts'
import { startGeneratedGitHub, type GeneratedGitHub } from './generated.ts'

const NAME = 'acme/tool'
const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

type Entry = Record<string, unknown> & { number: number; id: number; updated_at: string }

async function start(options: Partial<Parameters<typeof startGeneratedGitHub>[0]> = {}) {
  const server = await startGeneratedGitHub({ seed: 7, repositories: [NAME], pullRequests: 300, ...options })
  cleanUps.push(() => server.close())
  return server
}

async function read(server: GeneratedGitHub, path: string): Promise<Entry[]> {
  const answer = await fetch(`${server.url}/repos/${NAME}${path}`, { headers: { authorization: 'Bearer ann' } })
  return (await answer.json()) as Entry[]
}

/** A list as a client reads it: from the last entry's time on, until a page is not full. */
async function readSince(
  server: GeneratedGitHub,
  list: string,
  since = '2000-01-01T00:00:00Z',
): Promise<Map<number, Entry>> {
  const entries = new Map<number, Entry>()
  for (let from = since; ;) {
    const page = await read(server, `/${list}?state=all&sort=updated&direction=asc&per_page=100&since=${from}`)
    for (const entry of page) entries.set(entry.id, entry)
    if (page.length < 100) return entries
    from = page.at(-1)!.updated_at
  }
}

test("the nine repositories have the paper's counts, and each is the same for the same seed", () => {
  const counts = PAPER_PLANS.map((plan) => {
    const bones = layOut(plan, 1).bones.slice(1)
    return bones.filter(({ kind }) => kind !== 'issue').length
  })
  expect(counts).toEqual(PAPER_PLANS.map(({ pullRequests }) => pullRequests))
  expect(counts.reduce((a, b) => a + b)).toBe(61_810)
  const one = generateCorpus({ seed: 1, repository: NAME, pullRequests: 50 })
  expect(generateCorpus({ seed: 1, repository: NAME, pullRequests: 50 })).toEqual(one)
  expect(generateCorpus({ seed: 2, repository: NAME, pullRequests: 50 })).not.toEqual(one)
})

test('an assembled corpus has its formats, and its links lead to what was merged before', () => {
  const { pulls, issues, links } = generateCorpus({ seed: 3, repository: NAME, pullRequests: 400 })
  for (const one of pulls) expect(pullRequest.parse(one)).toEqual(one)
  for (const one of issues) expect(issueThread.parse(one)).toEqual(one)
  const byNumber = new Map(pulls.map((pull) => [pull.number, pull]))
  expect(links.length).toBeGreaterThan(20)
  for (const { from, to } of links) {
    expect(Date.parse(byNumber.get(to)!.mergedAt!)).toBeLessThan(Date.parse(byNumber.get(from)!.createdAt!))
  }
  const share = (what: (pull: (typeof pulls)[number]) => boolean) => pulls.filter(what).length / pulls.length
  expect(share(({ isMerged }) => isMerged)).toBeCloseTo(0.85, 1)
  expect(share(({ isBot }) => isBot)).toBeCloseTo(planOf(NAME).botShare, 1)
})

test('what a client reads over HTTP is what the corpus was assembled of', async () => {
  const server = await start()
  const corpus = generateCorpus({ seed: 7, repository: NAME, pullRequests: 300 })
  const said = (source: string) =>
    corpus.pulls.flatMap(({ number, texts }) =>
      texts.filter((one) => one.source === source).map(({ text }) => `${number} ${text}`),
    )
  const heard = (entries: Map<number, Entry>, key: string) =>
    [...entries.values()].map((one) => `${String(one[key]).split('/').at(-1)} ${String(one.body)}`)
  const comments = await readSince(server, 'issues/comments')
  const ofIssues = corpus.issues.flatMap(({ number, texts }) => texts.slice(2).map(({ text }) => `${number} ${text}`))
  expect(heard(comments, 'issue_url').sort()).toEqual([...said('comment'), ...ofIssues].sort())
  expect(heard(await readSince(server, 'pulls/comments'), 'pull_request_url').sort()).toEqual(
    said('review-comment').sort(),
  )
  const issues = await readSince(server, 'issues')
  expect(issues.size).toBe(corpus.pulls.length + corpus.issues.length)
  const titles = new Map([...issues.values()].map(({ number, title }) => [number, title]))
  for (const { number, title } of corpus.pulls) expect(titles.get(number)).toBe(title)
})

test('a week later so many pull requests have changed, and nothing else has', async () => {
  const server = await start()
  const before = await readSince(server, 'issues')
  const last = [...before.values()]
    .map(({ updated_at }) => updated_at)
    .sort()
    .at(-1)!
  const changed = await server.changeSome(NAME, 0.05)
  expect(changed).toHaveLength(15)
  const after = await readSince(server, 'issues', last)
  const later = [...after.values()].filter(({ updated_at }) => updated_at > last)
  expect(later.map(({ number }) => number).sort((a, b) => a - b)).toEqual(changed)
  expect((await readSince(server, 'issues/comments', last)).size).toBe(5)
  expect((await readSince(server, 'issues')).size).toBe(before.size)
})

test('rare things are there: 10,000 comments, a body of a megabyte, a head that was pushed over, deleted accounts', async () => {
  const corpus = generateCorpus({ seed: 7, repository: NAME, pullRequests: 300 })
  const [first, second, third] = corpus.pulls.map(({ number }) => number) as [number, number, number]
  const server = await start({
    commentCounts: { [first]: 10_000 },
    oddities: { bodyLengths: { [second]: 1_000_000 }, forcePushed: [third] },
  })
  const one = await readSince(server, 'issues/comments')
  const own = [...one.values()].filter(({ issue_url }) => String(issue_url).endsWith(`/issues/${first}`))
  expect(own).toHaveLength(10_000)
  expect((await read(server, `/issues/${first}/comments?per_page=100&page=100`)).length).toBe(100)
  const pulls = await read(server, '/pulls?state=all&direction=asc&per_page=100')
  expect(String(pulls.find(({ number }) => number === second)!.body)).toHaveLength(1_000_000)
  expect(pulls.find(({ number }) => number === third)!.head).not.toMatchObject({ sha: corpus.pulls[2]!.headSha })
  expect([...one.values()].some(({ user }) => user === null)).toBe(true)
})

describe('with git', () => {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-generated-'))
  afterAll(() => rmSync(dir, { recursive: true }))

  test('commits, heads and files are those that the server names', async () => {
    const server = await start({ pullRequests: 120, mirrorsDir: dir })
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', join(dir, 'acme__tool.git'), ...args], { encoding: 'utf8' }).trim()
    const heads = new Map(
      git('for-each-ref', '--format=%(refname) %(objectname)', 'refs/pull')
        .split('\n')
        .map((line) => line.split(' ') as [string, string]),
    )
    expect(heads.size).toBe(120)
    const pulls = [
      ...(await read(server, '/pulls?state=all&direction=asc&per_page=100')),
      ...(await read(server, '/pulls?state=all&direction=asc&per_page=100&page=2')),
    ] as (Entry & { head: { sha: string }; base: { sha: string }; merge_commit_sha: string | null })[]
    const onMain = new Set(git('rev-list', '--first-parent', 'main').split('\n'))
    for (const { number, head, merge_commit_sha } of pulls) {
      expect(heads.get(`refs/pull/${number}/head`)).toBe(head.sha)
      if (merge_commit_sha !== null) expect(onMain.has(merge_commit_sha)).toBe(true)
    }
    const styles = new Set<number>()
    for (const { number, merge_commit_sha, head, base } of pulls.slice(0, 30)) {
      const files = (await read(server, `/pulls/${number}/files`)) as unknown as {
        filename: string
        additions: number
        deletions: number
      }[]
      const served = files.map(({ filename, additions, deletions }) => `${additions}\t${deletions}\t${filename}`)
      expect(git('diff', '--numstat', base.sha, head.sha).split('\n')).toEqual(served)
      if (merge_commit_sha !== null) styles.add(git('rev-list', '--parents', '-n1', merge_commit_sha).split(' ').length)
    }
    expect(styles).toEqual(new Set([2, 3]))
  })
})
