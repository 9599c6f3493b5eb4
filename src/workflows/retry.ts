import type { ActivityOptions } from '@temporalio/workflow'

/** Killed workers and passing faults are retried without end; what an activity knows no retry can help is non-retryable. */
const retry = { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '5s' } as const

/**
 * Activities that heartbeat: a killed worker is noticed after 10 s. They bound themselves; the time-out leaves room for all
 * tries of a model that never answers.
 */
export const HEARTBEATING: ActivityOptions = { startToCloseTimeout: '24h', heartbeatTimeout: '10s', retry }

/** Activities at the sandbox's own host: when none of its workers takes one up in this time, another host's may. */
export const AT_HOST: ActivityOptions = { ...HEARTBEATING, scheduleToStartTimeout: '30s' }

/** Short look-ups. */
export const BRIEF: ActivityOptions = { startToCloseTimeout: '2m', heartbeatTimeout: '10s', retry }

/** How long a parked chain waits before it tries again by itself: the last is repeated. */
export const PARK_LADDER = ['15s', '1m', '5m', '15m', '1h'] as const
