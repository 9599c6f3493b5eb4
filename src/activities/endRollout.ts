import { AGENT_TOOLS } from '../agent/tools.ts'
import { rebaseRound, recordKey, type RoundId } from '../domain/identifiers.ts'
import { toSampleMessages } from '../domain/sample.ts'
import { addUsage, noUsage } from '../domain/usage.ts'
import type { Tool } from '../formats/chat.ts'
import type { ExchangeRecord } from '../formats/exchange.ts'
import type { CallRecord, SampleReferenceRecord } from '../formats/record.ts'
import type { Ending, Rollout, StageResult, StageState, Verdict } from '../formats/rollout.ts'
import type { Sample } from '../formats/sample.ts'
import type { Fence } from '../record/fence.ts'
import { captureOf } from './closeRound.ts'
import type { RolloutInput, Scope } from './edge.ts'
import { countLosses, livesOf } from './losses.ts'
import type { Ports } from './ports.ts'
import { openRollout, type RolloutContext } from './rolloutContext.ts'
import { countRebases } from './rebase.ts'
import { playRollout } from './runSlice.ts'
import { traceScaffold, type ScaffoldTrace } from './scaffoldTrace.ts'
import { sandboxNameOf } from './stageSandbox.ts'

/** Writes how a stage ended and removes its sandbox. Idempotent. */
export async function endStage(
  ports: Ports,
  input: RolloutInput & { stage: number; rounds: number },
  scope: Scope & { fence: Fence },
): Promise<void> {
  const { stage, rounds } = input
  const context = await openRollout(ports, input.rollout)
  const { tree, patch } = await captureOf(ports, context, stage, rounds - 1)
  const verdict = await verdictOf(ports, context, stage, rounds - 1)
  await scope.fence.check()
  const result: StageResult = {
    format: 'prchain.stage-result/1',
    stage,
    number: context.stage(stage).number,
    isAccepted: verdict.isAccepted,
    rounds,
    score: verdict.score,
    tree,
    patch,
    ...(await countLosses(ports, context, { stage, rounds })),
  }
  await ports.store.putRecord(recordKey.stageResult(context.id, stage), result)
  await context.provider.remove(sandboxNameOf(context, { stage, phase: 'work' }))
}

/** What the workflow and the campaign need of a rollout's end. */
export interface Ended {
  ending: Ending
  stagesAccepted: number
  rounds: number
  steps: number
  hasSample: boolean
}

/**
 * Writes how a rollout ended and, when a first part of its stages was accepted, its sample: a function of the record
 * alone. Removes its sandboxes. Idempotent.
 */
export async function endRollout(
  ports: Ports,
  input: RolloutInput & { ending: Ending; reason: string },
  scope: Scope & { fence: Fence },
): Promise<Ended> {
  const context = await openRollout(ports, input.rollout)
  for (const { name } of await context.provider.list({ owner: ports.instance, rollout: context.id }))
    await context.provider.remove(name)

  const stages: StageResult[] = []
  for (const index of context.chain.stages.keys()) {
    const result = await context.result(index)
    if (!result) break
    stages.push(result)
  }
  const accepted = stages.filter((stage) => stage.isAccepted)
  const known = await ports.store.getRecord<Rollout>(recordKey.rollout(context.id))
  if (known) return summarize(known)

  if (accepted.length > 0) {
    const sample = await assembleSample({ ports, context, accepted, ending: input.ending, scope })
    await scope.fence.check()
    await ports.store.putRecord(recordKey.sample(context.id), {
      format: 'prchain.sample-reference/1',
      blob: await ports.store.putBlob(JSON.stringify(sample)),
    })
  }
  await scope.fence.check()
  const rollout: Rollout = {
    format: 'prchain.rollout/1',
    id: context.id,
    campaign: context.campaign,
    chain: context.chain.id,
    repository: context.chain.repository,
    n: context.n,
    settings: context.settings,
    ending: input.ending,
    reason: ports.redact(input.reason),
    stages,
    ...(await totalsOf(ports, context.id)),
    isScripted: context.settings.isScripted,
    endedAt: new Date().toISOString(),
  }
  return summarize((await ports.store.putRecord(recordKey.rollout(context.id), rollout)).value)
}

