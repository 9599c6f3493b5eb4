import { digestOf } from '../domain/digest.ts'
import { recordKey } from '../domain/identifiers.ts'
import type { CommandRecord, LifeRecord } from '../formats/record.ts'
import type { StageState } from '../formats/rollout.ts'
import type { Fence } from '../record/fence.ts'
import type { Sandbox } from '../sandbox/port.ts'
import type { Scope } from './edge.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'

/**
 * The live sandbox of a stage: the one on record where it still lives, else a new one, rebuilt from S_init, the
 * environment's setup, and the recorded commands in their order. A rebuilt sandbox is a new life on record, with the
 * commands that ended otherwise than before. Idempotent.
 */
export async function openStageSandbox(options: {
  ports: Ports
  context: RolloutContext
  state: StageState
  fence: Fence
  scope: Scope
}): Promise<{ sandbox: Sandbox; life: LifeRecord }> {
  const { ports, context, state, fence, scope } = options
  const { store } = ports
  const name = context.sandboxName(String(state.stage))
  const lives = await store.listRecords(recordKey.lives(context.id, state.stage))
  const last = lives.length === 0 ? null : await store.getRecord<LifeRecord>(lives.at(-1)!)
  const found = await context.provider.find(name)
  if (found && last && found.life === last.life) return { sandbox: found, life: last }

  await fence.check()
  const sandbox = await context.provider.create({
    name,
    labels: { owner: ports.instance, rollout: context.id, stage: String(state.stage), purpose: 'stage' },
    environment: context.environment,
  })
  const setupTree = await layRepository({ ports, context, sandbox, tree: state.initialTree, scope })
  const { rerun, diverged } = await runAgain()
  await fence.check()
  const life: LifeRecord = {
    format: 'prchain.life/1',
    life: sandbox.life,
    n: lives.length + 1,
    createdAt: new Date().toISOString(),
    setupTree,
    rerun,
    diverged,
  }
  const { value, isNew } = await store.putRecord(recordKey.life(context.id, state.stage, life.n), life)
  if (!isNew && value.life !== sandbox.life) throw new Error(`sandbox ${name} was made twice at once; it is made anew`)
  return { sandbox, life: value }

  async function runAgain(): Promise<{ rerun: string[]; diverged: string[] }> {
    const rerun: string[] = []
    const diverged: string[] = []
    for (const record of await recordedCommands(ports, context.id, state.stage)) {
      scope.report({ rebuilding: record.key })
      await fence.check()
      const { script, stdin, cwd, timeoutMs } = record.command
      const outcome = await sandbox.exec(
        record.key,
        {
          script,
          cwd: cwd ?? undefined,
          timeoutMs,
          stdin: stdin ? (await store.getBlob(stdin)).toString('utf8') : undefined,
        },
        scope.signal,
      )
      rerun.push(record.key)
      const now = digestOf(ports.redact(outcome.output.toString('utf8')))
      if (outcome.exitCode !== record.outcome.exitCode || now !== (await outputDigest(record)))
        diverged.push(record.key)
    }
    return { rerun, diverged }
  }

  async function outputDigest(record: CommandRecord): Promise<string> {
    const { output, outputBlob } = record.outcome
    return output === null ? digestOf((await store.getBlob(outputBlob!)).toString('utf8')) : digestOf(output)
  }
}

/** Lays a tree in a sandbox and runs the environment's setup. Returns the tree after setup, or null without one. */
export async function layRepository(options: {
  ports: Ports
  context: RolloutContext
  sandbox: Sandbox
  tree: string
  scope: Scope
}): Promise<string | null> {
  const { ports, context, sandbox, tree, scope } = options
  await sandbox.putRepository(await context.repository.exportRepository(tree))
  const { environment } = context
  if (!environment || environment.setup.length === 0) return null
  for (const [index, script] of environment.setup.entries()) {
    scope.report({ setup: index })
    const outcome = await sandbox.exec(
      `setup.${index}`,
      { script, timeoutMs: environment.timeouts.setupMs },
      scope.signal,
    )
    if (outcome.exitCode !== 0)
      throw new SetupFailedError(script, outcome.exitCode, ports.redact(outcome.output.toString('utf8').slice(-2_000)))
  }
  const captured = await context.repository.captureTree(await sandbox.readRepository(), {
    initialTree: tree,
    limitBytes: ports.limits.fileBytes,
  })
  return captured.tree
}

/** A setup command of the environment failed: the environment cannot work for this tree. */
export class SetupFailedError extends Error {
  override name = 'SetupFailedError'
  constructor(script: string, exitCode: number, output: string) {
    super(`setup command ${JSON.stringify(script)} ended with exit code ${exitCode}; its last output:\n${output}`)
  }
}

/** A stage's recorded commands in the order they were run. */
async function recordedCommands(ports: Ports, rollout: string, stage: number): Promise<CommandRecord[]> {
  const keys = (await ports.store.listRecords(recordKey.stage(rollout, stage))).filter((key) =>
    key.includes('/commands/'),
  )
  const order = (key: string) =>
    key
      .split(/[/.]/)
      .slice(-5)
      .filter((part) => /^\d+$/.test(part))
      .map(Number)
  keys.sort((a, b) => {
    const [left, right] = [order(a), order(b)]
    for (const [index, value] of left.entries()) if (value !== right[index]) return value - (right[index] ?? 0)
    return 0
  })
  const records: CommandRecord[] = []
  for (const key of keys) records.push((await ports.store.getRecord<CommandRecord>(key))!)
  return records
}
