import { recordKey, splitRound, type RoundId } from '../domain/identifiers.ts'
import type { AnswerRecord, HaltRecord, LaunchRecord } from '../formats/exchange.ts'
import type { RoundEndRecord } from '../formats/record.ts'
import type { RoundEnding } from '../formats/rollout.ts'
import { openHold } from '../record/hold.ts'
import { issueToken, revokeToken } from '../record/grants.ts'
import type { Fence } from '../record/fence.ts'
import type { Scaffold } from '../scaffolds/port.ts'
import type { CommandOutcome, Sandbox } from '../sandbox/port.ts'
import { captureSandbox, lastCheckpoint, putCheckpoint } from './checkpoint.ts'
import { ScaffoldFailedError, HaltedError, type RolloutInput, type Scope } from './edge.ts'
import { groundOf } from './ground.ts'
import { GATEWAY, TOOLCHAINS } from './layRepository.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'
import type { Slice } from './runSlice.ts'
import { openStageSandbox, sandboxNameOf } from './stageSandbox.ts'
import { turnsUpTo } from './turns.ts'

const MOST_LAUNCHES = 4
const LOOK_MS = 500
/** How long a gateway that holds a launch is given to see that it need not any longer. */
const HOLD_GRACE_MS = 5_000
const TRAJECTORY_LIMIT_BYTES = 64 * 1024 * 1024
const ROUND_LIMIT_MS = 12 * 60 * 60_000

/**
 * Runs a part of a round by a scaffold that is not our own: it runs detached in the stage's sandbox, and this only waits,
 * for the length of a slice. A scaffold that ended as it should not, or was lost with its sandbox, is started again from
 * where the round began, and is answered from the record as far as it asks the same.
 */
