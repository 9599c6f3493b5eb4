import { recordKey } from '../domain/identifiers.ts'
import { addUsage, noUsage } from '../domain/usage.ts'
import type { ExchangeRecord } from '../formats/exchange.ts'
import type { CallRecord, SampleReferenceRecord } from '../formats/record.ts'
import type { Ending, Rollout, StageResult } from '../formats/rollout.ts'
import type { Fence } from '../record/fence.ts'
import { assembleSample, verdictOf } from './assembleSample.ts'
import { captureOf } from './closeRound.ts'
import type { RolloutInput, Scope } from './edge.ts'
import { countLosses } from './losses.ts'
import type { Ports } from './ports.ts'
import { openRollout } from './rolloutContext.ts'
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
