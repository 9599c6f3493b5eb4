import { recordKey } from '../domain/identifiers.ts'
import type { Gathering } from '../formats/mining.ts'
import { InvalidInputError, type Scope } from './edge.ts'
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
 * Brings the store's own clone of a repository up to date, a folder of mirrors is only read, and numbers the mining. One
 * that is offline asks nobody, and links the last gathering where no page has come since. Throws
 * {@link InvalidInputError} when nothing was ever fetched for one that is offline.
 */
export async function refreshMirror(ports: Ports, input: MineInput, scope: Scope): Promise<Begun> {
  const { repository, mirrors, source, isOffline } = input
  const { store, github } = ports
  const count = async (prefix: string) => (await store.listRecords(prefix)).length
  const mining = await count(recordKey.minings(repository))
  const gathering = await count(recordKey.gatherings(repository))
  if (!isOffline) {
    scope.report({ fetching: repository })
    await ports.git.refresh(repository, mirrors)
    return { mining, gathering, gathered: null }
  }
  const { counts } = await openShelf({ store, github, repository })
  const latest = await store.getRecord<Gathering>(recordKey.gathering(repository, gathering - 1))
  const isCurrent = latest?.source === source && PAGE_LISTS.every((list) => counts[list] === (latest.pages[list] ?? 0))
  if (latest && isCurrent)
    return { mining, gathering: gathering - 1, gathered: await summarizeGathering(store, latest) }
  if (source === 'github' && counts.pulls === 0) {
    throw new InvalidInputError(`nothing of ${repository} was fetched yet: mine it once without --offline`)
  }
  return { mining, gathering, gathered: null }
}
