import { ActivityNotFoundError, isGrpcServiceError, type Client } from '@temporalio/client'
import { ApplicationFailure } from '@temporalio/common'

/** How many workflows are looked at side by side. */
const AT_ONCE = 20
const GRPC_NOT_FOUND = [5]

/**
 * Gives back what a worker held that is known to be dead, so that others take it over at once, where the server by itself
 * would wait for heartbeats and time-outs: its activities are tried again, and its workflows wait for its memory no
 * longer. Returns how many activities these were.
 *
 * Only for a worker whose process has ended: one that lives on would work beside its successor until its fence stops it.
 * Idempotent; what another worker has taken over is left to it.
 */
export async function giveBack(client: Client, identity: string): Promise<number> {
  const { namespace } = client.options
  const running: { workflowId: string; runId: string }[] = []
  for await (const { workflowId, runId } of client.workflow.list({ query: 'ExecutionStatus = "Running"' }))
    running.push({ workflowId, runId })
  let given = 0
  for (let from = 0; from < running.length; from += AT_ONCE) {
    const counts = await Promise.all(running.slice(from, from + AT_ONCE).map(giveBackOf))
    for (const count of counts) given += count
  }
  return given

  async function giveBackOf(execution: { workflowId: string; runId: string }): Promise<number> {
    const { workflowId, runId } = execution
    await ifThere(client.workflowService.resetStickyTaskQueue({ namespace, execution }))
    const { raw } = await client.workflow.getHandle(workflowId, runId).describe()
    let count = 0
    for (const { activityId, lastWorkerIdentity } of raw.pendingActivities ?? []) {
      if (!activityId || lastWorkerIdentity !== identity) continue
      // One that is not there waits for its next attempt already, or has ended.
      if (await ifThere(client.activity.fail({ ...execution, activityId }, workerDied(identity)))) count++
    }
    return count
  }
}

/** Whether what was asked for was there. */
async function ifThere(asking: Promise<unknown>): Promise<boolean> {
  try {
    await asking
    return true
  } catch (error) {
    if (error instanceof ActivityNotFoundError) return false
    if (isGrpcServiceError(error) && GRPC_NOT_FOUND.includes(error.code)) return false
    throw error
  }
}

function workerDied(identity: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'WorkerDied',
    message: `the worker ${identity} was killed`,
    nextRetryDelay: '100ms',
  })
}
