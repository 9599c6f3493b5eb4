import { setTimeout as delay } from 'node:timers/promises'

const WINDOW_MS = 60_000

/**
 * Lets at most `callsPerMinute` calls through in any minute; the next one waits until the oldest is a minute old.
 * GitHub's secondary limit is 900 reads a minute. The signal ends the wait by throwing its reason.
 */
export function createPace(options: {
  callsPerMinute: number
  now?: () => number
  wait?: (ms: number, signal?: AbortSignal) => Promise<void>
}): (signal?: AbortSignal) => Promise<void> {
  const { callsPerMinute, now = Date.now, wait = waitFor } = options
  const calls: number[] = []
  return async (signal) => {
    for (;;) {
      signal?.throwIfAborted()
      while (calls.length > 0 && calls[0]! <= now() - WINDOW_MS) calls.shift()
      if (calls.length < callsPerMinute) break
      await wait(calls[0]! + WINDOW_MS - now(), signal)
    }
    calls.push(now())
  }
}

async function waitFor(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    signal?.throwIfAborted()
    throw error
  })
}
