import { Context } from '@temporalio/activity'
import { splitRollout, TASK_QUEUE, workflowId } from '../domain/identifiers.ts'

/** What one sweep did, as workflow ids. */
export interface Swept {
  restarted: string[]
  givenUp: string[]
}

/**
 * Finds chains whose latest run failed or timed out and starts each again under its own id, from its last accepted stage,
 * at most so many times. A chain that somebody terminated is left alone, and so is one whose campaign was cancelled. Idempotent: a chain that runs again is refused.
 */
export async function restartFailedChains(input: { mostRestarts: number }): Promise<Swept> {
  const { client } = Context.current()
  const swept: Swept = { restarted: [], givenUp: [] }
  const seen = new Set<string>()
  const cancelled = new Map<string, boolean>()
  const query = `WorkflowType = "prChain" AND ExecutionStatus IN ("Failed", "TimedOut")`
  for await (const found of client.workflow.list({ query })) {
    if (seen.has(found.workflowId)) continue
    seen.add(found.workflowId)
    const latest = await client.workflow.getHandle(found.workflowId).describe()
    if (latest.status.name !== 'FAILED' && latest.status.name !== 'TIMED_OUT') continue
    const memo = latest.memo as { rollout?: string; restarts?: number; epoch?: number } | undefined
    if (memo?.rollout === undefined) continue
    const { campaign } = splitRollout(memo.rollout)
    if (!cancelled.has(campaign)) cancelled.set(campaign, await isCancelled(client, campaign))
    if (cancelled.get(campaign)) continue
    const restarts = memo.restarts ?? 0
    if (restarts >= input.mostRestarts) {
      swept.givenUp.push(found.workflowId)
      continue
    }
    const next = { rollout: memo.rollout, restarts: restarts + 1, epoch: (memo.epoch ?? 0) + 1 }
    try {
      await client.workflow.start('prChain', {
        workflowId: found.workflowId,
        taskQueue: TASK_QUEUE,
        args: [next],
        memo: next,
        typedSearchAttributes: latest.typedSearchAttributes,
        workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
        staticSummary: `rollout ${memo.rollout}, started again (${next.restarts})`,
      })
      swept.restarted.push(found.workflowId)
    } catch (error) {
      if ((error as Error).name !== 'WorkflowExecutionAlreadyStartedError') throw error
    }
  }
  return swept
}

/** Whether a campaign was cancelled, or is about to be. */
async function isCancelled(client: Context['client'], campaign: string): Promise<boolean> {
  try {
    const { status, raw } = await client.workflow.getHandle(workflowId.campaign(campaign)).describe()
    return status.name === 'CANCELLED' || (raw.workflowExtendedInfo?.cancelRequested ?? false)
  } catch (error) {
    if ((error as Error).name === 'WorkflowNotFoundError') return false
    throw error
  }
}
