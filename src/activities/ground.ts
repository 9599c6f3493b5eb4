import { recordKey, type Phase } from '../domain/identifiers.ts'
import type { Rebase } from '../formats/carryOver.ts'
import { carryInto, initialTreeOf } from './carryOver.ts'
import { InvalidInputError } from './edge.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'

/** What the agent of a stage's phase starts from: the tree of the one commit in its repository. */
export interface Ground {
  stage: number
  phase: Phase
  tree: string
}

/** The ground of a prepared phase, its tree made again when the scratch store lost it. */
export async function groundOf(ports: Ports, context: RolloutContext, stage: number, phase: Phase): Promise<Ground> {
  if (phase === 'work') return { stage, phase, tree: await initialTreeOf(ports, context, stage) }
  const { tree } = await rebaseOf(ports, context, stage)
  if (!(await context.repository.has(tree))) {
    const carried = await carryInto(ports, context, stage)
    if (carried.tree !== tree) {
      throw new InvalidInputError(
        `the conflict of rollout ${context.id}, stage ${stage} was tree ${tree} and is ${carried.tree} now: the mirror of ${context.chain.repository} changed under the rollout`,
      )
    }
  }
  return { stage, phase, tree }
}

/** The record of a stage's rebase round. */
export async function rebaseOf(ports: Ports, context: RolloutContext, stage: number): Promise<Rebase> {
  const record = await ports.store.getRecord<Rebase>(recordKey.rebase(context.id, stage))
  if (record) return record
  throw new InvalidInputError(`stage ${stage} of rollout ${context.id} has no rebase round`)
}
