import type { Hold } from '../formats/exchange.ts'
import type { Ledger } from '../record/ledger.ts'

const LOOK_MS = 1_000

/** Nobody waits for a call that was held: it was not made, and whoever asks again makes it. */
export class UnwantedCallError extends Error {
  override name = 'UnwantedCallError'
}

/**
 * Asks until no ceiling is in the way. That a launch is held, and that it is no longer, is put on record, for each launch
 * whose client waits. Throws {@link UnwantedCallError} when it is held and nobody waits.
 */
export async function askHeld<T>(options: {
  /** Runs what it is given once no ceiling is in the way: the reply may take long. */
  ask: (onLetThrough: () => Promise<void>) => Promise<T>
  /** Of the launches whose clients wait; none when nobody does. */
  holds: () => readonly Ledger<Hold>[]
  wait: (ms: number, signal: AbortSignal) => Promise<void>
  /** Ends a wait, and no call that is under way. */
  signal: AbortSignal
}): Promise<T> {
  const { ask, holds, wait, signal } = options
  const held = new Set<Ledger<Hold>>()
  // A gateway that was here before may have put a hold on record.
  const release = async () => {
    for (const hold of new Set([...held, ...holds()])) await say(hold, null)
  }
  for (;;) {
    try {
      const answer = await ask(release)
      await release()
      return answer
    } catch (error) {
      const { name, message } = error as Error
      if (name !== 'CeilingReachedError') throw error
      if (holds().length === 0) throw new UnwantedCallError(message, { cause: error })
      for (const hold of holds()) {
        held.add(hold)
        await say(hold, message)
      }
      await wait(LOOK_MS, signal)
    }
  }

  function say(hold: Ledger<Hold>, reason: string | null): Promise<void> {
    const isSame = (state: Hold) => (state.reason === null) === (reason === null)
    return hold.change((state) => ({ state: isSame(state) ? state : { reason }, result: undefined }))
  }
}
