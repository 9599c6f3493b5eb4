import { type RoundId, readRound, recordKey, splitRound } from '../domain/identifiers.ts'
import type { CheckpointRecord, CommandRecord } from '../formats/record.ts'
import type { Fence } from '../record/fence.ts'
import type { Sandbox } from '../sandbox/port.ts'
import type { Ground } from './ground.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'

/**
 * The last checkpoint of a stage's phase, or null. One that a scaffold's launch ended with counts when its round's end is on
 * record: a round that has none begins again where it began.
 */
export async function lastCheckpoint(
  ports: Ports,
  context: RolloutContext,
  { stage, phase }: Ground,
): Promise<CheckpointRecord | null> {
  for (const key of (await ports.store.listRecords(recordKey.checkpoints(context.id, stage, phase))).reverse()) {
    const checkpoint = (await ports.store.getRecord<CheckpointRecord>(key))!
    const round = readLaunchCommand(checkpoint.after)
    if (round === null || (await ports.store.getRecord(recordKey.round(context.id, stage, round, 'end'))) !== null)
      return checkpoint
  }
  return null
}

/** The key of the command that a scaffold's launch is. */
export function launchCommand(round: RoundId, n: number): string {
  return `scaffold.${round}.${n}`
}

function readLaunchCommand(key: string): RoundId | null {
  const match = /^scaffold\.([^.]+)\.\d+$/.exec(key)
  return match && readRound(match[1]!)
}

/** A checkpoint's tree, made again from its patch when the scratch store lost it. */
export async function checkpointTree(
  ports: Ports,
  context: RolloutContext,
  ground: Ground,
  checkpoint: CheckpointRecord,
): Promise<string> {
  if (await context.repository.has(checkpoint.tree)) return checkpoint.tree
  return context.repository.applyPatch(ground.tree, await ports.store.getBlob(checkpoint.patch))
}

/**
 * Puts the work tree on record as it is after the last recorded command, unless it is as at the last checkpoint and
 * little was run since. Idempotent: a checkpoint after the same command is made once.
 */
export async function takeCheckpoint(options: {
  ports: Ports
  context: RolloutContext
  ground: Ground
  sandbox: Sandbox
  fence: Fence
}): Promise<void> {
  const { ports, context, ground, sandbox, fence } = options
  const keys = await recordedCommandKeys(ports, context, ground)
  const last = await lastCheckpoint(ports, context, ground)
  const since = last ? keys.slice(keys.indexOf(last.after) + 1) : keys
  if (since.length === 0) return
  let commandMs = last?.commandMs ?? 0
  for (const key of since) {
    const { startedAt, finishedAt } = (await ports.store.getRecord<CommandRecord>(recordKey.call(key)))!
    commandMs += Date.parse(finishedAt) - Date.parse(startedAt)
  }
  const tree = await captureSandbox(ports, context, sandbox, ground.tree)
  if (last?.tree === tree && commandMs - last.commandMs < ports.limits.checkpointMs) return
  await putCheckpoint({ ports, context, ground, after: since.at(-1)!, tree, commandMs, fence })
}

/** Puts a tree on record as the next checkpoint. */
export async function putCheckpoint(options: {
  ports: Ports
  context: RolloutContext
  ground: Ground
  after: string
  tree: string
  commandMs: number
  fence: Fence
}): Promise<void> {
  const { ports, context, ground, after, tree, commandMs, fence } = options
  const n = (await ports.store.listRecords(recordKey.checkpoints(context.id, ground.stage, ground.phase))).length + 1
  const patch = await ports.store.putBlob(await context.repository.patch(ground.tree, tree))
  const made: CheckpointRecord = { format: 'prchain.checkpoint/1', n, after, tree, patch, commandMs }
  await fence.check()
  await ports.store.putRecord(recordKey.checkpoint(context.id, ground.stage, ground.phase, n), made)
}

/** The tree of a sandbox's work tree, above the tree that it began with. */
export async function captureSandbox(
  ports: Ports,
  context: RolloutContext,
  sandbox: Sandbox,
  initialTree: string,
): Promise<string> {
  const { tree } = await context.repository.captureTree(await sandbox.readRepository(), {
    initialTree,
    limitBytes: ports.limits.fileBytes,
  })
  return tree
}

/** The keys of a phase's recorded commands, in the order they were run. */
export async function recordedCommandKeys(
  ports: Ports,
  context: RolloutContext,
  { stage, phase }: Pick<Ground, 'stage' | 'phase'>,
): Promise<string[]> {
  const prefix = `${recordKey.stage(context.id, stage)}/`
  const places: { key: string; order: number[] }[] = []
  for (const record of await ports.store.listRecords(recordKey.stage(context.id, stage))) {
    const match = /^(\d+|rebase-\d+)\/commands\/(\d+)\.(\d+)\.(\d+)$/.exec(record.slice(prefix.length))
    if (!match) continue
    const round = splitRound(readRound(match[1]!))
    if (round.phase !== phase) continue
    places.push({
      key: record.slice('rollouts/'.length),
      order: [round.round, ...match.slice(2).map(Number)],
    })
  }
  return places.sort((a, b) => compareOrder(a.order, b.order)).map(({ key }) => key)
}

function compareOrder(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) if (value !== b[index]) return value - (b[index] ?? 0)
  return 0
}
