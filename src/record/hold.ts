import { recordKey, type RoundId } from '../domain/identifiers.ts'
import type { Hold } from '../formats/exchange.ts'
import type { Store } from '../store/port.ts'
import { createLedger, type Ledger } from './ledger.ts'

/** Whether the gateway holds a launch's requests, and why: its chain waits meanwhile, and its scaffold in its sandbox. */
export function openHold(
  store: Store,
  launch: { rollout: string; stage: number; round: RoundId; n: number },
): Ledger<Hold> {
  const { rollout, stage, round, n } = launch
  return createLedger<Hold>({
    store,
    format: 'prchain.hold/1',
    keyOf: (entry) => recordKey.hold(rollout, stage, round, n, entry),
    empty: { reason: null },
  })
}
