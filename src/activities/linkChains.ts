import { buildChains, type ChainCandidate } from '../domain/chain.ts'
import { buildLinks, holdsChain } from '../domain/link.ts'
import { recordKey } from '../domain/identifiers.ts'
import { filterPulls } from '../domain/pullRequest.ts'
import { findReferences } from '../domain/reference.ts'
import { isTestPath } from '../domain/testPath.ts'
import type { Gathering, Mining, MiningMode, MiningSource } from '../formats/mining.ts'
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
  mode: MiningMode
  source: MiningSource
  /** Nobody is asked: what was fetched before is linked again. */
  isOffline: boolean
  /** Shortest and longest chain. */
  min: number
  max: number
}

/** Links what was gathered and stores the chains that git agrees with. Once for a mining. (The paper's step A.) */
export async function linkChains(
  ports: Ports,
  input: MineInput & { n: number; gathering: number },
  scope: Scope,
): Promise<{ references: number; chainCount: number; chains: string[] }> {
  const { repository: name, n, gathering, min, max, mode } = input
  const key = recordKey.mining(name, n)
  const known = await ports.store.getRecord<Mining>(key)
  if (known) return summarize(known)

  const repository = await ports.git.open(name, input.mirrors)
  const pulls = await readGathered(ports, name, gathering)
  const { kept, counts } = filterPulls(pulls)
  const references = findReferences(pulls)
  const links = buildLinks(references)
  const byNumber = new Map(pulls.map((pull) => [pull.number, pull]))
  const chains: string[] = []
  const unresolved: Mining['unresolved'] = []
  for (const candidate of buildChains(kept, links, { min, max })) {
    scope.report({ chain: candidate.numbers.join(' → ') })
    await settle(candidate)
  }
  const mining: Mining = {
    format: 'prchain.mining/2',
    repository: name,
    mode,
    minedAt: new Date().toISOString(),
    gathering,
    counts: {
      pullRequests: pulls.length,
      merged: pulls.filter(({ isMerged }) => isMerged).length,
      effective: kept.length,
      withTests: kept.filter(({ files }) => files?.some(({ path }) => isTestPath(path))).length,
      reviewed: kept.filter(isReviewed).length,
      issues: 0,
      references: references.length,
      pairs: links.length,
      links: links.filter((link) => holdsChain(link)).length,
    },
    cues: Object.fromEntries([...Map.groupBy(references, ({ cue }) => cue)].map(([cue, some]) => [cue, some.length])),
    links: await ports.store.putBlob(links.map((link) => JSON.stringify(link)).join('\n')),
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
        mode,
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

/** Whether another person than its author has said something to it. */
function isReviewed(pull: PullRequest): boolean {
  return pull.texts.some(
    ({ source, author, isBot }) =>
      ['comment', 'review', 'review-comment'].includes(source) && !isBot && author !== null && author !== pull.author,
  )
}

function summarize(mining: Mining): { references: number; chainCount: number; chains: string[] } {
  return {
    references: mining.counts.references,
    chainCount: mining.chains.length,
    chains: mining.chains.slice(0, CHAINS_SHOWN),
  }
}

async function readGathered(ports: Ports, repository: string, n: number): Promise<PullRequest[]> {
  const gathered = await ports.store.getRecord<Gathering>(recordKey.gathering(repository, n))
  if (!gathered) throw new InvalidInputError(`${repository} was not gathered: the store has no gathering ${n} of it`)
  const pulls: PullRequest[] = []
  for (const blob of gathered.pulls) {
    const lines = (await ports.store.getBlob(blob)).toString('utf8').split('\n')
    pulls.push(...lines.filter((line) => line !== '').map((line) => pullRequest.parse(JSON.parse(line))))
  }
  return pulls
}
