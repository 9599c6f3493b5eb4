import { readRound, recordKey } from '../domain/identifiers.ts'
import type { Redact } from '../domain/redaction.ts'
import type { Grant, HaltRecord } from '../formats/exchange.ts'
import type { Store } from '../store/port.ts'

const AGAIN_MS = 1_000

/**
 * Puts on record that a launch is halted, and why. What keeps a call from being stored may keep this from it too: then it is
 * tried again for as long as somebody waits, since an error would only have the client ask, and the call be paid for, again.
 */
export async function putHalt(options: {
  store: Pick<Store, 'putRecord'>
  grant: Grant
  error: unknown
  redact: Redact
  /** Throws when the gateway is stopped. */
  wait: (ms: number) => Promise<void>
  isWanted: () => boolean
}): Promise<void> {
  const { store, grant, error, redact, wait, isWanted } = options
  const { rollout, stage, round, launch } = grant
  const halt: HaltRecord = {
    format: 'prchain.halt/1',
    type: haltTypeOf(error),
    reason: redact((error as Error).message),
    at: new Date().toISOString(),
  }
  const key = recordKey.halt(rollout, stage, readRound(round), launch)
  const put = () =>
    store.putRecord(key, halt).then(
      () => true,
      () => false,
    )
  while (!(await put()) && isWanted()) await wait(AGAIN_MS)
}

/** The type of failure, as in `domain/failure.ts`, that parks the chain of a halted launch. */
function haltTypeOf(error: unknown): string {
  const { name } = error as Error
  if (name === 'ModelUnavailableError') return 'ModelUnavailable'
  return name === 'ModelError' ? 'ModelRefused' : 'InfrastructureUnavailable'
}
