import { rebaseRound, recordKey, type RoundId } from '../domain/identifiers.ts'
import type { LifeRecord, RoundEndRecord } from '../formats/record.ts'
import type { StageResult } from '../formats/rollout.ts'
import type { Ports } from './ports.ts'
import { countRebases } from './rebase.ts'
import type { RolloutContext } from './rolloutContext.ts'

/** What the loss of sandboxes and scaffolds cost a stage of so many rounds, its rebase rounds included. */
export async function countLosses(
  ports: Ports,
  context: RolloutContext,
  { stage, rounds }: { stage: number; rounds: number },
): Promise<Pick<StageResult, 'rerunCommands' | 'abandonedCalls'>> {
  const lives = await livesOf(ports, context, stage)
  const losses = { rerunCommands: lives.reduce((sum, { rerun }) => sum + rerun.length, 0), abandonedCalls: 0 }
  for (const round of await roundsOf(ports, context, { stage, rounds })) {
    const end = await ports.store.getRecord<RoundEndRecord>(recordKey.round(context.id, stage, round, 'end'))
    losses.rerunCommands += end?.abandoned?.commands ?? 0
    losses.abandonedCalls += end?.abandoned?.exchanges.length ?? 0
  }
  return losses
}

/** The lives of a stage's sandboxes, those of its rebase rounds first. */
export async function livesOf(ports: Ports, context: RolloutContext, stage: number): Promise<LifeRecord[]> {
  const keys = [
    ...(await ports.store.listRecords(recordKey.lives(context.id, stage, 'rebase'))),
    ...(await ports.store.listRecords(recordKey.lives(context.id, stage, 'work'))),
  ]
  return Promise.all(keys.map(async (key) => (await ports.store.getRecord<LifeRecord>(key))!))
}

/** All rounds of a stage, in the order in which they were played. */
export async function roundsOf(
  ports: Ports,
  context: RolloutContext,
  { stage, rounds }: { stage: number; rounds: number },
): Promise<RoundId[]> {
  const rebases = await countRebases(ports, context, stage)
  return [...Array.from({ length: rebases }, (_, n) => rebaseRound(n)), ...Array.from({ length: rounds }, (_, n) => n)]
}
