import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openShelf } from '../src/activities/pageShelf.ts'
import type { PageList } from '../src/formats/mining.ts'
import { createGitHub } from '../src/github/octokit.ts'
import { createFileStore } from '../src/store/files.ts'
import type { Store } from '../src/store/port.ts'
import { PAPER_PLANS, planOf } from '../test/github/corpus/plan.ts'
import { layOut } from '../test/github/corpus/skeleton.ts'
import { crawl, type Crawled } from '../test/github/crawl.ts'
import { startGeneratedGitHub } from '../test/github/generated.ts'

/**
 * Calls that fetching takes: the paper's nine repositories by size, 61,810 generated pull requests, served over loopback
 * within GitHub's limits, by a clock that an answer sets forward by 0.3 s and a limit by as long as it lasts. Then a week
 * goes by in which 1 % of the pull requests change, and each is fetched again. Whether all has come is checked.
 *
 *     node bench/mining-calls.ts [--only OWNER/NAME] [--anonymous] [--seed 1]
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    anonymous: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
  },
})
const seed = Number(values.seed)
const token = values.anonymous ? null : 'generated'
const repositories = values.only === undefined ? PAPER_PLANS.map(({ name }) => name) : [values.only]

const clock = { ms: Date.now(), now: () => clock.ms, advance: (ms: number) => void (clock.ms += ms) }
// The server and what fetches from it have one clock, and it is this one.
Date.now = clock.now

const dir = mkdtempSync(join(tmpdir(), 'prchain-bench-calls-'))
const server = await startGeneratedGitHub({ seed, repositories, now: clock.now })
const begunMs = performance.now()
try {
  console.log(
    '| repository | pull requests | REST | GraphQL | points | calls per 1,000 | limits met | hours | again: REST | of these unchanged | GraphQL | share |',
  )
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |')
  const rows = []
  for (const repository of repositories) rows.push(await measure(repository))
  if (rows.length > 1) print('all', sum(rows))
  const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024)
  const seconds = Math.round((performance.now() - begunMs) / 1000)
  console.log(`\n${seconds} s on this machine's clock; server and client together took at most ${peakMiB} MiB`)
} finally {
  await server.close()
  rmSync(dir, { recursive: true, force: true })
}

interface Row {
  pulls: number
  first: Crawled
  again: Crawled
}

async function measure(repository: string): Promise<Row> {
  const store = createFileStore({ dir: join(dir, repository.replace('/', '__')) })
  const from = { apiUrl: server.url, token, repository, store, clock }
  const first = await crawl({ ...from, mining: 0 })
  await checkWhole(repository, store)
  await server.changeSome(repository, 0.01)
  clock.advance(7 * 86_400_000)
  const again = await crawl({ ...from, mining: 1 })
  rmSync(join(dir, repository.replace('/', '__')), { recursive: true, force: true })
  const row = { pulls: planOf(repository).pullRequests, first, again }
  print(repository, row)
  return row
}

/** Throws when an entry of any list was lost. */
async function checkWhole(repository: string, store: Store): Promise<void> {
  const bones = layOut(planOf(repository), seed).bones.slice(1)
  const pulls = bones.filter(({ kind }) => kind !== 'issue').length
  const sizes: [PageList, number][] = [
    ['pulls', pulls],
    ['issues', bones.length],
    ['comments', bones.reduce((sum, { comments }) => sum + comments, 0)],
    ['review-comments', bones.reduce((sum, { reviewComments }) => sum + reviewComments, 0)],
    ['threads', token === null ? 0 : pulls],
  ]
  const shelf = await openShelf({ store, github: createGitHub({ apiUrl: server.url, token }), repository })
  for (const [list, size] of sizes) {
    const keys = new Set<string | number>()
    for (let n = 0; n < shelf.counts[list]; n += 1) {
      for (const entry of await shelf.entries(await shelf.get(list, n))) {
        if ('id' in entry) keys.add(entry.id)
        else if ('number' in entry) keys.add(entry.number)
      }
    }
    if (keys.size !== size) throw new Error(`${repository}: the list "${list}" came with ${keys.size} of ${size}`)
  }
}

function print(name: string, { pulls, first, again }: Row): void {
  const calls = first.rest + first.graphql
  const callsAgain = again.rest + again.graphql
  const cells = [
    name,
    pulls.toLocaleString('en'),
    first.rest,
    first.graphql,
    first.points,
    ((calls / pulls) * 1000).toFixed(0),
    first.waits,
    (first.elapsedMs / 3_600_000).toFixed(1),
    again.rest,
    again.unchanged,
    again.graphql,
    `${((callsAgain / calls) * 100).toFixed(1)} %`,
  ]
  console.log(`| ${cells.join(' | ')} |`)
}

function sum(rows: readonly Row[]): Row {
  const add = (a: Crawled, b: Crawled): Crawled => ({
    rest: a.rest + b.rest,
    unchanged: a.unchanged + b.unchanged,
    graphql: a.graphql + b.graphql,
    points: a.points + b.points,
    pages: a.pages + b.pages,
    waits: a.waits + b.waits,
    elapsedMs: a.elapsedMs + b.elapsedMs,
  })
  return rows.reduce((a, b) => ({
    pulls: a.pulls + b.pulls,
    first: add(a.first, b.first),
    again: add(a.again, b.again),
  }))
}
