import { WorkflowNotFoundError } from '@temporalio/client'
import type { Config } from '../config.ts'
import { MOST_RESTARTS } from '../workflows/messages.ts'
import { describeWorkflow } from './answer.ts'
import { openSession } from './session.ts'
import { EXIT, InputError, type Terminal } from './terminal.ts'
import { readWorkflowTarget, type WorkflowTarget } from './workflowTarget.ts'

/**
 * `prchain cancel CAMPAIGN|CAMPAIGN/CHAIN/N|WORKFLOW-ID`: asks that it end in order: a campaign with its chains, what was
 * accepted kept. Does not wait for the end. What has ended already is left as it is.
 */
export async function cancel(options: { config: Config; target: string; terminal: Terminal }): Promise<number> {
  const { config, target, terminal } = options
  const named = readWorkflowTarget(target)
  const { workflow } = named
  const session = await openSession(config)
  try {
    const described = await describeWorkflow(session, workflow)
    if (!described) {
      throw new InputError(
        `there is no workflow ${workflow} on the Temporal server at ${session.address}; \`prchain status\` lists the campaigns`,
      )
    }
    const isAsked = described.status.name === 'RUNNING' && (await ask())
    const ended = (await describeWorkflow(session, workflow)) ?? described
    const { restarts } = (ended.memo ?? {}) as { restarts?: number }
    if (!isAsked && named.kind === 'chain' && hasFailed(ended.status.name) && (restarts ?? 0) < MOST_RESTARTS) {
      throw new InputError(
        `${workflow} has failed and is to be started again by itself: cancel its campaign, or the chain once it runs`,
      )
    }
    terminal.say(
      isAsked
        ? `${workflow}: ${words(named)}`
        : `${workflow} has ended already (${ended.status.name.toLowerCase()}): nothing was cancelled`,
    )
    terminal.emit({ format: 'prchain.cancel/1', workflow, status: isAsked ? 'asked' : 'ended' })
    return EXIT.ended
  } finally {
    await session.close()
  }

  /** False when it has ended meanwhile. */
  async function ask(): Promise<boolean> {
    try {
      await session.client.workflow.getHandle(workflow).cancel()
      return true
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false
      throw error
    }
  }
}

function hasFailed(status: string): boolean {
  return status === 'FAILED' || status === 'TIMED_OUT'
}

function words(target: WorkflowTarget): string {
  switch (target.kind) {
    case 'campaign':
      return `cancellation asked for; its open rollouts end first, and the samples of what was accepted are written: prchain status ${target.name}`
    case 'chain':
      return `cancellation asked for; it ends in order: prchain show ${target.rollout}`
    case 'mining':
      return 'cancellation asked for; what was gathered is kept'
    default:
      return target satisfies never
  }
}
