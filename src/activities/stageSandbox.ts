import { digestOf } from '../domain/digest.ts'
import { recordKey } from '../domain/identifiers.ts'
import type { CheckpointRecord, CommandRecord, LifeRecord } from '../formats/record.ts'
import type { Fence } from '../record/fence.ts'
import type { Command, Sandbox, SandboxProvider } from '../sandbox/port.ts'
import { captureSandbox, checkpointTree, lastCheckpoint, recordedCommandKeys } from './checkpoint.ts'
import type { Scope } from './edge.ts'
import type { Ground } from './ground.ts'
import { layRepository, sandboxSpec } from './layRepository.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'

/** A live sandbox, its life on record, and its place: host and engine. */
export interface OpenSandbox {
  sandbox: Sandbox
  life: LifeRecord
  place: string
}

/**
 * The live sandbox of a stage's phase: the one on record where it still lives, else a new one, rebuilt from its ground,
 * the environment's setup, and the record. Where the recorded commands ran for long, the work tree comes from the last
 * checkpoint and only later commands are run again; else all are, and their tree is held against the checkpoint's, which
 * wins. A rebuilt sandbox is a new life on record, with all that was not as before. Idempotent.
 */
export async function openStageSandbox(options: {
  ports: Ports
  context: RolloutContext
  ground: Ground
  fence: Fence
  scope: Scope
}): Promise<OpenSandbox> {
  const { ports, context, ground, fence, scope } = options
  const { store } = ports
  const name = sandboxNameOf(context, ground)
  const place = await placeOf(context.provider)
  const lives = await store.listRecords(recordKey.lives(context.id, ground.stage, ground.phase))
  const last = lives.length === 0 ? null : await store.getRecord<LifeRecord>(lives.at(-1)!)
  const found = await context.provider.find(name)
  if (found && last && found.life === last.life) return { sandbox: found, life: last, place }

  await fence.check()
  const sandbox = await context.provider.create(
    await sandboxSpec({ ports, context, name, stage: ground.stage, purpose: ground.phase }),
  )
  const rebuilt = await rebuild({ ...options, sandbox, last })
  await fence.check()
  const life: LifeRecord = {
    format: 'prchain.life/1',
    life: sandbox.life,
    n: lives.length + 1,
    createdAt: new Date().toISOString(),
    place,
    ...rebuilt,
  }
  const { value, isNew } = await store.putRecord(recordKey.life(context.id, ground.stage, ground.phase, life.n), life)
  if (!isNew && value.life !== sandbox.life) throw new Error(`sandbox ${name} was made twice at once; it is made anew`)
  scope.report({ sandbox: name })
  return { sandbox, life: value, place }
}

/** The name of a phase's sandbox on its host. */
export function sandboxNameOf(context: RolloutContext, { stage, phase }: Pick<Ground, 'stage' | 'phase'>): string {
  return context.sandboxName(phase === 'work' ? String(stage) : `${stage}.${phase}`)
}

type Rebuilt = Pick<LifeRecord, 'setupTree' | 'setupPatch' | 'rerun' | 'diverged' | 'restored' | 'differing'>

async function rebuild(options: {
  ports: Ports
  context: RolloutContext
  ground: Ground
  fence: Fence
  scope: Scope
  sandbox: Sandbox
  last: LifeRecord | null
}): Promise<Rebuilt> {
  const { ports, context, ground, fence, scope, sandbox, last } = options
  const { store } = ports
  const checkpoint = await lastCheckpoint(ports, context, ground)
  const isRestored = checkpoint !== null && checkpoint.commandMs > ports.limits.rerunMs
  const common = { ports, context, sandbox, stage: ground.stage, tree: ground.tree, scope }
  const setupTree = isRestored
    ? await restore(checkpoint, last && (await setupTreeOf(ports, context, ground, last)))
    : await layRepository(common)
  const made: Rebuilt = {
    setupTree,
    setupPatch: null,
    rerun: [],
    diverged: [],
    restored: isRestored ? checkpoint.after : null,
    differing: [],
  }
  const keys = await recordedCommandKeys(ports, context, ground)
  for (const key of isRestored ? keys.slice(keys.indexOf(checkpoint.after) + 1) : keys) {
    await runAgain((await store.getRecord<CommandRecord>(recordKey.call(key)))!)
    if (!isRestored && key === checkpoint?.after) await compare()
  }
  if (made.setupTree) {
    made.setupPatch = await store.putBlob(await context.repository.patch(ground.tree, made.setupTree))
  }
  return made

  async function restore(wanted: CheckpointRecord, known: string | null): Promise<string | null> {
    const workTree = await checkpointTree(ports, context, ground, wanted)
    return layRepository({ ...common, restored: { workTree, setupTree: known } })
  }

  async function runAgain(record: CommandRecord): Promise<void> {
    scope.report({ rebuilding: record.key })
    await fence.check()
    const outcome = await sandbox.exec(record.key, await commandOf(record), scope.signal)
    await sandbox.forgetOutput(record.key)
    made.rerun.push(record.key)
    const now = digestOf(ports.redact(outcome.output.toString('utf8')))
    if (outcome.exitCode !== record.outcome.exitCode || now !== (await outputDigest(record)))
      made.diverged.push(record.key)
  }

  /** Commands that made another tree than they once did are not to be built upon. */
  async function compare(): Promise<void> {
    const tree = await captureSandbox(ports, context, sandbox, ground.tree)
    if (tree === checkpoint!.tree) return
    made.differing.push(checkpoint!.after)
    made.setupTree = await restore(checkpoint!, made.setupTree)
  }

  async function commandOf({ command }: CommandRecord): Promise<Command> {
    const { script, stdin, cwd, timeoutMs } = command
    const text = stdin ? (await store.getBlob(stdin)).toString('utf8') : undefined
    return { script, cwd: cwd ?? undefined, timeoutMs, stdin: text }
  }

  async function outputDigest(record: CommandRecord): Promise<string> {
    const { output, outputBlob } = record.outcome
    return output === null ? digestOf((await store.getBlob(outputBlob!)).toString('utf8')) : digestOf(output)
  }
}

/** What setup had made in an earlier life, made again from its patch when the scratch store lost it. */
async function setupTreeOf(
  ports: Ports,
  context: RolloutContext,
  ground: Ground,
  { setupTree, setupPatch }: LifeRecord,
): Promise<string | null> {
  if (setupTree === null || setupPatch === null || (await context.repository.has(setupTree))) return setupTree
  return context.repository.applyPatch(ground.tree, await ports.store.getBlob(setupPatch))
}

const places = new WeakMap<SandboxProvider, Promise<string>>()

/** Where a provider's sandboxes are: asked of its engine once. */
async function placeOf(provider: SandboxProvider): Promise<string> {
  const known = places.get(provider) ?? provider.describe().then(({ id }) => id)
  places.set(provider, known)
  try {
    return await known
  } catch (error) {
    places.delete(provider)
    throw error
  }
}
