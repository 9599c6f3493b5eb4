const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 5_000

/**
 * Stores what was paid for: where the store does not take it, it is tried again, with waits of up to 5 s, for as long as
 * this process has it, since to throw would be to pay for it again. `onFailure` is told of each try that failed, and why.
 * Throws what the store threw last when the signal is aborted, and a `FencedError` at once. `put` may run many times.
 */
export async function storeSurely<T>(options: {
  what: string
  put: () => Promise<T>
  onFailure: (why: string) => void
  wait: (ms: number, signal: AbortSignal) => Promise<void>
  signal: AbortSignal
}): Promise<T> {
  const { what, put, onFailure, wait, signal } = options
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    try {
      return await put()
    } catch (error) {
      if (signal.aborted || (error as Error).name === 'FencedError') throw error
      onFailure(`${what} is in memory, and the store does not take it: ${(error as Error).message}`)
      await wait(waitMs, signal).catch(() => {
        throw error
      })
    }
  }
}
