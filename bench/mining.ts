import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
import { generateCorpus } from '../test/github/corpus/assembled.ts'

/**
 * Seconds and memory that linking and chaining take, from a gathering's shards in a store to chains, without git and the
 * network: the generated corpus of the paper's nine repositories, one after the other, 61,810 pull requests; then single
 * repositories of growing size. Each row is measured in a process of its own on one core (`taskset` where there is one);
 * the corpus is laid by others.
 *
 *     node bench/mining.ts [--seed 1]
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    of: { type: 'string', default: '' },
    lay: { type: 'string' },
    link: { type: 'string' },
    repository: { type: 'string', default: '' },
    size: { type: 'string' },
  },
})
const A_SHARD = 200
const NINE = [
  ...['cloudquery/cloudquery', 'apache/pulsar', 'scipy/scipy', 'astral-sh/ruff', 'PrefectHQ/prefect', 'numpy/numpy'],
  ...['microsoft/autogen', 'ivy-llc/ivy', 'tursodatabase/libsql'],
]

/** A laid gathering: what `lay` tells `link`. */
interface Laid {
  pulls: BlobRef[]
  issues: BlobRef[]
  count: number
  bytes: number
}

if (values.lay !== undefined) await lay(values.lay)
else if (values.link !== undefined) console.log(await measure(values.of, values.link.split(',')))
else {
  console.log(
    '| corpus | pull requests | MiB of JSON | references | links | chains | CPU s | s | CPU µs each | peak MiB |',
  )
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |')
  console.log(
    row(
      'the nine',
      NINE.map((repository) => ({ repository })),
    ),
  )
  for (const size of [1_000, 10_000, 30_000, 100_000])
    console.log(row('one repository', [{ repository: 'big/one', size }]))
}

/** Lays the repositories, then measures them together in a process pinned to one core. */
function row(of: string, repositories: readonly { repository: string; size?: number }[]): string {
  const dirs = repositories.map(({ repository, size }) => {
    const dir = mkdtempSync(join(tmpdir(), 'prchain-bench-mining-'))
    start([], ['--lay', dir, '--repository', repository, ...(size === undefined ? [] : ['--size', String(size)])])
    return dir
  })
  const hasPins = spawnSync('taskset', ['-c', '0', 'true']).status === 0
  const measured = start(hasPins ? ['taskset', '-c', '0'] : [], ['--of', of, '--link', dirs.join(',')])
  for (const dir of dirs) rmSync(dir, { recursive: true })
  return measured
}

function start(before: readonly string[], options: readonly string[]): string {
  const [program, ...args] = [...before, process.execPath, import.meta.filename, '--seed', values.seed, ...options]
  const child = spawnSync(program!, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  if (child.status !== 0) throw new Error(`${options.join(' ')} failed`)
  return child.stdout.trim()
}

/** Puts a generated gathering's shards into a store in a folder. */
async function lay(dir: string): Promise<void> {
  const { repository, size, seed } = values
  const pullRequests = size === undefined ? {} : { pullRequests: Number(size) }
  const { pulls, issues } = generateCorpus({ seed: Number(seed), repository, ...pullRequests })
  const store = createFileStore({ dir })
  const laid: Laid = { pulls: [], issues: [], count: pulls.length, bytes: 0 }
  for (const [list, values] of [
    ['pulls', pulls],
    ['issues', issues],
  ] as const) {
    for (let at = 0; at < values.length; at += A_SHARD) {
      const lines = values.slice(at, at + A_SHARD).map((value) => JSON.stringify(value))
      laid[list].push(await store.putBlob(lines.join('\n')))
      laid.bytes += lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0)
    }
  }
  writeFileSync(join(dir, 'laid.json'), JSON.stringify(laid))
}

async function measure(of: string, dirs: readonly string[]): Promise<string> {
  const total = { pulls: 0, bytes: 0, references: 0, links: 0, chains: 0 }
  const started = process.cpuUsage()
  const startedMs = performance.now()
  for (const dir of dirs) {
    const laid = JSON.parse(readFileSync(join(dir, 'laid.json'), 'utf8')) as Laid
    const { pulls, issues } = await readGathered(createFileStore({ dir }), laid)
    const { kept } = filterPulls(pulls)
    const references = findReferences(pulls, issues)
    const links = buildLinks(references)
    const chains = buildChains(kept, links)
    buildTemporal(kept, { lengths: chains.map(({ numbers }) => numbers.length), seed: 1 })
    total.pulls += laid.count
    total.bytes += laid.bytes
    total.references += references.length
    total.links += links.filter((one) => holdsChain(one)).length
    total.chains += chains.length
  }
  const { user, system } = process.cpuUsage(started)
  const [ms, cpuMs] = [performance.now() - startedMs, (user + system) / 1_000]
  const counts = [total.pulls, Math.round(total.bytes / 2 ** 20), total.references, total.links, total.chains]
  const times = [(cpuMs / 1_000).toFixed(1), (ms / 1_000).toFixed(1), ((cpuMs * 1_000) / total.pulls).toFixed(0)]
  const cells = [of, ...counts.map((count) => count.toLocaleString('en')), ...times]
  return `| ${[...cells, Math.round(process.resourceUsage().maxRSS / 1024)].join(' | ')} |`
}
