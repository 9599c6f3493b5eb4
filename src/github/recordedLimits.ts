/** How much GitHub answers. Requests and points an hour are the primary limits, the rest are the secondary ones. */
export interface Limits {
  /** REST requests an hour with a token. */
  requestsPerHour: number
  /** REST requests an hour of an address without one. */
  anonymousRequestsPerHour: number
  /** GraphQL points an hour with a token. */
  pointsPerHour: number
  requestsPerMinute: number
  pointsPerMinute: number
  /** Requests in flight at once, REST and GraphQL together. */
  concurrent: number
  /** How a secondary limit is told. */
  secondary: { status: 403 | 429; retryAfterSeconds: number | null }
}

/** What GitHub's documentation says of its limits. */
export const GITHUB_LIMITS: Limits = {
  requestsPerHour: 5000,
  anonymousRequestsPerHour: 60,
  pointsPerHour: 5000,
  requestsPerMinute: 900,
  pointsPerMinute: 2000,
  concurrent: 100,
  secondary: { status: 403, retryAfterSeconds: 60 },
}

/** The two primary limits, each with its own count. */
export type Resource = 'core' | 'graphql'
/** Who asks: the token that was sent, or null for an address without one. */
export type Caller = string | null

/** What is left of a primary limit. */
export interface Quota {
  limit: number
  remaining: number
  used: number
  /** Seconds since 1970, whole, as GitHub gives it. */
  reset: number
  resource: Resource
}

/** The limits of all callers, by the clock `now`. */
export interface LimitKeeper {
  quota(caller: Caller, resource: Resource): Quota
  /** Lets a request in, or says which limit refuses it. What was let in must {@link LimitKeeper.leave}. */
  enter(caller: Caller, resource: Resource): 'primary' | 'secondary' | null
  /** Charges the primary limit. */
  spend(caller: Caller, resource: Resource, cost: number): void
  leave(caller: Caller): void
}

interface Span {
  endsAt: number
  used: number
}

/** Counts what each caller asks: an hour begins with its first request, and so does a minute. */
export function keepLimits(limits: Limits, now: () => number): LimitKeeper {
  const spans = new Map<string, Span>()
  const inFlight = new Map<Caller, number>()
  const spanOf = (caller: Caller, resource: string, lengthMs: number): Span => {
    const key = JSON.stringify([caller, resource, lengthMs])
    const known = spans.get(key)
    if (known && now() < known.endsAt) return known
    const span = { endsAt: now() + lengthMs, used: 0 }
    spans.set(key, span)
    return span
  }
  const limitOf = (caller: Caller, resource: Resource) => {
    if (caller === null) return resource === 'core' ? limits.anonymousRequestsPerHour : 0
    return resource === 'core' ? limits.requestsPerHour : limits.pointsPerHour
  }
  const quota = (caller: Caller, resource: Resource): Quota => {
    const { used, endsAt } = spanOf(caller, resource, 3_600_000)
    const limit = limitOf(caller, resource)
    return { limit, remaining: Math.max(0, limit - used), used, reset: Math.ceil(endsAt / 1000), resource }
  }
  return {
    quota,
    enter(caller, resource) {
      if (quota(caller, resource).remaining === 0) return 'primary'
      const minute = spanOf(caller, resource, 60_000)
      const flying = inFlight.get(caller) ?? 0
      const perMinute = resource === 'core' ? limits.requestsPerMinute : limits.pointsPerMinute
      if (minute.used >= perMinute || flying >= limits.concurrent) return 'secondary'
      minute.used += 1
      inFlight.set(caller, flying + 1)
      return null
    },
    spend(caller, resource, cost) {
      spanOf(caller, resource, 3_600_000).used += cost
    },
    leave(caller) {
      inFlight.set(caller, (inFlight.get(caller) ?? 1) - 1)
    },
  }
}
