import { WorkflowUpdateFailedError, WorkflowNotFoundError } from '@temporalio/client'
import type { Config } from '../config.ts'
import { workflowId } from '../domain/identifiers.ts'
import { campaignQuery, resumeUpdate } from '../workflows/messages.ts'
import { openSession } from './session.ts'
import { EXIT, InputError, type Terminal } from './terminal.ts'

const UPDATE_TIMEOUT_MS = 15_000

/** `prchain resume CAMPAIGN|WORKFLOW-ID`: what is parked goes on at once. */
export async function resume(options: { config: Config; target: string; terminal: Terminal }): Promise<number> {
  const { config, target, terminal } = options
  const session = await openSession(config)
  const { client } = session
  try {
    const ids = target.startsWith('chain/') ? [target] : await parkedOf(target.replace(/^campaign\//, ''))
    if (ids.length === 0) terminal.say(`nothing of ${target} is parked`)
    for (const id of ids) {
      const answer = await resumeOne(id)
      terminal.say(answer)
      terminal.emit({ format: 'prchain.resume/1', workflow: id, answer })
    }
    return EXIT.ended
  } finally {
    await session.close()
  }

  async function parkedOf(campaign: string): Promise<string[]> {
    try {
      const state = await client.workflow.getHandle(workflowId.campaign(campaign)).query(campaignQuery)
      return state.parked.map((one) => workflowId.chain(one.rollout))
    } catch (cause) {
      if (cause instanceof WorkflowNotFoundError)
        throw new InputError(`there is no campaign "${campaign}" on the server`, { cause })
      throw cause
    }
  }

  async function resumeOne(id: string): Promise<string> {
    try {
      return await client.withDeadline(Date.now() + UPDATE_TIMEOUT_MS, () =>
        client.workflow.getHandle(id).executeUpdate(resumeUpdate, { args: [{ reason: 'by command' }] }),
      )
    } catch (cause) {
      if (cause instanceof WorkflowNotFoundError)
        throw new InputError(`there is no running workflow "${id}" on the server`, { cause })
      if (cause instanceof WorkflowUpdateFailedError)
        throw new InputError(cause.cause?.message ?? cause.message, { cause })
      throw cause
    }
  }
}

/** `prchain cancel CAMPAIGN|WORKFLOW-ID`: ends it in order; sandboxes are removed and what is on record stays. */
export async function cancel(options: { config: Config; target: string; terminal: Terminal }): Promise<number> {
  const { config, target, terminal } = options
  const session = await openSession(config)
  const id = target.includes('/') ? target : workflowId.campaign(target)
  try {
    await session.client.workflow.getHandle(id).cancel()
    terminal.say(`${id}: cancellation asked for`)
    terminal.emit({ format: 'prchain.cancel/1', workflow: id })
    return EXIT.ended
  } catch (cause) {
    if (cause instanceof WorkflowNotFoundError)
      throw new InputError(`there is no running workflow "${id}" on the server`, { cause })
    throw cause
  } finally {
    await session.close()
  }
}