export async function runScaffold(
  ports: Ports,
  context: RolloutContext,
  scaffold: Scaffold,
  input: RolloutInput & { stage: number; round: RoundId },
  scope: Scope & { fence: Fence },
): Promise<Slice> {
  const { store } = ports
  const { stage, round } = input
  const startedMs = Date.now()
  const endKey = recordKey.round(context.id, stage, round, 'end')
  const ground = await groundOf(ports, context, stage, splitRound(round).phase)
  for (;;) {
    const known = await store.getRecord<RoundEndRecord>(endKey)
    const open = () => openStageSandbox({ ports, context, ground, fence: scope.fence, scope })
    if (known) return { status: 'ended', ending: known.ending, steps: known.steps, place: (await open()).place }
    const last = await lastLaunch()
    const fault = last && (await faultOf(last))
    if (last && fault) await abandon(last, fault)
    const { sandbox, life, place } = await open()
    const launch = last && life.life === last.life ? last : await begin(sandbox, (last?.n ?? 0) + 1)
    const outcome = await follow(sandbox, launch)
    if (outcome === 'paused') return { status: 'paused', steps: await countAnswers(launch), place }
    const read = scaffold.readEnding({ ...outcome, output: outcome.output.toString('utf8') })
    if ('fault' in read) {
      await abandon(launch, read.fault)
      if (launch.n >= MOST_LAUNCHES) {
        throw new ScaffoldFailedError(`${scaffold.name} failed ${launch.n} times in a row; last: ${read.fault}`)
      }
      continue
    }
    await finish(sandbox, launch, read.ending, read.trajectory)
  }

  async function lastLaunch(): Promise<LaunchRecord | null> {
    const keys = await store.listRecords(recordKey.launches(context.id, stage, round))
    return keys.length === 0 ? null : store.getRecord<LaunchRecord>(keys.at(-1)!)
  }

  /** Why a launch cannot be waited for any longer, or null. */
  async function faultOf(launch: LaunchRecord): Promise<string | null> {
    if (await haltOf(launch)) return 'the gateway had halted it'
    const found = await context.provider.find(sandboxNameOf(context, ground))
    return found?.life === launch.life ? null : 'its sandbox was lost'
  }

  function haltOf({ n }: LaunchRecord): Promise<HaltRecord | null> {
    return store.getRecord<HaltRecord>(recordKey.halt(context.id, stage, round, n))
  }

  /** Puts a launch on record and starts it. */
  async function begin(sandbox: Sandbox, n: number): Promise<LaunchRecord> {
    await scope.fence.check()
    const launch: LaunchRecord = {
      format: 'prchain.launch/1',
      n,
      scaffold: scaffold.name,
      version: scaffold.version,
      life: sandbox.life,
      task: await store.putBlob(await taskOf()),
      startedAt: new Date().toISOString(),
    }
    return (await store.putRecord(recordKey.launch(context.id, stage, round, n), launch)).value
  }

  /** Ends a launch for good: its token, and all that runs in its sandbox. The next begins where this one began. */
  async function abandon(launch: LaunchRecord, reason: string): Promise<void> {
    await scope.fence.check()
    scope.report({ restarting: scaffold.name, because: reason.slice(0, 200) })
    await revokeToken(store, await tokenOf(launch), reason)
    await context.provider.remove(sandboxNameOf(context, ground))
  }

  /** The key of the command that a launch is. */
  function commandOf({ n }: LaunchRecord): string {
    return `scaffold.${round}.${n}`
  }

  function tokenOf({ n }: LaunchRecord): Promise<string> {
    const { chain, settings } = context
    const place = { rollout: context.id, chain: chain.id, stage, round: String(round), launch: n }
    return issueToken(store, { ...place, scaffold: scaffold.name, model: settings.model })
  }

  async function follow(sandbox: Sandbox, launch: LaunchRecord): Promise<CommandOutcome | 'paused'> {
    const { settings, provider } = context
    const at = (target: string, source: string) => (provider.isIsolating ? target : source)
    const python = await pythonOf(sandbox, launch)
    const toolchain = await ports.toolchains.providePython({ ...scaffold, python }).catch((cause: Error) => {
      throw new ScaffoldFailedError(cause.message, { cause })
    })
    const { script, stdin } = scaffold.start({
      task: (await store.getBlob(launch.task)).toString('utf8'),
      toolchain: `${at(TOOLCHAINS, ports.toolchains.dir)}/${toolchain}`,
      socketPath: `${at(GATEWAY, ports.gatewayDir)}/gateway.sock`,
      token: await tokenOf(launch),
      model: settings.model,
      maxSteps: settings.maxSteps,
      commandTimeoutMs: await context.commandTimeoutMs(stage),
    })
    const over = new AbortController()
    const signal = AbortSignal.any([scope.signal, over.signal])
    const running = sandbox.exec(commandOf(launch), { script, stdin, timeoutMs: ROUND_LIMIT_MS }, signal)
    const hold = openHold(store, { rollout: context.id, stage, round, n: launch.n })
    const look = setInterval(() => void check().catch((error: unknown) => over.abort(error)), LOOK_MS)
    try {
      return await running
    } catch (error) {
      if (over.signal.reason === 'paused') return 'paused'
      throw over.signal.aborted ? over.signal.reason : error
    } finally {
      clearInterval(look)
    }

    async function check(): Promise<void> {
      await scope.fence.check()
      const halt = await haltOf(launch)
      if (halt) throw new HaltedError(halt)
      const { reason } = await hold.read()
      // The scaffold stays where it is; the gateway looks for itself whether it may go on.
      if (reason !== null && Date.now() - startedMs >= HOLD_GRACE_MS)
        throw new HaltedError({ type: 'CeilingReached', reason })
      if (ports.isDraining() || Date.now() - startedMs >= ports.limits.sliceMs) over.abort('paused')
      scope.report({ stage: stage + 1, round: String(round), step: await countAnswers(launch) })
    }
  }

  async function pythonOf(sandbox: Sandbox, launch: LaunchRecord): Promise<string> {
    const script = 'python3 -I -c "import sys; print(\'%d.%d\' % sys.version_info[:2])"'
    const { exitCode, output } = await sandbox.exec(
      `${commandOf(launch)}.python`,
      { script, timeoutMs: 60_000 },
      scope.signal,
    )
    if (exitCode === 0) return output.toString('utf8').trim()
    throw new ScaffoldFailedError(
      `${scaffold.name} needs python3 in the sandbox: ${output.toString('utf8').slice(-300)}`,
    )
  }

  async function countAnswers({ n }: LaunchRecord): Promise<number> {
    return (await store.listRecords(recordKey.answers(context.id, stage, round, n))).length
  }

  /** Puts the end of the round on record, with the work tree: a sandbox that is lost from here on is made again from it. */
  async function finish(
    sandbox: Sandbox,
    launch: LaunchRecord,
    ending: RoundEnding,
    trajectory: string | null,
  ): Promise<void> {
    await revokeToken(store, await tokenOf(launch), 'the round has ended')
    const own = trajectory === null ? null : await sandbox.readFile(trajectory, TRAJECTORY_LIMIT_BYTES)
    await putCheckpoint({
      ...{ ports, context, ground, fence: scope.fence },
      last: await lastCheckpoint(ports, context, ground),
      after: commandOf(launch),
      tree: await captureSandbox(ports, context, sandbox, ground.tree),
      // Nothing of it is on record as commands, so it is never run again.
      commandMs: Number.MAX_SAFE_INTEGER,
    })
    const end: RoundEndRecord = {
      format: 'prchain.round-end/1',
      ending,
      steps: await countAnswers(launch),
      trajectory: own && (await store.putBlob(ports.redact(own.toString('utf8')))),
    }
    await store.putRecord(endKey, end)
  }

  /** All that the scaffold is asked: the message that opened the stage, and what was said of its earlier rounds. */
  async function taskOf(): Promise<string> {
    const { phase } = splitRound(round)
    const turns = (await turnsUpTo(ports, context, stage, round)).filter(
      (turn) => turn.stage === stage && splitRound(turn.round).phase === phase,
    )
    const [opening, ...feedback] = turns.map(({ text }) => text)
    if (feedback.length === 0) return opening!
    return [
      opening!,
      'You have worked on this already: your changes are in the work tree. They were reviewed, and were not accepted yet.',
      ...feedback.slice(0, -1).map((text, index) => `What was said of your work, round ${index + 1}:\n\n${text}`),
      `What was said of your work last, which is what you are to mend now:\n\n${feedback.at(-1)!}`,
    ].join('\n\n')
  }
}

/** The answers of a round's last launch, in the order in which they were given. */
export async function answersOf(
  ports: Pick<Ports, 'store'>,
  rollout: string,
  stage: number,
  round: RoundId,
): Promise<AnswerRecord[]> {
  const launches = await ports.store.listRecords(recordKey.launches(rollout, stage, round))
  const keys = await ports.store.listRecords(recordKey.answers(rollout, stage, round, launches.length))
  return Promise.all(keys.map(async (key) => (await ports.store.getRecord<AnswerRecord>(key))!))
}
