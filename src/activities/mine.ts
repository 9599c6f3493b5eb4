import { buildChains, type ChainCandidate } from '../domain/chain.ts'
import { recordKey } from '../domain/identifiers.ts'
import { filterPulls } from '../domain/pullRequest.ts'
import { findReferences } from '../domain/reference.ts'
import type { Mining } from '../formats/campaign.ts'
import type { GatheredRecord } from '../formats/record.ts'
import { pullRequest, type PullRequest } from '../formats/pullRequest.ts'
import { resolveChain, storeChain } from './chainRecord.ts'
import { InvalidInputError, type Scope } from './edge.ts'
import type { Ports } from './ports.ts'

/** What a workflow payload can hold of a large repository's chains. */
const CHAINS_SHOWN = 200

/** Which repository is mined, and how. */
export interface MineInput {
  repository: string
  mirrors: string | null
  /** Shortest and longest chain. */
  min: number
  max: number
}

/**
 * Gathers a repository's closed pull requests with all their evidence. Each is on record as soon as it is fetched, so a
 * retried activity fetches only the rest. Returns the mining's number.
 */
export async function gatherPullRequests(
  ports: Ports,
  input: MineInput,
  scope: Scope,
): Promise<{ n: number; pullRequests: number }> {
  const { repository } = input
  const done = await ports.store.listRecords(recordKey.minings(repository))
  const n = done.length
  const numbers = await ports.github.listPullRequests(repository)
  for (const [index, number] of numbers.entries()) {
    scope.signal.throwIfAborted()
    scope.report({ gathered: index, of: numbers.length, at: number })
    const key = recordKey.gathered(repository, n, number)
    if (await ports.store.getRecord<GatheredRecord>(key)) continue
    const pull = await ports.github.fetchPullRequest(repository, number)
    const gathered: GatheredRecord = {
      format: 'prchain.gathered/1',
      blob: await ports.store.putBlob(JSON.stringify(pull)),
    }
    await ports.store.putRecord(key, gathered)
  }
  return { n, pullRequests: numbers.length }
}

/** Links what was gathered and stores the chains that git agrees with. Once for a mining. (The paper's step A.) */
export async function linkChains(
  ports: Ports,
  input: MineInput & { n: number },
  scope: Scope,
): Promise<{ references: number; chainCount: number; chains: string[] }> {
  const { repository: name, n, min, max } = input
  const key = recordKey.mining(name, n)
  const known = await ports.store.getRecord<Mining>(key)
  if (known) return summarize(known)

  const repository = await ports.git.open(name, input.mirrors)
  const { pulls, blobs } = await readGathered(ports, name, n)
  const { kept, counts } = filterPulls(pulls)
  const references = findReferences(pulls)
  const byNumber = new Map(pulls.map((pull) => [pull.number, pull]))
  const chains: string[] = []
  const unresolved: Mining['unresolved'] = []
  for (const candidate of buildChains(kept, references, { min, max })) {
    scope.report({ chain: candidate.numbers.join(' → ') })
    await settle(candidate)
  }
  const mining: Mining = {
    format: 'prchain.mining/1',
    repository: name,
    pullRequests: blobs,
    references: references.length,
    removed: counts,
    unresolved,
    chains: chains.sort(),
  }
  await ports.store.putRecord(key, mining)
  return summarize(mining)

  async function settle(candidate: ChainCandidate): Promise<void> {
    try {
      const chain = await resolveChain(ports, {
        repository,
        pulls: candidate.numbers.map((number) => byNumber.get(number)!),
        id: null,
        source: 'mined',
        shape: candidate.shape,
        links: candidate.links,
      })
      // A chain that an earlier mining stored stays as it was: rollouts may stand on it.
      await storeChain(ports.store, chain)
      chains.push(chain.id)
    } catch (error) {
      if ((error as Error).name !== 'GitError') throw error
      unresolved.push(...candidate.numbers.map((number) => ({ number, reason: (error as Error).message })))
    }
  }
}

function summarize(mining: Mining): { references: number; chainCount: number; chains: string[] } {
  return {
    references: mining.references,
    chainCount: mining.chains.length,
    chains: mining.chains.slice(0, CHAINS_SHOWN),
  }
}

async function readGathered(
  ports: Ports,
  repository: string,
  n: number,
): Promise<{ pulls: PullRequest[]; blobs: Mining['pullRequests'] }> {
  const pulls: PullRequest[] = []
  const blobs: Mining['pullRequests'] = []
  for (const key of await ports.store.listRecords(recordKey.gatheredIn(repository, n))) {
    const gathered = await ports.store.getRecord<GatheredRecord>(key)
    if (!gathered) throw new InvalidInputError(`record ${key} vanished from the store while ${repository} was linked`)
    const pull = pullRequest.parse(JSON.parse((await ports.store.getBlob(gathered.blob)).toString('utf8')))
    pulls.push(pull)
    blobs.push({ number: pull.number, blob: gathered.blob })
  }
  pulls.sort((a, b) => a.number - b.number)
  blobs.sort((a, b) => a.number - b.number)
  return { pulls, blobs }
}
