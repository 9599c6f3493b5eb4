import { parseLines } from '../domain/jsonLines.ts'
import { LINK_THRESHOLD } from '../domain/linkScore.ts'
import type { FilteredPulls } from '../domain/pullRequest.ts'
import { recordKey } from '../domain/identifiers.ts'
import { holdsChain } from '../domain/link.ts'
import type { Chain, Link, Reference } from '../formats/chain.ts'
import type { Gathering, Mining } from '../formats/mining.ts'
import type { Store } from '../store/port.ts'
import { countOf } from './words.ts'

/** A step of the funnel: what is counted, how many are left, and what that means. */
export interface FunnelStep {
  name: string
  count: number
  meaning: string
}

/** All that a report shows of one repository: its latest mining with what that stands on, counted. */
export interface MiningFacts {
  mining: Mining
  gathering: Gathering
  /** In order of their first merge. */
  chains: Chain[]
  funnel: FunnelStep[]
  /** References by source, then cue; those that only the two changes show are none. */
  references: Map<Reference['source'], Map<Reference['cue'], number>>
  /** Of the references: through an issue; written by a bot. */
  throughIssues: number
  byBots: number
  /** Links that can hold a chain, and those that no text states. */
  links: Record<Link['kind'], number>
}

/** Reads a repository's latest mining from the store; null when it was never mined. Throws StoreError. */
export async function readMiningFacts(store: Store, repository: string): Promise<MiningFacts | null> {
  const key = (await store.listRecords(recordKey.minings(repository))).at(-1)
  const mining = key === undefined ? null : await store.getRecord<Mining>(key)
  if (mining === null) return null
  const gathering = (await store.getRecord<Gathering>(recordKey.gathering(repository, mining.gathering)))!
  const links = parseLines<Link>(await store.getBlob(mining.links))
  const chains = await readChains(store, mining)
  return {
    mining,
    gathering,
    chains,
    funnel: countFunnel({
      mining,
      source: gathering.source,
      chains,
      links,
      dropped: parseLines<FilteredPulls['dropped'][number]>(await store.getBlob(mining.dropped)),
    }),
    ...countReferences(links),
    links: {
      stated: links.filter((link) => link.kind !== 'distant' && holdsChain(link)).length,
      distant: links.filter(({ kind }) => kind === 'distant').length,
    },
  }
}

async function readChains(store: Store, mining: Mining): Promise<Chain[]> {
  const chains: Chain[] = []
  for (const id of mining.chains) {
    const chain = await store.getRecord<Chain>(recordKey.chain(id))
    if (chain !== null) chains.push(chain)
  }
  return chains.sort((a, b) => compareText(a.stages[0]!.mergedAt, b.stages[0]!.mergedAt) || compareText(a.id, b.id))
}

/** How many pull requests were left after each step. Links have no part in chains of neighbours in time and in singles. */
function countFunnel(given: {
  mining: Mining
  source: Gathering['source']
  chains: Chain[]
  links: Link[]
  dropped: FilteredPulls['dropped']
}): FunnelStep[] {
  const { mining, source, chains, links } = given
  const dropped = new Set(given.dropped.map(({ number }) => number))
  const inPairs = (some: Link[]) =>
    new Set(some.filter(({ from, to }) => !dropped.has(from) && !dropped.has(to)).flatMap(({ from, to }) => [from, to]))
      .size
  const isDistantAllowed = mining.settings.distant === 'chain'
  const { pullRequests, merged, effective } = mining.counts
  return [
    // Git alone knows of those alone that were merged.
    ...(source === 'git' ? [] : [{ name: 'Closed', count: pullRequests, meaning: 'pull requests, merged or not' }]),
    { name: 'Merged', count: merged, meaning: 'into any branch' },
    { name: 'Effective', count: effective, meaning: 'by a person, and a source file changed' },
    ...(mining.mode === 'semantic'
      ? [
          {
            name: 'With references',
            count: inPairs(links.filter(({ kind }) => kind !== 'distant' || isDistantAllowed)),
            meaning: 'to or from another effective one',
          },
          {
            name: 'Linked',
            count: inPairs(links.filter((link) => holdsChain(link, { isDistantAllowed }))),
            meaning: `by a link with a score of ${LINK_THRESHOLD} or more`,
          },
        ]
      : []),
    {
      name: 'In chains',
      count: chains.reduce((sum, { stages }) => sum + stages.length, 0),
      meaning: `stages of ${countOf(chains.length, 'chain')}`,
    },
  ]
}

function countReferences(links: readonly Link[]): Pick<MiningFacts, 'references' | 'throughIssues' | 'byBots'> {
  const all = links.flatMap((link) => link.references).filter(({ source }) => source !== 'diff')
  const references: MiningFacts['references'] = new Map()
  for (const { source, cue } of all) {
    const cues = references.get(source) ?? new Map<Reference['cue'], number>()
    references.set(source, cues.set(cue, (cues.get(cue) ?? 0) + 1))
  }
  return {
    references,
    throughIssues: all.filter(({ viaIssue }) => viaIssue !== null).length,
    byBots: all.filter(({ isBot }) => isBot).length,
  }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
