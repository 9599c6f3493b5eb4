const MINUTE_MS = 60_000
/** The part of a minute's allowance that may go at once; the rest is spread over the minute. */
const BURST_SHARE = 1 / 12

const LEAST_APART_MS = 10
const MOST_APART_MS = 30_000
/** What is left of the distance after each call that the provider took. */
const EASING = 0.97

/** How often a provider may be asked in any minute; null for no limit. */
export interface PaceLimits {
  requestsPerMinute: number | null
  tokensPerMinute: number | null
}

/** How far ahead of time a provider's allowance is taken, in ms since 1970. */
export interface Pace {
  requestsMs: number
  tokensMs: number
  /** Until then the provider wants no calls: it said so. */
  closedUntilMs: number
  /** How far apart calls are kept, in ms, because it said so more than it should have to; 0 when it does not. */
  apartMs: number
  /** When the next call may go, as far as that is concerned, and when that was last widened. */
  nextMs: number
  widenedMs: number
}

/** A provider that was never asked. */
export const FRESH_PACE: Readonly<Pace> = {
  requestsMs: 0,
  tokensMs: 0,
  closedUntilMs: 0,
  apartMs: 0,
  nextMs: 0,
  widenedMs: 0,
}

/**
 * Takes a call's share of the allowance, or says how long to wait before asking again. By the generic cell rate algorithm,
 * so that no minute, wherever it begins, has more requests than its limit; of tokens, not more than one call's too many.
 */
export function take(
  pace: Pace,
  call: { nowMs: number; tokens: number },
  limits: PaceLimits,
): { pace: Pace; waitMs: number } {
  const { nowMs, tokens } = call
  const requests = spacing(limits.requestsPerMinute)
  const flow = spacing(limits.tokensPerMinute)
  const waitMs = Math.max(
    pace.closedUntilMs - nowMs,
    pace.apartMs > 0 ? pace.nextMs - nowMs : 0,
    requests ? pace.requestsMs - nowMs - requests.aheadMs : 0,
    flow ? pace.tokensMs - nowMs - Math.max(0, flow.aheadMs - tokens * flow.eachMs) : 0,
  )
  if (waitMs > 0) return { pace, waitMs }
  if (!requests && !flow && pace.apartMs === 0) return { pace, waitMs: 0 }
  return {
    pace: {
      ...pace,
      requestsMs: requests ? Math.max(pace.requestsMs, nowMs) + requests.eachMs : pace.requestsMs,
      tokensMs: flow ? Math.max(pace.tokensMs, nowMs) + tokens * flow.eachMs : pace.tokensMs,
      nextMs: Math.max(pace.nextMs, nowMs) + pace.apartMs,
    },
    waitMs: 0,
  }
}

/** Puts a call's true tokens in the place of those that it was let in with. */
export function correct(pace: Pace, tokens: { taken: number; used: number }, limits: PaceLimits): Pace {
  const flow = spacing(limits.tokensPerMinute)
  const byMs = flow ? (tokens.used - tokens.taken) * flow.eachMs : 0
  return byMs === 0 ? pace : { ...pace, tokensMs: pace.tokensMs + byMs }
}

/**
 * Lets nobody in before a time, and keeps calls farther apart afterwards: twice as far each time, but once for all calls
 * that were under way together.
 */
export function close(pace: Pace, { nowMs, untilMs }: { nowMs: number; untilMs: number }): Pace {
  const closedUntilMs = Math.max(untilMs, pace.closedUntilMs)
  if (nowMs < pace.widenedMs) return closedUntilMs === pace.closedUntilMs ? pace : { ...pace, closedUntilMs }
  const apartMs = Math.min(MOST_APART_MS, Math.max(LEAST_APART_MS, pace.apartMs * 2))
  return { ...pace, closedUntilMs, apartMs, nextMs: closedUntilMs, widenedMs: closedUntilMs + apartMs }
}

/** Lets calls closer together again, after one that the provider took. */
export function ease(pace: Pace): Pace {
  if (pace.apartMs === 0) return pace
  const apartMs = pace.apartMs * EASING
  return { ...pace, apartMs: apartMs < LEAST_APART_MS / 2 ? 0 : apartMs }
}

/** How far apart units are, and how far ahead of time they may be taken, so that no minute has more than its limit. */
function spacing(perMinute: number | null): { eachMs: number; aheadMs: number } | null {
  if (perMinute === null) return null
  const burst = Math.max(1, Math.floor(perMinute * BURST_SHARE))
  const eachMs = MINUTE_MS / (perMinute - (burst - 1))
  return { eachMs, aheadMs: (burst - 1) * eachMs }
}