function summarize(rollout: Rollout): Ended {
  const accepted = rollout.stages.filter((stage) => stage.isAccepted).length
  return {
    ending: rollout.ending,
    stagesAccepted: accepted,
    rounds: rollout.stages.reduce((sum, stage) => sum + stage.rounds, 0),
    steps: rollout.steps,
    hasSample: accepted > 0,
  }
}

/** The sample of the accepted first part of a rollout: the conversation as the model saw it, replayed from the record. */
async function assembleSample(options: {
  ports: Ports
  context: RolloutContext
  accepted: StageResult[]
  ending: Ending
  scope: Scope & { fence: Fence }
}): Promise<Sample> {
  const { ports, context, accepted, ending, scope } = options
  const { conversation, segments, usageByStage, tools } = await conversationOf()
  const states = new Map<number, StageState>()
  for (const { stage } of accepted) states.set(stage, await context.state(stage))
  const rebases = new Map<number, number>()
  for (const { stage } of accepted) rebases.set(stage, await countRebases(ports, context, stage))
  const isTrained = ({ stage, round }: { stage: number; round: RoundId }) =>
    round === accepted[stage]!.rounds - 1 || round === rebaseRound(rebases.get(stage)! - 1)
  const messages = toSampleMessages(conversation, isTrained).map((message, index) =>
    message.role === 'assistant' && conversation[index]!.isRepeated ? { ...message, train: false } : message,
  )

  const stages: Sample['stages'] = []
  for (const result of accepted) {
    const { baseSha, resultSha, number } = context.stage(result.stage)
    // What was taken over from an earlier segment stands in the stage once, where it was new.
    const own = messages.flatMap((message, index) =>
      message.stage === result.stage && !conversation[index]!.isRepeated ? [index] : [],
    )
    const assistants = own.map((index) => messages[index]!).filter((message) => message.role === 'assistant')
    const { carryOver, initialTree } = states.get(result.stage)!
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
      messages: [messages.findIndex(({ stage }) => stage === result.stage), own.at(-1)! + 1],
      steps: assistants.length,
      toolCalls: assistants.reduce((sum, message) => sum + (message.tool_calls?.length ?? 0), 0),
      usage: usageByStage[result.stage] ?? noUsage(),
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
    format: 'prchain.sample/1',
    id: context.id,
    repository: context.chain.repository,
    chain: context.chain.id,
    ending: ending === 'accepted' ? 'accepted' : 'partial',
    model: context.settings.model,
    scaffold: context.settings.scaffold,
    isScripted: context.settings.isScripted,
    messages,
    segments,
    tools,
    stages,
    prompts: (await context.queries()).prompts,
  }

  async function conversationOf(): Promise<ScaffoldTrace> {
    if (context.settings.scaffold !== 'native') return traceScaffold(ports, context, accepted)
    const last = accepted.at(-1)!
    const played = await playRollout(ports, context, {
      stage: last.stage,
      round: last.rounds - 1,
      scope,
      startedMs: Number.POSITIVE_INFINITY,
    })
    if (played.status !== 'ended') throw new Error(`rollout ${context.id} has no whole record of its accepted stages`)
    const { conversation, segments, usageByStage } = played
    return { conversation, segments, usageByStage, tools: AGENT_TOOLS as Tool[] }
  }
}

async function verdictOf(ports: Ports, context: RolloutContext, stage: number, round: number): Promise<Verdict> {
  return (await ports.store.getRecord<Verdict>(recordKey.round(context.id, stage, round, 'verdict')))!
}

/** The agent's steps and tokens over all rounds, refused ones included. */
async function totalsOf(ports: Ports, id: string): Promise<Pick<Rollout, 'steps' | 'usage'>> {
  const all = await ports.store.listRecords(recordKey.stages(id))
  const keys = all.filter((key) => key.includes('/calls/') || key.includes('/exchanges/'))
  let usage = noUsage()
  for (const key of keys) {
    const record = (await ports.store.getRecord<CallRecord | ExchangeRecord>(key))!
    usage = addUsage(usage, 'usage' in record ? record.usage : record.reply.usage)
  }
  return { steps: keys.length, usage }
}

/** Reads a rollout's sample from the store as the line of a samples file, or null when it has none. */
export async function readSampleLine(ports: Pick<Ports, 'store'>, rollout: string): Promise<string | null> {
  const reference = await ports.store.getRecord<SampleReferenceRecord>(recordKey.sample(rollout))
  return reference && (await ports.store.getBlob(reference.blob)).toString('utf8')
}
