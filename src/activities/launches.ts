import { recordKey, type RoundId } from '../domain/identifiers.ts'
import { readWireReply } from '../domain/wireReply.ts'
import type { AbandonmentRecord, AnswerRecord, ExchangeRecord, HaltRecord, LaunchRecord } from '../formats/exchange.ts'
import type { RoundEndRecord } from '../formats/record.ts'
import { readExchangeBody } from '../record/exchange.ts'
import type { Store } from '../store/port.ts'

/** Why a launch is given up. */
export type Abandoning = Pick<AbandonmentRecord, 'kind' | 'reason'>

/** The launches of a round, as they stand on record. */
export interface Launches {
  /** The latest, whether or not it was abandoned; null before the first. */
  last(): Promise<LaunchRecord | null>
  /** Why a launch was abandoned; null while it was not. */
  abandonmentOf(n: number): Promise<AbandonmentRecord | null>
  haltOf(n: number): Promise<HaltRecord | null>
  /** Marks a launch as abandoned. Idempotent: the first reason stays. */
  abandon(n: number, why: Abandoning): Promise<void>
  /** How many launches of the round failed by themselves, in a row or not. Those that were halted or lost do not count. */
  countFailures(): Promise<number>
  /** How many answers a launch was given so far, some perhaps twice; cheap for one who has counted `atLeast` so many. */
  countAnswers(n: number, atLeast?: number): Promise<number>
  /** The answers that a launch was given, in their order, each exchange once. */
  answersOf(n: number): Promise<AnswerRecord[]>
  /** What of the round is on abandoned branches, now that its last launch has ended. */
  describeAbandoned(): Promise<NonNullable<RoundEndRecord['abandoned']>>
}

/** Opens the launches of a round over a store. */
export function openLaunches(
  store: Store,
  { rollout, stage, round }: { rollout: string; stage: number; round: RoundId },
): Launches {
  const read = async <T>(key: string): Promise<T> => (await store.getRecord<T>(key))!
  const count = async () => (await store.listRecords(recordKey.launches(rollout, stage, round))).length

  const launches: Launches = {
    async last() {
      const n = await count()
      return n === 0 ? null : read<LaunchRecord>(recordKey.launch(rollout, stage, round, n))
    },
    abandonmentOf: (n) => store.getRecord(recordKey.abandonment(rollout, stage, round, n)),
    haltOf: (n) => store.getRecord(recordKey.halt(rollout, stage, round, n)),
    async abandon(n, why) {
      await store.putRecord<AbandonmentRecord>(recordKey.abandonment(rollout, stage, round, n), {
        format: 'prchain.abandonment/1',
        launch: n,
        ...why,
        at: new Date().toISOString(),
      })
    },
    async countFailures() {
      const keys = await store.listRecords(recordKey.abandonments(rollout, stage, round))
      const ends = await Promise.all(keys.map((key) => read<AbandonmentRecord>(key)))
      return ends.filter(({ kind }) => kind === 'failed').length
    },
    async countAnswers(n, atLeast) {
      if (atLeast === undefined) return (await store.listRecords(recordKey.answers(rollout, stage, round, n))).length
      let count = atLeast
      while (await store.getRecord(recordKey.answer(rollout, stage, round, n, count))) count++
      return count
    },
    async answersOf(n) {
      const keys = await store.listRecords(recordKey.answers(rollout, stage, round, n))
      const answers = await Promise.all(keys.map((key) => read<AnswerRecord>(key)))
      return [...new Map(answers.map((answer) => [answer.exchange, answer])).values()]
    },
    async describeAbandoned() {
      const last = await count()
      const given = new Set((await launches.answersOf(last)).map(({ exchange }) => exchange))
      const stored = await store.listRecords(recordKey.exchanges(rollout, stage, round))
      const keys = stored.map((key) => key.slice('rollouts/'.length))
      let commands = 0
      for (let n = 1; n < last; n++) {
        for (const { exchange } of await launches.answersOf(n)) commands += await countToolCalls(exchange)
      }
      return { launches: last - 1, exchanges: keys.filter((key) => !given.has(key)), commands }
    },
  }
  return launches

  async function countToolCalls(exchange: string): Promise<number> {
    const record = await read<ExchangeRecord>(recordKey.exchange(exchange))
    const body = (await readExchangeBody(store, record)).toString('utf8')
    const reply = readWireReply(record.response.contentType, body)
    const calls = 'fault' in reply ? [] : reply.message['tool_calls']
    return Array.isArray(calls) ? calls.length : 0
  }
}
