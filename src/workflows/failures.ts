import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow'

/** Whether an activity was never begun because no worker polled its queue. */
export function isUntaken(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : null
  return cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START'
}

/** The type of the failure that an activity ended with: what `activities/edge.ts` named it. */
export function typeOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error
  return cause instanceof ApplicationFailure ? (cause.type ?? 'Unexpected') : 'Unexpected'
}

/** Why an activity failed, for people and for the record. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error
  return (cause instanceof Error ? cause.message : String(error)).slice(0, 2_000)
}
