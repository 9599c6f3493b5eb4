import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { repositoryFolder } from '../src/domain/identifiers.ts'
import { createGitHost } from '../src/git/host.ts'
import type { GitRepository } from '../src/git/port.ts'
import { drawHistoryPairs } from './carryOver/history.ts'
import { measurePair, type Row, type SkippedPair } from './carryOver/measurePair.ts'
import { readChainPairs, type Pair } from './carryOver/pairs.ts'
import { percent, renderTable } from './carryOver/table.ts'

/**
 * Carry-over measured on real histories: prchain's own `substitute` and `overlay` for pairs of merged pull requests,
 * with the humans' patch of the earlier one, degraded in stated ways, as the agent's. How often it is clean, conflicts,
 * can be decided for one side, or not; how many of the agent's lines stay; how long the merge takes. Exits 1 when the
 * humans' patch as it is does not give B(t), byte for byte, on every pair.
 *
 *     node bench/carry-over.ts --mirrors DIR [--data DIR] [--repository owner/name]… [--pairs 120] [--seed 1]
 *                              [--depth 12000] [--json FILE]
 *
 * `--mirrors` has git directories named `owner__name.git`. `--data` has a `chains.json`: the pairs of its chains.
 * `--repository` is a large history: `--pairs` of its last `--depth` merges are drawn. The same for one seed, but times.
 */
const { values } = parseArgs({
  options: {
    mirrors: { type: 'string' },
    data: { type: 'string' },
    repository: { type: 'string', multiple: true, default: [] },
    pairs: { type: 'string', default: '120' },
    seed: { type: 'string', default: '1' },
    depth: { type: 'string', default: '12000' },
    json: { type: 'string' },
  },
})
const { mirrors } = values
if (mirrors === undefined || (values.data === undefined && values.repository.length === 0)) {
  throw new Error('give --mirrors DIR, and --data DIR or --repository owner/name')
}
const [count, seed, depth] = [wholeNumber('pairs'), wholeNumber('seed'), wholeNumber('depth')]

const cacheDir = await mkdtemp(join(tmpdir(), 'prchain-carry-over-'))
const host = createGitHost({ cacheDir, cloneUrl: (name) => `https://github.com/${name}.git` })
const opened = new Map<string, GitRepository>()
const results: { rows: Row[]; skipped: SkippedPair[] } = { rows: [], skipped: [] }
try {
  if (values.data !== undefined) await measure('the chains', await readChainPairs(values.data), Infinity)
  for (const repository of values.repository) {
    const mirror = resolve(mirrors, `${repositoryFolder(repository)}.git`)
    const { pairs, pulls, links } = await drawHistoryPairs({ mirror, repository, depth, seed })
    await measure(`${repository}: ${pulls} pull requests with ${links} links, seed ${seed}`, pairs, count)
  }
} finally {
  await rm(cacheDir, { recursive: true, force: true })
}
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, null, 1)}\n`)
if (!results.rows.filter(isPerfect).every(({ isUpstream }) => isUpstream)) process.exitCode = 1

/** Measures pairs, in their order, until `wanted` were measured. */
async function measure(title: string, pairs: readonly Pair[], wanted: number): Promise<void> {
  const rows: Row[] = []
  const skipped: SkippedPair[] = []
  let done = 0
  for (const pair of pairs) {
    if (done >= wanted) break
    const measured = await measurePair(await open(pair.repository), pair, seed)
    if ('skipped' in measured) skipped.push(measured.skipped)
    else {
      rows.push(...measured.rows)
      done += 1
    }
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${Math.min(pairs.length, wanted)} pairs `)
  }
  results.rows.push(...rows)
  results.skipped.push(...skipped)

  console.log(`\n## ${title}\n`)
  for (const policy of ['substitute', 'overlay'] as const) console.log(`${policy}\n\n${renderTable(rows, policy)}\n`)
  const perfect = rows.filter(isPerfect)
  for (const [rule, own] of Map.groupBy(perfect, ({ rule }) => rule)) console.log(`rule "${rule}": ${own.length} pairs`)
  const same = perfect.filter(({ isUpstream }) => isUpstream)
  console.log(`identity: S_init is B(t), byte for byte, on ${same.length} of ${perfect.length} pairs`)
  for (const { pair } of perfect.filter(({ isUpstream }) => !isUpstream)) console.log(`- not on ${pair}`)
  const degraded = rows.filter((row) => row.policy === 'substitute' && !isPerfect(row))
  for (const [rule, own] of Map.groupBy(degraded, ({ rule }) => rule)) {
    const clean = own.filter(({ outcome }) => outcome === 'clean').length
    console.log(
      `substitute, degraded, rule "${rule}": ${clean} of ${own.length} clean (${percent(clean / own.length)})`,
    )
  }
  console.log(`skipped: ${skipped.length} pairs`)
  for (const { pair, reason } of skipped) console.log(`- ${pair}: ${reason}`)
}

async function open(name: string): Promise<GitRepository> {
  const repository = opened.get(name) ?? (await host.open(name, mirrors!))
  opened.set(name, repository)
  return repository
}

function isPerfect({ policy, degradation }: Row): boolean {
  return policy === 'substitute' && degradation === 'identical'
}

function wholeNumber(name: 'pairs' | 'seed' | 'depth'): number {
  const number = Number(values[name])
  if (!Number.isSafeInteger(number) || number < 0)
    throw new Error(`--${name} must be a whole number, not ${values[name]}`)
  return number
}
