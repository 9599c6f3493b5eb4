import { Context } from '@temporalio/activity'
import { recordKey, workflowId } from '../domain/identifiers.ts'
import type { Ending, Rollout } from '../formats/rollout.ts'
import type { Ports } from './ports.ts'

/** How a rollout stands. `failed`: it may still be started again, with a greater epoch. `terminated`: without an end in order. */
export type Standing =
  | { status: 'open' }
  | { status: 'failed'; epoch: number }
  | { status: 'terminated' }
  | {
      status: 'ended'
      closing: { ending: Ending; reason: string; stagesAccepted: number; rounds: number; hasSample: boolean }
    }

/** Looks up a rollout that its campaign does not watch: by its record, else by its workflow's latest run. */
export async function lookUpChain(ports: Ports, input: { rollout: string; mostRestarts: number }): Promise<Standing> {
  const ended = await ports.store.getRecord<Rollout>(recordKey.rollout(input.rollout))
  if (ended) {
    const accepted = ended.stages.filter((stage) => stage.isAccepted).length
    const rounds = ended.stages.reduce((sum, stage) => sum + stage.rounds, 0)
    const { ending, reason } = ended
    return {
      status: 'ended',
      closing: { ending, reason: reason.slice(0, 200), stagesAccepted: accepted, rounds, hasSample: accepted > 0 },
    }
  }
  const latest = await describe(input.rollout)
  switch (latest?.status.name) {
    case undefined: {
      const reason = 'its workflow is not on the server any more'
      return { status: 'ended', closing: { ending: 'failed', reason, stagesAccepted: 0, rounds: 0, hasSample: false } }
    }
    case 'TERMINATED':
    case 'CANCELLED':
      return { status: 'terminated' }
    case 'FAILED':
    case 'TIMED_OUT': {
      const { restarts = 0, epoch = 0 } = (latest!.memo ?? {}) as { restarts?: number; epoch?: number }
      if (restarts < input.mostRestarts) return { status: 'failed', epoch }
      const reason = `failed ${restarts + 1} times`
      return { status: 'ended', closing: { ending: 'failed', reason, stagesAccepted: 0, rounds: 0, hasSample: false } }
    }
    default:
      return { status: 'open' }
  }
}

async function describe(rollout: string) {
  try {
    return await Context.current().client.workflow.getHandle(workflowId.chain(rollout)).describe()
  } catch (error) {
    if ((error as Error).name === 'WorkflowNotFoundError') return null
    throw error
  }
}
