import { recordKey, splitRound, type RoundId } from '../domain/identifiers.ts'
import type { BlobRef } from '../formats/common.ts'
import type { LaunchRecord } from '../formats/exchange.ts'
import type { RoundEndRecord } from '../formats/record.ts'
import type { RoundEnding } from '../formats/rollout.ts'
import { openHold, sumHeldMs, type LaunchPlace } from '../record/hold.ts'
import { issueToken, maskTokens, revokeToken } from '../record/grants.ts'
import type { Fence } from '../record/fence.ts'
import type { Scaffold } from '../scaffolds/port.ts'
import { storyOf } from '../scaffolds/story.ts'
import type { CommandOutcome, Sandbox } from '../sandbox/port.ts'
import { captureSandbox, launchCommand, putCheckpoint } from './checkpoint.ts'
import { ScaffoldFailedError, HaltedError, HeldError, type RolloutInput, type Scope } from './edge.ts'
import { groundOf } from './ground.ts'
import { openLaunches, type Abandoning } from './launches.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'
import type { Slice } from './runSlice.ts'
import { provideScaffold, type ScaffoldPrograms } from './scaffoldPrograms.ts'
import { testScaffold } from './scaffoldSelfTest.ts'
import { openStageSandbox, sandboxNameOf } from './stageSandbox.ts'
import { turnsUpTo } from './turns.ts'

