import type { Hold } from '../formats/exchange.ts'
import type { Ledger } from '../record/ledger.ts'

const LOOK_MS = 1_000

/** Asks until no ceiling is in the way. That a launch is held, and that it is no longer, is put on record. */
export async function askHeld<T>(options: {
  ask: () => Promise<T>
  hold: Ledger<Hold>
  wait: (ms: number, signal: AbortSignal) => Promise<void>
  signal: AbortSignal
}): Promise<T> {
  const { ask, hold, wait, signal } = options
  let wasHeld = false
  for (;;) {
    try {
      const answer = await ask()
      if (wasHeld) await say(null)
      return answer
    } catch (error) {
      const { name, message } = error as Error
      if (name !== 'CeilingReachedError') throw error
      // Another call of the launch may have been let through since, and have said so.
      await say(message)
      wasHeld = true
      await wait(LOOK_MS, signal)
    }
  }

  function say(reason: string | null): Promise<void> {
    const isSame = (state: Hold) => (state.reason === null) === (reason === null)
    return hold.change((state) => ({ state: isSame(state) ? state : { reason }, result: undefined }))
  }
}
