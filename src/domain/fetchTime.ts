/** GitHub counts calls by the hour. */
const HOUR_MS = 3_600_000
/** A call to GitHub and back, about. */
const CALL_MS = 500
/** What GitHub grants callers without a token. */
const ANONYMOUS_LIMIT = 60

/** What is known of the calls that are left to make, and of the quota for them. */
export interface CallsAhead {
  calls: number
  quota: { limit: number; remaining: number; resetsAt: string } | null
  hasToken: boolean
}

/** About how long so many calls take, in ms, with the waits for the quota: an hour for each time that it is used up. */
export function estimateFetchMs({ calls, quota, hasToken }: CallsAhead, nowMs: number): number {
  const limit = quota?.limit ?? (hasToken ? Infinity : ANONYMOUS_LIMIT)
  const remaining = quota?.remaining ?? limit
  if (calls <= remaining) return calls * CALL_MS
  const untilReset = quota ? Math.max(0, Date.parse(quota.resetsAt) - nowMs) : HOUR_MS
  const windows = Math.ceil((calls - remaining) / limit)
  return untilReset + (windows - 1) * HOUR_MS + Math.min(limit, (calls - remaining) % limit || limit) * CALL_MS
}

/** A time for people: "40 s", "12 min", "9 h". */
export function describeDuration(ms: number): string {
  if (ms < 90_000) return `${Math.max(1, Math.round(ms / 1_000))} s`
  return ms < 90 * 60_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / HOUR_MS)} h`
}