/** How often a scaffold may fail in one round before its chain is parked. */
const MOST_FAILURES = 4
const LOOK_MS = 500
/** How long a gateway that holds a launch is given to see that it need not any longer. */
const HOLD_GRACE_MS = 5_000
const TRAJECTORY_LIMIT_BYTES = 64 * 1024 * 1024
const ROUND_LIMIT_MS = 12 * 60 * 60_000
/** A launch that was held for so much of its time had too little for its work: it is started again. */
const HELD_LIMIT_MS = ROUND_LIMIT_MS / 4
/** So many answers for each step of a round's limit: sub-agents, and summaries of a conversation, are no steps of its own. */
const ANSWERS_FOR_STEP = 4

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
  const launches = openLaunches(store, { rollout: context.id, stage, round })
  const mostAnswers = ANSWERS_FOR_STEP * context.settings.maxSteps
  for (;;) {
    const known = await store.getRecord<RoundEndRecord>(endKey)
    const open = () => openStageSandbox({ ports, context, ground, fence: scope.fence, scope })
    if (known) return { status: 'ended', ending: known.ending, steps: known.steps, place: (await open()).place }
    const last = await launches.last()
    const end = last && ((await launches.abandonmentOf(last.n)) ?? (await lossOf(last)))
    if (last && end) await abandon(last, end)
    const { sandbox, life, place } = await open()
    const running = last && !end && life.life === last.life ? last : null
    const n = running?.n ?? (last?.n ?? 0) + 1
    const programs = await provideScaffold({
      ...{ ports, scaffold, provider: context.provider, sandbox, signal: scope.signal },
      key: `interpreter.${round}.${n}`,
    })
    const launch = running ?? (await begin(sandbox, programs, n))
    const outcome = await follow(sandbox, programs, launch)
    if (outcome === 'paused') return { status: 'paused', steps: await launches.countAnswers(launch.n), place }
    const heldMs = outcome.isTimedOut ? await sumHeldMs(store, placeOf(launch), outcome.finishedAt) : 0
    if (heldMs >= HELD_LIMIT_MS) {
      // It was ended by a clock that ran on while it was held.
      const reason = `its time was over, and for ${Math.floor(heldMs / 60_000)} min of it it was held`
      await abandon(launch, { kind: 'halted', reason })
      continue
    }
    const read = scaffold.readEnding({ ...outcome, output: outcome.output.toString('utf8') })
    if ('fault' in read) {
      if ((await launches.countAnswers(launch.n)) > mostAnswers) {
        // It was given no more answers, and ended by that.
        await finish(sandbox, launch, 'step-limit', null)
        continue
      }
      await abandon(launch, { kind: read.isSessionRefused ? 'session-refused' : 'failed', reason: read.fault })
      const failures = await launches.countFailures()
      if (failures < MOST_FAILURES) continue
      throw new ScaffoldFailedError(`${scaffold.name} failed ${failures} times in this round; last: ${read.fault}`)
    }
    await finish(sandbox, launch, read.ending, read.trajectory)
  }

  /** Why a launch that nothing ended cannot be waited for any longer, or null. */
  async function lossOf(launch: LaunchRecord): Promise<Abandoning | null> {
    const halt = await launches.haltOf(launch.n)
    if (halt) return { kind: 'halted', reason: halt.reason }
    const found = await context.provider.find(sandboxNameOf(context, ground))
    return found?.life === launch.life ? null : { kind: 'lost', reason: 'its sandbox was lost' }
  }

  function placeOf({ n }: LaunchRecord): LaunchPlace {
    return { rollout: context.id, stage, round, n }
  }

  /** Puts a launch on record, once the scaffold is known to run here. */
  async function begin(sandbox: Sandbox, programs: ScaffoldPrograms, n: number): Promise<LaunchRecord> {
    await testScaffold({ ports, context, scaffold, sandbox, programs, stage, round, launch: n, signal: scope.signal })
    await scope.fence.check()
    const turns = await turnsOfPhase()
    const session = await sessionFor(n)
    const launch: LaunchRecord = {
      format: 'prchain.launch/1',
      n,
      scaffold: scaffold.name,
      version: programs.version,
      life: sandbox.life,
      task: await store.putBlob(session === null ? storyOf(await earlierRequests(), turns) : turns.at(-1)!),
      session,
      startedAt: new Date().toISOString(),
    }
    return (await store.putRecord(recordKey.launch(context.id, stage, round, n), launch)).value
  }

  /** Ends a launch for good: its token, and all that runs in its sandbox. The next begins where this one began. */
  async function abandon(launch: LaunchRecord, why: Abandoning): Promise<void> {
    await scope.fence.check()
    scope.report({ restarting: scaffold.name, because: why.reason.slice(0, 200) })
    await launches.abandon(launch.n, why)
    await revokeToken(store, await tokenOf(launch.n), why.reason)
    const name = sandboxNameOf(context, ground)
    if ((await context.provider.find(name))?.life === launch.life) await context.provider.remove(name)
  }

  /** The key of the command that a launch is. */
  function commandOf({ n }: LaunchRecord): string {
    return launchCommand(round, n)
  }

  function tokenOf(n: number): Promise<string> {
    const { chain, settings } = context
    const place = { rollout: context.id, chain: chain.id, stage, round: String(round), launch: n }
    return issueToken(store, { ...place, scaffold: scaffold.name, model: settings.model })
  }

  async function follow(
    sandbox: Sandbox,
    programs: ScaffoldPrograms,
    launch: LaunchRecord,
  ): Promise<CommandOutcome | 'paused'> {
    const { settings } = context
    const { script, stdin } = scaffold.start({
      ...programs,
      token: await tokenOf(launch.n),
      model: settings.model,
      maxSteps: settings.maxSteps,
      commandTimeoutMs: await context.commandTimeoutMs(stage),
      task: (await store.getBlob(launch.task)).toString('utf8'),
      turns: await turnsOfPhase(),
      session: launch.session ? (await store.getBlob(launch.session)).toString('utf8') : null,
      isSelfTest: false,
    })
    const over = new AbortController()
    const signal = AbortSignal.any([scope.signal, over.signal])
    const running = sandbox.exec(commandOf(launch), { script, stdin, timeoutMs: ROUND_LIMIT_MS }, signal)
    const hold = openHold(store, placeOf(launch))
    let answers: number | undefined
    let isRefused = false
    const look = setInterval(() => void check().catch((error: unknown) => over.abort(error)), LOOK_MS)
    try {
      return await running
    } catch (error) {
      if (over.signal.reason === 'paused') return 'paused'
      // It would wait for an answer that does not come: the chain waits without it.
      if (over.signal.reason instanceof HaltedError)
        await abandon(launch, { kind: 'halted', reason: over.signal.reason.message })
      throw over.signal.aborted ? over.signal.reason : error
    } finally {
      clearInterval(look)
    }

    async function check(): Promise<void> {
      await scope.fence.check()
      const halt = await launches.haltOf(launch.n)
      if (halt) throw new HaltedError(halt)
      const { reason } = await hold.read()
      // The scaffold stays where it is; the gateway looks for itself whether it may go on.
      if (reason !== null && Date.now() - startedMs >= HOLD_GRACE_MS) throw new HeldError(reason)
      if (ports.isDraining() || Date.now() - startedMs >= ports.limits.sliceMs) over.abort('paused')
      answers = await launches.countAnswers(launch.n, answers)
      scope.report({ stage: stage + 1, round: String(round), step: answers })
      if (answers <= mostAnswers || isRefused) return
      await revokeToken(store, await tokenOf(launch.n), `it was given more than ${mostAnswers} answers`)
      isRefused = true
    }
  }

  /** Puts the end of the round on record, with the work tree: a sandbox that is lost from here on is made again from it. */
  async function finish(
    sandbox: Sandbox,
    launch: LaunchRecord,
    ending: RoundEnding,
    trajectory: string | null,
  ): Promise<void> {
    await revokeToken(store, await tokenOf(launch.n), 'the round has ended')
    const own = trajectory === null ? null : await sandbox.readFile(trajectory, TRAJECTORY_LIMIT_BYTES)
    const text = own && maskTokens(ports.redact(own.toString('utf8')))
    const end: RoundEndRecord = {
      format: 'prchain.round-end/1',
      ending,
      steps: (await launches.answersOf(launch.n)).length,
      trajectory: text === null ? null : await store.putBlob(text),
      abandoned: await launches.describeAbandoned(),
    }
    const tree = await captureSandbox(ports, context, sandbox, ground.tree)
    // Nothing of it is on record as commands, so it is never run again.
    const commandMs = Number.MAX_SAFE_INTEGER
    // The round's end makes this checkpoint one to begin from: until then the round begins where it began.
    await putCheckpoint({ ports, context, ground, fence: scope.fence, after: commandOf(launch), tree, commandMs })
    await store.putRecord(endKey, end)
  }

  /** The messages that opened the stages before. */
  async function earlierRequests(): Promise<string[]> {
    const turns = await turnsUpTo(ports, context, stage, round)
    return turns.filter((turn) => turn.stage < stage && turn.round === 0).map(({ text }) => text)
  }

  /** The message that opened the stage's phase, and what was said of each of its rounds since. */
  async function turnsOfPhase(): Promise<string[]> {
    const { phase } = splitRound(round)
    const turns = await turnsUpTo(ports, context, stage, round)
    return turns
      .filter((turn) => turn.stage === stage && splitRound(turn.round).phase === phase)
      .map(({ text }) => text)
  }

  /** What a launch goes on with: what the launch before it did, unless that could not; at first what the round before left. */
  async function sessionFor(n: number): Promise<BlobRef | null> {
    if (n > 1) {
      const end = await launches.abandonmentOf(n - 1)
      return end?.kind === 'session-refused' ? null : ((await launches.last())?.session ?? null)
    }
    const before = (await turnsUpTo(ports, context, stage, round)).at(-2)
    if (!scaffold.goesOn || !before) return null
    const end = await store.getRecord<RoundEndRecord>(recordKey.round(context.id, before.stage, before.round, 'end'))
    return end?.trajectory ?? null
  }
}
