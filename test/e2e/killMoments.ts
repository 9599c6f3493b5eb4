import { recordKey, type RoundId } from '../../src/domain/identifiers.ts'
import { seededRandom } from '../../src/domain/shuffle.ts'
import type { Verdict } from '../../src/formats/rollout.ts'
import type { Lab } from './lab.ts'

/** What is killed. */
export type Target = 'worker' | 'gateway' | 'scaffold' | 'container'

const MOMENTS = [
  'before the first call',
  'in mid-call',
  'between call and command',
  'during a command',
  'in the last call',
  'at the end',
] as const
/** Where in a round a kill strikes. */
export type Moment = (typeof MOMENTS)[number]

/** One kill: of what, at which moment, the how manieth time that it comes. */
export interface Kill {
  target: Target
  moment: Moment
  skip: number
}

/** So many kills of each target: moments all over the round, in an order that the seed says. */
export function planKills(options: { seed: number; targets: readonly Target[]; each: number }): Kill[] {
  const { targets, each } = options
  const random = seededRandom(options.seed)
  const moments = shuffle(MOMENTS, random)
  const all = shuffle(targets, random).flatMap((target) => Array.from({ length: each }, () => target))
  const kills = all.map((target, index): Kill => {
    const moment = moments[index % moments.length]!
    return { target, moment, skip: COMMON.has(moment) ? whole(random, 4) : 0 }
  })
  return shuffle(kills, random)
}

/** Moments that come again and again in a round. */
const COMMON: ReadonlySet<Moment> = new Set(['in mid-call', 'between call and command'])

function shuffle<T>(list: readonly T[], random: () => number): T[] {
  const left = [...list]
  return Array.from(list, () => left.splice(whole(random, left.length), 1)[0]!)
}

function whole(random: () => number, below: number): number {
  return Math.floor(random() * below)
}

/** Where a rollout is: a stage's round, and how far that is. */
export interface Position {
  stage: number
  round: number
  /** How many answers the agent has in the round: its last launch, where it is started again and again. */
  answers: number
  launches: number
  moments: ReadonlySet<Moment>
}

/** How long a call may have been under way, and how long nothing must have been, for a command to run. */
const [CALL_MS, QUIET_MS] = [1_000, 250]

/**
 * Watches a rollout from outside: from its records, and from the scripted model's counts of what it was asked. `calls` says
 * how many answers a round takes, as a run in peace did; null while it has ended, or is between rounds.
 */
export function watchRollout(
  lab: Lab,
  rollout: string,
  options: { isNative: boolean; calls: (stage: number, round: number) => number },
): () => Promise<Position | null> {
  let stored = -1
  let storedMs = 0
  return async () => {
    const at = await findRound(lab, rollout)
    if (!at || (await lab.store.getRecord(recordKey.rollout(rollout)))) return null
    const { stage, round } = at
    const launches = options.isNative
      ? 0
      : (await lab.store.listRecords(recordKey.launches(rollout, stage, round))).length
    if (!options.isNative && launches === 0) return null
    const answers = await countAnswers(lab, rollout, { stage, round, launches })
    const keys = new Set((await lab.store.listRecords(recordKey.stages(rollout))).filter(isCall))
    const isFurther = stored >= 0 && keys.size > stored
    if (keys.size !== stored) storedMs = Date.now()
    stored = keys.size
    const isInCall = Object.entries(await lab.counts()).some(
      ([key, { lastAskedAt }]) =>
        key.startsWith(`${rollout}/stages/`) &&
        isCall(key) &&
        !keys.has(recordKey.call(key)) &&
        Date.now() - Date.parse(lastAskedAt) < CALL_MS,
    )
    const isOver = answers >= options.calls(stage, round)
    const moments = new Set<Moment>()
    if (answers === 0 && !isInCall) moments.add('before the first call')
    if (isInCall) moments.add('in mid-call')
    if (isFurther) moments.add('between call and command')
    if (answers > 0 && !isInCall && !isOver && Date.now() - storedMs > QUIET_MS) moments.add('during a command')
    if (isInCall && answers + 1 === options.calls(stage, round)) moments.add('in the last call')
    if (isOver) moments.add('at the end')
    return { stage, round, answers, launches, moments }
  }
}

/** How many answers each round of a rollout took that nothing disturbed. */
export async function countCalls(lab: Lab, rollout: string): Promise<Map<string, number>> {
  const calls = new Map<string, number>()
  for (const key of (await lab.store.listRecords(recordKey.stages(rollout))).filter(isCall)) {
    const [, place] = /\/stages\/(\d+\/[^/]+)\//.exec(key)!
    calls.set(place!, (calls.get(place!) ?? 0) + 1)
  }
  return calls
}

function isCall(key: string): boolean {
  return key.includes('/exchanges/') || key.includes('/calls/')
}

async function findRound(lab: Lab, rollout: string): Promise<{ stage: number; round: number } | null> {
  let stage = -1
  while (await lab.store.getRecord(recordKey.stageState(rollout, stage + 1))) stage++
  if (stage < 0) return null
  for (let round = 0; ; round++) {
    const verdict = await lab.store.getRecord<Verdict>(recordKey.round(rollout, stage, round, 'verdict'))
    if (!verdict) return { stage, round }
    if (verdict.isAccepted) return null
  }
}

async function countAnswers(
  lab: Lab,
  rollout: string,
  { stage, round, launches }: { stage: number; round: RoundId; launches: number },
): Promise<number> {
  const prefix =
    launches === 0
      ? `${recordKey.stage(rollout, stage)}/${round}/calls`
      : recordKey.answers(rollout, stage, round, launches)
  return (await lab.store.listRecords(prefix)).length
}
