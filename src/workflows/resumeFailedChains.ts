import { proxyActivities } from '@temporalio/workflow'
import type { Activities } from '../activities/activities.ts'
import { MOST_RESTARTS } from './messages.ts'
import { BRIEF } from './retry.ts'

/** Starts chains again that failed hard or timed out, each at most {@link MOST_RESTARTS} times. Runs on a Schedule. */
export async function resumeFailedChains(): Promise<{ restarted: string[]; givenUp: string[] }> {
  const acts = proxyActivities<Activities>({ ...BRIEF, summary: 'find failed chains and start them again' })
  return acts.restartFailedChains({ mostRestarts: MOST_RESTARTS })
}
