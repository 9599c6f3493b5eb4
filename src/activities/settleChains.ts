import { canonicalJson } from '../domain/canonical.ts'
import { buildChains, buildSingles, type ChainCandidate } from '../domain/chain.ts'
import { holdsChain } from '../domain/link.ts'
import { chainId, recordKey } from '../domain/identifiers.ts'
import { buildTemporal } from '../domain/temporal.ts'
import type { Chain, Link } from '../formats/chain.ts'
import type { Mining, MiningMode, RepositoryFacts } from '../formats/mining.ts'
import type { PullRequest } from '../formats/pullRequest.ts'
import type { GitRepository } from '../git/port.ts'
import { resolveChain, storeChain } from './chainRecord.ts'
import type { Scope } from './edge.ts'
import { askInTurn } from './gitEvidence.ts'
import type { Ports } from './ports.ts'

/** What chains are made of, and how. */
export interface ChainSources {
  repository: GitRepository
  mode: MiningMode
  min: number
  max: number
  seed: number
  isDistantAllowed: boolean
  /** The pull requests that can be stages. */
  kept: readonly PullRequest[]
  links: readonly Link[]
  /** A pull request with all its evidence. */
  read: (number: number) => Promise<PullRequest>
  facts: RepositoryFacts
  /** What is known already to be no stage, since git was at odds with it. */
  knownUnresolved: Mining['unresolved']
  scope: Scope
}

/**
 * Builds chains, and stores them with their commits and reference patches. A pull request on which git does not agree is
 * left out, and chains are built anew without it, until git agrees with all. A chain that is in the store already stays
 * as it is: rollouts may stand on it.
 */
export async function settleChains(
  ports: Ports,
  sources: ChainSources,
): Promise<Pick<Mining, 'chains' | 'unresolved' | 'outdated'>> {
  const { repository, mode, kept, links, read, facts, knownUnresolved, scope } = sources
  const unresolved = new Map(knownUnresolved.map((one) => [one.number, one]))
  // Which neighbours in time are a chain depends on all others: these are stored when none changes any more.
  const isStoredLast = mode === 'temporal'
  const resolved = new Map<string, Chain | null>()
  const outdated = new Set<string>()
  const linksFrom = Map.groupBy(
    links.filter((link) => holdsChain(link, sources)),
    ({ from }) => from,
  )
  for (;;) {
    const candidates = chooseCandidates({ ...sources, kept: kept.filter(({ number }) => !unresolved.has(number)) })
    const before = unresolved.size
    let begun = 0
    await askInTurn(candidates, async (candidate) => {
      scope.signal.throwIfAborted()
      scope.report({ chain: candidate.numbers.join(' → '), at: ++begun, of: candidates.length })
      await settle(candidate)
    })
    if (unresolved.size > before) continue
    const ids = candidates.map(idOf)
    for (const id of isStoredLast ? ids : []) if (resolved.get(id)) await storeChain(ports.store, resolved.get(id)!)
    return {
      chains: ids,
      outdated: ids.filter((id) => outdated.has(id)),
      unresolved: [...unresolved.values()].sort((a, b) => a.number - b.number),
    }
  }

  async function settle(candidate: ChainCandidate): Promise<void> {
    const id = idOf(candidate)
    if (resolved.has(id)) return
    const stored = await ports.store.getRecord<Chain>(recordKey.chain(id))
    if (stored) {
      if (canonicalJson(stored.links) !== canonicalJson(insideOf(candidate))) outdated.add(id)
      resolved.set(id, null)
      return
    }
    const chain = await resolve(candidate)
    if (chain === null) return
    resolved.set(id, isStoredLast ? chain : null)
    if (!isStoredLast) await storeChain(ports.store, chain)
  }

  async function resolve(candidate: ChainCandidate): Promise<Chain | null> {
    const { numbers, shape } = candidate
    const pulls: PullRequest[] = []
    for (const number of numbers) pulls.push(await read(number))
    let at = 0
    try {
      return await resolveChain(
        {
          store: ports.store,
          resolveStage: (from, pull) => {
            at = pull.number
            return ports.resolveStage(from, pull)
          },
        },
        {
          ...{ repository, pulls, shape, mode, facts, links: insideOf(candidate) },
          ...{ id: null, source: 'mined' },
        },
      )
    } catch (error) {
      if ((error as Error).name !== 'GitError') throw error
      unresolved.set(at, { number: at, reason: (error as Error).message })
      return null
    }
  }

  function idOf({ numbers }: ChainCandidate): string {
    return chainId(repository.name, numbers, mode)
  }

  /** A chain's links; what links chains that no links made is told all the same. */
  function insideOf({ numbers, links: inside, shape }: ChainCandidate): Link[] {
    if (shape !== 'given') return inside
    return numbers.flatMap((number) => (linksFrom.get(number) ?? []).filter(({ to }) => numbers.includes(to)))
  }
}

/** The chains of a mode over pull requests that can be stages. */
function chooseCandidates(sources: ChainSources): ChainCandidate[] {
  const { mode, kept, links, min, max, isDistantAllowed, seed } = sources
  const linked = () => buildChains(kept, links, { min, max, isDistantAllowed })
  switch (mode) {
    case 'semantic':
      return linked()
    case 'temporal':
      return buildTemporal(kept, { lengths: linked().map(({ numbers }) => numbers.length), seed })
    case 'single':
      return buildSingles(kept)
    default:
      return mode satisfies never
  }
}
