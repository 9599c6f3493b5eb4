import { recordKey } from '../domain/identifiers.ts'
import type { SampleReferenceRecord } from '../formats/record.ts'
import { sample, type Sample } from '../formats/sample.ts'
import type { ImportedTrajectory, ImportReferenceRecord } from '../formats/trajectory.ts'
import type { Store } from '../store/port.ts'
import { InputError } from './terminal.ts'
import { readWorkflowTarget } from './workflowTarget.ts'

const IMPORTED = /^imports\/([0-9a-f]{16})$/

/** What a word on the command line names of trajectories: those that are there, by id, and the rollouts that have none. */
export interface TrajectoryTarget {
  kind: 'rollout' | 'imported' | 'campaign'
  ids: string[]
  without: string[]
}

/** Finds the trajectories of `CAMPAIGN`, `CAMPAIGN/CHAIN/N` or `imports/ID`. Throws {@link InputError} when there are none. */
export async function findTrajectories(store: Store, text: string): Promise<TrajectoryTarget> {
  const imported = IMPORTED.exec(text)?.[1]
  if (imported !== undefined) {
    if (await store.getRecord(recordKey.imported(imported))) return { kind: 'imported', ids: [text], without: [] }
    throw new InputError(`there is no trajectory ${text} in the store; \`prchain trajectory import FILE\` makes one`)
  }
  const target = readWorkflowTarget(text)
  if (target.kind === 'mining')
    throw new InputError(`"${text}" has no trajectories: expected CAMPAIGN or CAMPAIGN/CHAIN/N`)
  if (target.kind === 'chain') {
    const { rollout } = target
    if (await store.getRecord(recordKey.sample(rollout))) return { kind: 'rollout', ids: [rollout], without: [] }
    const isEnded = (await store.getRecord(recordKey.rollout(rollout))) !== null
    throw new InputError(
      isEnded
        ? `rollout ${rollout} has no sample: none of its stages was accepted`
        : `rollout ${rollout} has not ended, or is not in this store; \`prchain status\` lists the campaigns`,
    )
  }
  const keys = await store.listRecords(recordKey.rollouts(target.name))
  const idsOf = (what: string) =>
    keys.flatMap((key) => new RegExp(`^rollouts/([^/]+/[^/]+/\\d+)/${what}$`).exec(key)?.[1] ?? [])
  const ids = idsOf('sample')
  if (ids.length === 0)
    throw new InputError(
      `campaign "${target.name}" has no samples in this store; \`prchain status\` lists the campaigns`,
    )
  return { kind: 'campaign', ids, without: idsOf('end').filter((id) => !ids.includes(id)) }
}

/** Reads a trajectory that was found. Throws {@link InputError} for a sample of an earlier format. */
export async function readTrajectory(store: Store, id: string): Promise<Sample | ImportedTrajectory> {
  const imported = IMPORTED.exec(id)?.[1]
  const key = imported === undefined ? recordKey.sample(id) : recordKey.imported(imported)
  const { blob } = (await store.getRecord<SampleReferenceRecord | ImportReferenceRecord>(key))!
  const value = JSON.parse((await store.getBlob(blob)).toString('utf8')) as { format: string }
  if (imported !== undefined) return value as ImportedTrajectory
  if (value.format === sample.shape.format.value) return value as Sample
  throw new InputError(
    `the sample of ${id} is of format ${value.format}, which says too little for an export: this prchain writes ${sample.shape.format.value}`,
  )
}
