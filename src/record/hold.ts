import { recordKey, type RoundId } from '../domain/identifiers.ts'
import type { Hold } from '../formats/exchange.ts'
import type { Store } from '../store/port.ts'
import { createLedger, type Ledger, type LedgerEntry } from './ledger.ts'

/** A launch's place. */
export interface LaunchPlace {
  rollout: string
  stage: number
  round: RoundId
  n: number
}

/** Whether the gateway holds a launch's requests, and why: its chain waits meanwhile, and its scaffold in its sandbox. */
export function openHold(store: Store, launch: LaunchPlace): Ledger<Hold> {
  return createLedger<Hold>({
    store,
    format: 'prchain.hold/1',
    keyOf: (entry) => keyOf(launch, entry),
    empty: { reason: null },
  })
}

/** For how long a launch was held in all until an instant; a hold that had not ended by then counts up to it. */
export async function sumHeldMs(store: Store, launch: LaunchPlace, until: string): Promise<number> {
  const untilMs = Date.parse(until)
  let heldMs = 0
  let sinceMs: number | null = null
  for (let n = 0; ; n++) {
    const entry = await store.getRecord<LedgerEntry<Hold>>(keyOf(launch, n))
    const atMs = entry ? Math.min(Date.parse(entry.at), untilMs) : untilMs
    if (sinceMs !== null) heldMs += Math.max(0, atMs - sinceMs)
    if (!entry) return heldMs
    sinceMs = entry.state.reason === null ? null : atMs
  }
}

function keyOf({ rollout, stage, round, n }: LaunchPlace, entry: number): string {
  return recordKey.hold(rollout, stage, round, n, entry)
}
