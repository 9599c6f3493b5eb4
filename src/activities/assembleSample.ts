import { rebaseRound, recordKey, type RoundId } from '../domain/identifiers.ts'
import { listMasked } from '../domain/masked.ts'
import { findRange, listToolSets, sumSteps, toSampleMessages, type Traced } from '../domain/sample.ts'
import type { Ending, StageResult, Verdict } from '../formats/rollout.ts'
import type { Sample, SentTool } from '../formats/sample.ts'
import type { Fence } from '../record/fence.ts'
import type { Scope } from './edge.ts'
import { traceNative } from './nativeTrace.ts'
import { livesOf } from './losses.ts'
import type { Ports } from './ports.ts'
import { countRebases } from './rebase.ts'
import type { RolloutContext } from './rolloutContext.ts'
import { playRollout } from './runSlice.ts'
import { traceScaffold } from './scaffoldTrace.ts'
import { openStepFacts } from './stepFacts.ts'

/** The sample of the accepted first part of a rollout: the conversation as the model saw it, from the record alone. */
export async function assembleSample(options: {
  ports: Ports
  context: RolloutContext
  accepted: StageResult[]
  ending: Ending
  scope: Scope & { fence: Fence }
}): Promise<Sample> {
  const { ports, context, accepted, ending, scope } = options
  const facts = await openStepFacts(ports, context)
  const { conversation, segments, version } = await traceOf()
  const rebases = new Map<number, number>()
  for (const { stage } of accepted) rebases.set(stage, await countRebases(ports, context, stage))
  const isTrained = ({ stage, round }: { stage: number; round: RoundId }) =>
    round === accepted[stage]!.rounds - 1 || round === rebaseRound(rebases.get(stage)! - 1)
  const messages = toSampleMessages(conversation, isTrained)
  const toolSets = listToolSets(conversation)

  const stages: Sample['stages'] = []
  for (const result of accepted) {
    const { baseSha, resultSha, number } = context.stage(result.stage)
    const own = messages.filter(({ stage, isRepeated }) => stage === result.stage && !isRepeated)
    const { carryOver, initialTree } = await context.state(result.stage)
    const lives = await livesOf(ports, context, result.stage)
    const verdict = await verdictOf(ports, context, result.stage, result.rounds - 1)
    stages.push({
      number,
      baseSha,
      resultSha,
      initialTree,
      isAccepted: true,
      rounds: result.rounds,
      score: result.score,
      hasPassedTests: verdict.hasPassedTests,
      patch: result.patch,
      messages: findRange(messages, result.stage),
      ...sumSteps(own),
      rebuilds: lives.filter((life) => life.n > 1).length,
      restored: lives.filter((life) => life.restored !== null).length,
      diverged: lives.flatMap((life) => [...life.diverged, ...life.differing]),
      rerunCommands: result.rerunCommands,
      abandonedCalls: result.abandonedCalls,
      carryOver: {
        policy: carryOver.policy,
        conflicts: carryOver.conflicts.length,
        decidedBy: carryOver.decidedBy,
        rebaseRounds: rebases.get(result.stage)!,
        survivingShare: carryOver.survivingShare,
      },
    })
  }
  return {
    format: 'prchain.sample/2',
    id: context.id,
    repository: context.chain.repository,
    chain: context.chain.id,
    ending: ending === 'accepted' ? 'accepted' : 'partial',
    model: context.settings.model,
    scaffold: context.settings.scaffold,
    scaffoldVersion: version,
    isScripted: context.settings.isScripted,
    messages,
    segments,
    tools: await toolsOf(toolSets),
    toolSets,
    redactions: listMasked(messages, '/messages'),
    totals: sumSteps(messages),
    stages,
    prompts: (await context.queries()).prompts,
  }

  async function traceOf(): Promise<{ conversation: Traced[]; segments: number[]; version: string | null }> {
    if (context.settings.scaffold !== 'native') return traceScaffold(ports, context, accepted, facts)
    const last = accepted.at(-1)!
    const played = await playRollout(ports, context, {
      stage: last.stage,
      round: last.rounds - 1,
      scope,
      startedMs: Number.POSITIVE_INFINITY,
    })
    if (played.status !== 'ended') throw new Error(`rollout ${context.id} has no whole record of its accepted stages`)
    const conversation = await traceNative(ports, context, played.conversation, facts)
    return { conversation, segments: played.segments, version: null }
  }

  async function toolsOf(sets: Sample['toolSets']): Promise<SentTool[]> {
    const byName = new Map<string, SentTool>()
    for (const { schemas } of sets) {
      for (const tool of schemas === null ? [] : await facts.readTools(schemas)) byName.set(tool.function.name, tool)
    }
    return [...byName.values()]
  }
}

/** The verdict of a round that has one. */
export async function verdictOf(ports: Ports, context: RolloutContext, stage: number, round: number): Promise<Verdict> {
  return (await ports.store.getRecord<Verdict>(recordKey.round(context.id, stage, round, 'verdict')))!
}
