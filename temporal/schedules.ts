import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client'

/** What a resume schedule starts, and how often. */
export interface ResumeSchedule {
  /** Also the first part of the id of the workflows that it starts. */
  scheduleId: string
  workflowType: string
  taskQueue: string
  /** From one start to the next. A start is skipped while the workflow of an earlier one is running. */
  everyMs: number
  args: unknown[]
}

/**
 * Creates the Temporal Schedule that starts the workflow which resumes failed chains, or brings an existing one to
 * these values. Idempotent; a schedule that someone paused stays paused.
 */
export async function ensureResumeSchedule(client: Client, schedule: ResumeSchedule): Promise<void> {
  const { scheduleId, workflowType, taskQueue, everyMs, args } = schedule
  const spec = { intervals: [{ every: everyMs }] }
  const action = { type: 'startWorkflow' as const, workflowType, workflowId: scheduleId, taskQueue, args }
  // What was missed while the server was down is not caught up on: one look at the present is worth all of it.
  const policies = { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1 minute' as const }
  try {
    await client.schedule.create({ scheduleId, spec, action, policies })
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error
    await client.schedule
      .getHandle(scheduleId)
      .update((previous) => ({ spec, action, policies, state: previous.state }))
  }
}
