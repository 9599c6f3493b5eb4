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
 * goes by in which 1 % of the pull requests change, and each is fetched again. That nothing was lost is checked.
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
const stores = new Map(
  repositories.map((name) => [name, createFileStore({ dir: join(dir, name.replace('/', '__')) })] as const),
)
const begunMs = performance.now()
try {
  const first = await fetchAll('fetched for the first time', 0)
  for (const repository of repositories) await server.changeSome(repository, 0.01)
  clock.advance(7 * 86_400_000)
  const again = await fetchAll('fetched again after 1 % of the pull requests changed', 1)
  const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024)
  const seconds = Math.round((performance.now() - begunMs) / 1000)
  console.log(`\nagain: ${((again / first) * 100).toFixed(1)} % of the calls`)
  console.log(`${seconds} s on this machine's clock; server and client together took at most ${peakMiB} MiB`)
} finally {
  await server.close()
  rmSync(dir, { recursive: true, force: true })
}

/** Fetches each repository, one after the other, and prints what it took. Returns the calls of all. */
async function fetchAll(title: string, mining: number): Promise<number> {
  console.log(
    `\n| ${title} | pull requests | REST | unchanged | GraphQL | points | calls per 1,000 | limits met | minutes |`,
  )
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- |')
  const all: Crawled = { rest: 0, unchanged: 0, graphql: 0, points: 0, pages: 0, waits: 0, elapsedMs: 0 }
  let allPulls = 0
  for (const [repository, store] of stores) {
    const crawled = await crawl({ apiUrl: server.url, token, repository, store, clock, mining })
    if (mining === 0) await checkWhole(repository, store)
    const pulls = planOf(repository).pullRequests
    print(repository, pulls, crawled)
    allPulls += pulls
    for (const key of Object.keys(all) as (keyof Crawled)[]) all[key] += crawled[key]
  }
  if (stores.size > 1) print('all', allPulls, all)
  return all.rest + all.graphql
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

function print(name: string, pulls: number, crawled: Crawled): void {
  const { rest, unchanged, graphql, points, waits, elapsedMs } = crawled
  const perThousand = (((rest + graphql) / pulls) * 1000).toFixed(1)
  const minutes = (elapsedMs / 60_000).toFixed(1)
  const cells = [name, pulls.toLocaleString('en'), rest, unchanged, graphql, points, perThousand, waits, minutes]
  console.log(`| ${cells.join(' | ')} |`)
}
