import { recordKey } from '../domain/identifiers.ts'
import type { Gathering, MiningClaim } from '../formats/mining.ts'
import type { Store } from '../store/port.ts'
import { InvalidInputError } from './edge.ts'
import { summarizeGathering, type Gathered } from './gatherPulls.ts'
import type { MineInput } from './linkChains.ts'
import { openShelf, PAGE_LISTS } from './pageShelf.ts'
import type { Ports } from './ports.ts'

/** A mining as it begins. */
export interface Begun {
  /** The number that the mining's record will have. */
  mining: number
  /** The gathering that it links. */
  gathering: number
  /** That gathering, when it is there already; null when it is still to be made. */
  gathered: Gathered | null
}

/**
 * Numbers a mining; two of a repository at once get a number each. One that is offline links the last gathering where no
 * page has come since; throws {@link InvalidInputError} when nothing was ever fetched for it. Asks nobody.
 */
export async function beginMining(
  ports: Pick<Ports, 'store' | 'github'>,
  input: MineInput & { run: string },
): Promise<Begun> {
  const { repository, source, isOffline } = input
  const { store, github } = ports
  const count = async (prefix: string) => (await store.listRecords(prefix)).length
  const mining = await claimNumber(store, { ...input, from: await count(recordKey.minings(repository)) })
  const gathering = await count(recordKey.gatherings(repository))
  if (!isOffline) return { mining, gathering, gathered: null }
  const { counts } = await openShelf({ store, github, repository })
  const latest = await store.getRecord<Gathering>(recordKey.gathering(repository, gathering - 1))
  const isCurrent = latest?.source === source && PAGE_LISTS.every((list) => counts[list] === (latest.pages[list] ?? 0))
  if (latest && isCurrent)
    return { mining, gathering: gathering - 1, gathered: await summarizeGathering(store, latest, gathering - 1) }
  if (source === 'github' && counts.pulls === 0) {
    const other = latest?.source === 'git' ? '; what is there was gathered from git alone: add --source git' : ''
    throw new InvalidInputError(
      `nothing of ${repository} was fetched from GitHub yet: mine it once without --offline${other}`,
    )
  }
  return { mining, gathering, gathered: null }
}

async function claimNumber(
  store: Store,
  { repository, run, from }: { repository: string; run: string; from: number },
): Promise<number> {
  for (let n = from; ; n++) {
    const claim: MiningClaim = { format: 'prchain.mining-claim/1', run }
    const { value } = await store.putRecord(recordKey.miningClaim(repository, n), claim)
    if (value.run === run) return n
  }
}
