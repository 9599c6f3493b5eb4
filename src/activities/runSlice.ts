import { playTurns, type Played } from '../agent/loop.ts'
import { splitRound, type RoundId } from '../domain/identifiers.ts'
import type { RoundEnding } from '../formats/rollout.ts'
import type { Exec } from '../record/exec.ts'
import type { Fence } from '../record/fence.ts'
import type { RolloutInput, Scope } from './edge.ts'
import { lazySandbox, type LazySandbox } from './lazySandbox.ts'
import type { Ports } from './ports.ts'
import { openRollout, requireModel, type RolloutContext } from './rolloutContext.ts'
import { findScaffold } from '../scaffolds/index.ts'
import { runScaffold } from './runScaffold.ts'
import { turnsUpTo } from './turns.ts'

const REBUILDS_IN_A_SLICE = 3

/** How a slice ended: the round is over, or another slice goes on with it. */
export type Slice = { place: string | null; steps: number } & (
  | { status: 'ended'; ending: RoundEnding }
  | { status: 'paused' }
)

/**
 * Plays a part of a round: at most so many live steps or so much time, then hands over. What is on record is walked,
 * not done again, so it may be killed at any moment and be run by any worker. `place` is where its sandbox is now; null
 * when it needed none.
 */
export async function runSlice(
  ports: Ports,
  input: RolloutInput & { stage: number; round: RoundId },
  scope: Scope & { fence: Fence },
): Promise<Slice> {
  const context = await openRollout(ports, input.rollout)
  requireModel(ports, context)
  const scaffold = findScaffold(context.settings.scaffold)
  const startedMs = Date.now()
  const { stage } = input
  const { phase } = splitRound(input.round)
  for (let rebuilds = 0; ; rebuilds++) {
    const sandbox = lazySandbox({ ports, context, stage, phase, scope })
    try {
      if (scaffold) return await runScaffold(ports, context, scaffold, input, scope)
      const played = await playRollout(ports, context, { ...input, scope, startedMs, sandbox })
      const place = (await sandbox.opened())?.place ?? null
      if (played.status === 'ended') return { status: 'ended', ending: played.ending, steps: played.steps, place }
      await sandbox.checkpoint()
      return { status: 'paused', steps: played.steps, place }
    } catch (error) {
      // A lost sandbox is rebuilt from the record when it is asked for again.
      if (!isLostSandbox(error) || rebuilds === REBUILDS_IN_A_SLICE) throw error
      scope.report({ rebuilding: `stage ${input.stage + 1}` })
    }
  }
}

/** Plays a rollout's conversation up to a round, from the record and live where that ends. */
export async function playRollout(
  ports: Ports,
  context: RolloutContext,
  options: {
    stage: number
    round: RoundId
    scope: Scope & { fence: Fence }
    startedMs: number
    /** Absent where all is on record: what is not on record then is an error. */
    sandbox?: LazySandbox
  },
): Promise<Played> {
  const { stage, round, scope, startedMs, sandbox } = options
  const { settings } = context
  const exec: Exec = async (execution) => {
    const executed = await ports.exec(execution)
    if (!executed.isStored) await sandbox?.ran(executed.record)
    return executed
  }
  return playTurns({
    ports: {
      store: ports.store,
      complete: ports.complete,
      exec,
      async sandbox() {
        if (!sandbox) throw new Error(`the record of rollout ${context.id} lacks a command of stage ${stage}`)
        return (await sandbox.open()).sandbox
      },
    },
    frame: {
      rollout: context.id,
      chain: context.chain.id,
      system: ports.prompts.fill('agent', {
        // Where plain processes work is a path of this host, which a sample must not hold.
        path: context.provider.isIsolating ? `, ${context.provider.repositoryPath(context.sandboxName('0'))}` : '',
      }),
      model: settings.model,
      seed: settings.seed,
      limits: settings,
      contextTokens: settings.contextTokens,
      commandTimeoutMs: await context.commandTimeoutMs(stage),
    },
    turns: await turnsUpTo(ports, context, stage, round),
    fence: scope.fence,
    signal: scope.signal,
    isPausing: ({ liveSteps }) =>
      liveSteps >= ports.limits.sliceSteps || Date.now() - startedMs >= ports.limits.sliceMs || ports.isDraining(),
    onProgress: (progress) => {
      const { promptTokens, completionTokens } = progress.usage
      scope.report({
        stage: progress.stage + 1,
        round: String(progress.round),
        step: progress.step + 1,
        tool: progress.lastTool,
        tokens: promptTokens + completionTokens,
        ...(progress.unstored === null ? {} : { unstored: progress.unstored }),
      })
    },
  })
}

function isLostSandbox(error: unknown): boolean {
  return error instanceof Error && error.name === 'SandboxError' && (error as { kind?: string }).kind === 'lost'
}
