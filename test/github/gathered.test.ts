import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openShelf, PAGE_LISTS } from '../../src/activities/pageShelf.ts'
import { assembleCorpus, type Corpus } from '../../src/domain/corpus.ts'
import type { PageEntry } from '../../src/domain/pageEntry.ts'
import type { PullRequest } from '../../src/formats/pullRequest.ts'
import { createGitHub } from '../../src/github/octokit.ts'
import { createFileStore } from '../../src/store/files.ts'
import { generateCorpus } from './corpus/assembled.ts'
import { historyOf } from './corpus/history.ts'
import { planOf } from './corpus/plan.ts'
import { layOut } from './corpus/skeleton.ts'
import { crawl } from './crawl.ts'
import { startGeneratedGitHub } from './generated.ts'

const REPOSITORY = 'acme/tool'
const made = { seed: 9, pullRequests: 250 }
const generated = generateCorpus({ ...made, repository: REPOSITORY })
const dir = mkdtempSync(join(tmpdir(), 'prchain-gathered-'))
let gathered: Corpus

beforeAll(async () => {
  const server = await startGeneratedGitHub({ ...made, repositories: [REPOSITORY] })
  const store = createFileStore({ dir })
  const clock = { now: Date.now, advance: () => {} }
  const from = { apiUrl: server.url, token: 'token' }
  await crawl({ ...from, repository: REPOSITORY, mining: 0, store, clock })
  await server.close()
  const shelf = await openShelf({ store, github: createGitHub(from), repository: REPOSITORY })
  const entries: PageEntry[] = []
  for (const list of PAGE_LISTS) {
    for (let n = 0; n < shelf.counts[list]; n += 1) entries.push(...(await shelf.entries(await shelf.get(list, n))))
  }
  const history = historyOf(layOut(planOf(REPOSITORY, made.pullRequests), made.seed))
  const page = `https://github.com/${REPOSITORY}`
  gathered = assembleCorpus({ repository: REPOSITORY, page, history, lacks: [], entries })
})
afterAll(() => rmSync(dir, { recursive: true }))

const textsOf = ({ texts, isMerged }: PullRequest) =>
  texts
    .filter(({ source }) => isMerged || source !== 'commit')
    .map(({ source, text, author, isBot }) => [source, text, source === 'commit' ? '' : author, isBot].join('|'))
    .sort()

test('each closed pull request comes out of the pages with every text that was put in, by its author', () => {
  expect(gathered.pulls.length).toBeGreaterThan(230)
  for (const pull of gathered.pulls) {
    const planted = generated.pulls.find(({ number }) => number === pull.number)!
    expect(textsOf(pull)).toEqual(textsOf(planted))
  }
})

test('what it closes and who cites it come too, and its files where it was merged', () => {
  const facts = ({ number, isMerged, mergedAt, isBot, closes, citedBy, files }: PullRequest) => ({
    ...{ number, isMerged, mergedAt, isBot, closes, citedBy },
    files: isMerged ? files : null,
  })
  const numbers = new Set(gathered.pulls.map(({ number }) => number))
  const planted = generated.pulls.filter(({ number }) => numbers.has(number))
  expect(gathered.pulls.map(facts)).toEqual(planted.map(facts))
})

test('each issue comes with its thread', () => {
  const said = (issues: Corpus['issues']) =>
    issues.map(({ number, author, texts }) => [number, author, ...texts.map(({ text }) => text)])
  expect(said(gathered.issues)).toEqual(said(generated.issues))
})
