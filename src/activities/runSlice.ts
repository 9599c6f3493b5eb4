import { playTurns, type Played, type Turn } from '../agent/loop.ts'
import { recordKey } from '../domain/identifiers.ts'
import type { RoundEnding, StageResult, Verdict } from '../formats/rollout.ts'
import type { Fence } from '../record/fence.ts'
import type { Sandbox } from '../sandbox/port.ts'
import type { RolloutInput, Scope } from './edge.ts'
import type { Ports } from './ports.ts'
import { openRollout, type RolloutContext } from './rolloutContext.ts'
import { openStageSandbox } from './stageSandbox.ts'

const COMMAND_TIMEOUT_MS = 120_000
const REBUILDS_IN_A_SLICE = 3

/** How a slice ended: the round is over, or another slice goes on with it. */
export type Slice = { status: 'ended'; ending: RoundEnding; steps: number } | { status: 'paused'; steps: number }

/**
 * Plays a part of a round: at most so many live steps or so much time, then hands over. What is on record is walked,
 * not done again, so it may be killed at any moment and be run by any worker.
 */
export async function runSlice(
  ports: Ports,
  input: RolloutInput & { stage: number; round: number },
  scope: Scope & { fence: Fence },
): Promise<Slice> {
  const context = await openRollout(ports, input.rollout)
  const startedMs = Date.now()
  for (let rebuilds = 0; ; rebuilds++) {
    try {
      const played = await playRollout(ports, context, { ...input, scope, startedMs })
      if (played.status === 'paused') return { status: 'paused', steps: played.steps }
      return { status: 'ended', ending: played.ending, steps: played.steps }
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
  options: { stage: number; round: number; scope: Scope & { fence: Fence }; startedMs: number },
): Promise<Played> {
  const { stage, round, scope, startedMs } = options
  const { settings } = context
  let opened: Promise<Sandbox> | null = null
  const sandbox = () =>
    (opened ??= context
      .state(stage)
      .then((state) => openStageSandbox({ ports, context, state, fence: scope.fence, scope }))
      .then((open) => open.sandbox))
  return playTurns({
    ports: { store: ports.store, complete: ports.complete, exec: ports.exec, sandbox },
    frame: {
      rollout: context.id,
      chain: context.chain.id,
      system: ports.prompts.fill('agent', {
        path: context.settings.sandbox === 'docker' ? `, ${context.provider.repositoryPath('')}` : '',
      }),
      model: settings.model,
      seed: settings.seed,
      maxSteps: settings.maxSteps,
      commandTimeoutMs: context.environment?.timeouts.commandMs ?? COMMAND_TIMEOUT_MS,
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
        round: progress.round,
        step: progress.step + 1,
        tool: progress.lastTool,
        tokens: promptTokens + completionTokens,
      })
    },
  })
}

/** The user messages of a rollout up to a round: each stage's opening, and each refused round's feedback. */
async function turnsUpTo(ports: Ports, context: RolloutContext, stage: number, round: number): Promise<Turn[]> {
  const turns: Turn[] = []
  for (let s = 0; s <= stage; s++) {
    const result = await ports.store.getRecord<StageResult>(recordKey.stageResult(context.id, s))
    const rounds = s === stage ? round + 1 : (result?.rounds ?? 1)
    turns.push({ stage: s, round: 0, text: (await context.state(s)).opening })
    for (let r = 1; r < rounds; r++) {
      const refused = await ports.store.getRecord<Verdict>(recordKey.round(context.id, s, r - 1, 'verdict'))
      turns.push({ stage: s, round: r, text: refused!.feedback })
    }
  }
  return turns
}

function isLostSandbox(error: unknown): boolean {
  return error instanceof Error && error.name === 'SandboxError' && (error as { kind?: string }).kind === 'lost'
}
