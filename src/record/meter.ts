import { digestOf } from '../domain/digest.ts'
import { FRESH_PACE, close, correct, ease, take, type Pace, type PaceLimits } from '../domain/pace.ts'
import { recordKey } from '../domain/identifiers.ts'
import { hasPrice, mostOf, NOTHING } from '../domain/price.ts'
import type { Usage } from '../formats/chat.ts'
import type { BlobRef } from '../formats/common.ts'
import type { ModelError } from '../model/port.ts'
import type { Store } from '../store/port.ts'
import { spendOf, type Budget } from './budget.ts'
import { createLedger } from './ledger.ts'
import { LONGEST_RETRY_AFTER_MS } from './patience.ts'

const BYTES_A_TOKEN = 4
/** How long a provider that says 429 and not for how long is left alone by all. */
const SHORT_CLOSE_MS = 1_000

/** A model call, as far as its cost goes. */
export interface Metered {
  key: string
  rollout: string
  /** Counts from 0; -1 for a call of no stage. */
  stage: number
  model: string
  /** The size of what is sent, but for what `knownTokens` covers. */
  bytes: number
  /** Tokens that the provider said of the call that this one goes on from, reply included; 0 for none. */
  knownTokens: number
  /** The most output tokens that the request itself allows a choice; null for no limit of its own. */
  maxTokens: number | null
  /** How many replies it asks for at once. */
  choices: number
}

/** How a try ended: with the provider's count, or with an error. */
export type TryOutcome = { usage: Usage } | { error: unknown }

/**
 * What a model call passes before it is made: the provider's pace, which all workers share, and the ceilings. Waits for
 * the pace; throws `CeilingReachedError`. What is returned takes how the try ended, once.
 */
export type Meter = (call: Metered, signal: AbortSignal) => Promise<(outcome: TryOutcome) => void>

/** Makes a {@link Meter}. `provider` names the endpoint and its key, as one segment of a record's key. */
export function createMeter(options: {
  store: Store
  budget: Budget
  provider: string
  limits: PaceLimits
  now: () => Date
  wait: (ms: number, signal: AbortSignal) => Promise<void>
}): Meter {
  const { store, budget, provider, limits, now, wait } = options
  const ledger = createLedger<Pace>({
    store,
    format: 'prchain.pace/1',
    keyOf: (n) => recordKey.pace(provider, n),
    empty: FRESH_PACE,
  })

  return async (call, signal) => {
    const { key, rollout, stage, model, knownTokens, bytes } = call
    const prices = await budget.pricesOf(rollout)
    const guess = Math.ceil(bytes / BYTES_A_TOKEN) + knownTokens
    const priced = { most: mostOf(prices, model, call), isPriced: hasPrice(prices, model) }
    const reserved = await budget.reserve({ key, rollout, stage, model, ...priced }, signal)
    try {
      await waitForTurn(guess, signal)
    } catch (error) {
      reserved.settle(NOTHING)
      throw error
    }
    return (outcome) => {
      if ('usage' in outcome) {
        const { usage } = outcome
        const isCounted = usage.promptTokens + usage.completionTokens > 0
        reserved.settle(isCounted ? spendOf(prices, model, usage) : null)
        putRight(guess, isCounted ? usage.promptTokens + usage.completionTokens : guess)
        return
      }
      const { isFree, kind, retryAfterMs } = outcome.error as Partial<ModelError>
      reserved.settle(isFree === true ? NOTHING : null)
      if (kind === 'busy') leaveAlone(retryAfterMs ?? SHORT_CLOSE_MS)
    }
  }

  async function waitForTurn(tokens: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const waitMs = await ledger.change((pace) => {
        const taken = take(pace, { nowMs: now().getTime(), tokens }, limits)
        return { state: taken.pace, result: taken.waitMs }
      })
      if (waitMs === 0) return
      await wait(Math.ceil(waitMs), signal)
    }
  }

  function putRight(taken: number, used: number): void {
    ledger.changeLater((pace) => ease(correct(pace, { taken, used }, limits)))
  }

  function leaveAlone(ms: number): void {
    const nowMs = now().getTime()
    const untilMs = nowMs + Math.min(ms, LONGEST_RETRY_AFTER_MS)
    ledger.change((pace) => ({ state: close(pace, { nowMs, untilMs }), result: null })).catch(() => {})
  }
}

/** The size of a request: in bytes, but for what it takes from a call whose tokens the provider has counted. */
export function sizeOf(request: {
  messages: readonly unknown[]
  tools: unknown
  /** What else is sent. */
  fields: object
  /** The messages that came after those of the call before. */
  added: readonly unknown[]
  /** What the provider said of the call before, and the tools that went with it; null for none. */
  before: { usage: Usage; tools: BlobRef | null } | null
}): { bytes: number; knownTokens: number } {
  const { messages, tools, fields, added, before } = request
  const sent = tools === undefined ? '' : JSON.stringify(tools)
  const knownTokens = before ? before.usage.promptTokens + before.usage.completionTokens : 0
  const isSameTools = (sent === '' ? null : digestOf(sent)) === before?.tools
  const texts = [
    JSON.stringify(knownTokens > 0 ? added : messages),
    JSON.stringify(fields),
    knownTokens > 0 && isSameTools ? '' : sent,
  ]
  return { bytes: texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0), knownTokens }
}
