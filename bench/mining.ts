import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readGathered } from '../src/activities/readGathered.ts'
import { buildChains } from '../src/domain/chain.ts'
import { buildLinks, holdsChain } from '../src/domain/link.ts'
import { filterPulls } from '../src/domain/pullRequest.ts'
import { findReferences } from '../src/domain/reference.ts'
import { buildTemporal } from '../src/domain/temporal.ts'
import type { BlobRef } from '../src/formats/common.ts'
import { createFileStore } from '../src/store/files.ts'
import { makeCorpus, NINE } from './mining/corpus.ts'

/**
 * Seconds and memory that linking and chaining take, from a gathering's shards to chains, without git and the network:
 * the nine repositories of the paper by size, 61,810 made-up pull requests, one repository after the other; then single
 * repositories of growing size. Each row is a process of its own on one core (`taskset` where there is one).
 *
 *     node bench/mining.ts [--seed 1]
 */
const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, sizes: { type: 'string' }, of: { type: 'string', default: '' } },
})
const A_SHARD = 200

if (values.sizes === undefined) {
  const rows = [
    measure('the nine', NINE.map(([name, size]) => `${name}=${size}`).join(',')),
    ...[1_000, 10_000, 30_000, 100_000].map((size) => measure('one repository', `big/one=${size}`)),
  ]
  console.log(
    '| corpus | pull requests | MiB of JSON | references | links | chains | CPU s | s | CPU µs each | peak MiB |',
  )
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |')
  for (const row of rows) console.log(row)
} else {
  console.log(await run(values.of, values.sizes))
}

/** Measures in a process of its own, pinned to one core. */
function measure(of: string, sizes: string): string {
  const args = [import.meta.filename, '--seed', values.seed, '--of', of, '--sizes', sizes]
  const pinned = ['-c', '0', process.execPath, ...args]
  const hasPins = spawnSync('taskset', ['-c', '0', 'true']).status === 0
  const child = spawnSync(hasPins ? 'taskset' : process.execPath, hasPins ? pinned : args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (child.status !== 0) throw new Error(`measuring ${sizes} failed`)
  return child.stdout.trim()
}

async function run(of: string, sizes: string): Promise<string> {
  const repositories = sizes.split(',').map((pair) => pair.split('=') as [string, string])
  const total = { pulls: 0, references: 0, links: 0, chains: 0, ms: 0, cpuMs: 0, bytes: 0 }
  for (const [index, [repository, size]] of repositories.entries()) {
    const gathered = await lay(repository, Number(size), Number(values.seed) + index)
    total.bytes += gathered.bytes
    const started = process.cpuUsage()
    const startedMs = performance.now()
    const made = await link(gathered)
    total.ms += performance.now() - startedMs
    const { user, system } = process.cpuUsage(started)
    total.cpuMs += (user + system) / 1_000
    rmSync(gathered.dir, { recursive: true })
    total.pulls += Number(size)
    total.references += made.references
    total.links += made.links
    total.chains += made.chains
  }
  const { pulls, references, links, chains, ms, cpuMs } = total
  const peakMib = process.resourceUsage().maxRSS / 1024
  const mib = (total.bytes / 2 ** 20).toFixed(0)
  const seconds = (time: number) => (time / 1_000).toFixed(1)
  const a = ((cpuMs * 1_000) / pulls).toFixed(0)
  const cells = [of, pulls, mib, references, links, chains, seconds(cpuMs), seconds(ms), a]
  return `| ${[...cells, peakMib.toFixed(0)].join(' | ')} |`
}

/** A made-up gathering's shards in a store. */
async function lay(repository: string, size: number, seed: number) {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-bench-mining-'))
  const store = createFileStore({ dir })
  const shards: Record<'pulls' | 'issues', BlobRef[]> = { pulls: [], issues: [] }
  const open: Record<'pulls' | 'issues', string[]> = { pulls: [], issues: [] }
  let bytes = 0
  for (const made of makeCorpus({ repository, size, seed })) {
    const list = made.format === 'prchain.issue/1' ? 'issues' : 'pulls'
    open[list].push(JSON.stringify(made))
    if (open[list].length === A_SHARD) await close(list)
  }
  await close('pulls')
  await close('issues')
  return { dir, bytes, shards, store }

  async function close(list: 'pulls' | 'issues'): Promise<void> {
    const content = open[list].splice(0).join('\n')
    bytes += Buffer.byteLength(content)
    shards[list].push(await store.putBlob(content))
  }
}

async function link({ shards, store }: Awaited<ReturnType<typeof lay>>) {
  const { pulls, issues } = await readGathered(store, shards)
  const { kept } = filterPulls(pulls)
  const references = findReferences(pulls, issues)
  const links = buildLinks(references)
  const chains = buildChains(kept, links)
  buildTemporal(kept, { lengths: chains.map(({ numbers }) => numbers.length), seed: 1 })
  return {
    references: references.length,
    links: links.filter((one) => holdsChain(one)).length,
    chains: chains.length,
  }
}
