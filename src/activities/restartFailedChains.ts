import { Context } from '@temporalio/activity'
import { splitRollout, TASK_QUEUE, workflowId } from '../domain/identifiers.ts'

/** What one sweep did, as workflow ids. */
export interface Swept {
  restarted: string[]
  givenUp: string[]
}

/**
 * Finds chains whose latest run failed or timed out and starts each again under its own id, from its last accepted stage,
 * at most so many times. A chain that somebody terminated is left alone. Idempotent: a chain that runs again is refused.
 */
export async function restartFailedChains(input: { mostRestarts: number }): Promise<Swept> {
  const { client } = Context.current()
  const swept: Swept = { restarted: [], givenUp: [] }
  const seen = new Set<string>()
  const query = `WorkflowType = "prChain" AND ExecutionStatus IN ("Failed", "TimedOut")`
  for await (const found of client.workflow.list({ query })) {
    if (seen.has(found.workflowId)) continue
    seen.add(found.workflowId)
    const latest = await client.workflow.getHandle(found.workflowId).describe()
    if (latest.status.name !== 'FAILED' && latest.status.name !== 'TIMED_OUT') continue
    const memo = latest.memo as { rollout?: string; restarts?: number } | undefined
    if (memo?.rollout === undefined) continue
    const restarts = memo.restarts ?? 0
    if (restarts >= input.mostRestarts) {
      // A chain that timed out could not tell its campaign itself; told twice, the campaign counts it once.
      await tellGivenUp(memo.rollout, restarts)
      swept.givenUp.push(found.workflowId)
      continue
    }
    const next = { rollout: memo.rollout, restarts: restarts + 1 }
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

  async function tellGivenUp(rollout: string, restarts: number): Promise<void> {
    const campaign = client.workflow.getHandle(workflowId.campaign(splitRollout(rollout).campaign))
    const news = {
      kind: 'ended',
      rollout,
      ending: 'failed',
      reason: `failed ${restarts + 1} times`,
      stagesAccepted: 0,
      rounds: 0,
      hasSample: false,
      restarts,
    }
    await campaign.signal('news', news).catch((error: Error) => {
      if (error.name !== 'WorkflowNotFoundError') throw error
    })
  }
}
