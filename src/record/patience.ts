import type { Redact } from '../domain/redaction.ts'
import type { CallRecord } from '../formats/record.ts'
import type { Usage } from '../formats/chat.ts'
import type { ModelError } from '../model/port.ts'
import type { Meter, Metered } from './meter.ts'

/** What a provider wants to be waited for is done, up to an hour. */
export const LONGEST_RETRY_AFTER_MS = 3_600_000

/** How often and how patiently a failing provider is asked before {@link ModelUnavailableError}. */
export interface RetryLimits {
  /** Tries in all, the first included. */
  tries: number
  /** The first wait; doubled each time, with up to a fifth of jitter taken off. */
  firstWaitMs: number
  /** No wait is longer, but for `retry-after`, which is honoured up to an hour. */
  longestWaitMs: number
}

/** What patience takes from outside. `wait` must end early when the signal aborts. */
export interface Patience {
  redact: Redact
  /** What each try passes before it is made. */
  meter: Meter
  retry: RetryLimits
  wait: (ms: number, signal: AbortSignal) => Promise<void>
}

/** The provider gave no usable reply within the stated tries. Nothing was stored, so asking again later goes on from here. */
export class ModelUnavailableError extends Error {
  override name = 'ModelUnavailableError'
}

/** A try that failed: what the provider said, and when. */
export type Failure = CallRecord['failures'][number]

/**
 * Asks a provider until it gives a usable reply: the one place with retries of model calls. Each try is let through by the
 * meter first; `check` runs before it is made and may throw. `signal` says that nobody wants the reply; `idling` ends waits,
 * and no try that is under way: nothing is paid while it waits. Throws {@link ModelUnavailableError}, `CeilingReachedError`,
 * and `ModelError` when no retry can help.
 */
export async function askPatiently<T>(options: {
  patience: Patience
  call: Metered
  ask: () => Promise<T>
  usageOf: (reply: T) => Usage
  check: () => Promise<void>
  signal: AbortSignal
  idling?: AbortSignal
}): Promise<{ reply: T; failures: Failure[] }> {
  const { patience, call, ask, usageOf, check, signal, idling = signal } = options
  const { redact, retry, wait, meter } = patience
  const { key, model } = call
  const failures: Failure[] = []
  for (;;) {
    const settle = await meter(call, idling)
    await check().catch((error: unknown) => {
      settle(NOT_MADE)
      throw error
    })
    try {
      const reply = await ask()
      settle({ usage: usageOf(reply) })
      return { reply, failures }
    } catch (error) {
      settle({ error })
      const modelError = asModelError(error)
      if (signal.aborted || !modelError?.isRetryable) throw error
      failures.push({ kind: modelError.kind, message: redact(modelError.message), at: new Date().toISOString() })
      if (failures.length >= retry.tries) {
        throw new ModelUnavailableError(
          `${model} gave no usable reply to call ${key} in ${failures.length} tries; last: ${redact(modelError.message)}`,
          { cause: error },
        )
      }
      const doubled = retry.firstWaitMs * 2 ** (failures.length - 1)
      const backOffMs = doubled * (1 - Math.random() / 5)
      const askedMs = Math.min(modelError.retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS)
      await wait(Math.max(Math.min(backOffMs, retry.longestWaitMs), askedMs), idling)
    }
  }
}

/** A try that was let through and then was not made. */
const NOT_MADE = { error: { isFree: true } }

function asModelError(error: unknown): ModelError | null {
  return error instanceof Error && error.name === 'ModelError' ? (error as ModelError) : null
}
