import { recordKey, type RoundId } from '../domain/identifiers.ts'
import { mapStrings } from '../domain/masked.ts'
import type { Traced } from '../domain/sample.ts'
import { readWireReply, type WireReply } from '../domain/wireReply.ts'
import { traceExchanges, type Exchanged, type SegmentMessage } from '../domain/wireTrace.ts'
import type { ExchangeRecord } from '../formats/exchange.ts'
import type { StageResult } from '../formats/rollout.ts'
import { readExchangeBody } from '../record/exchange.ts'
import { createMessagesReader } from '../record/exchangeMessages.ts'
import { maskTokens } from '../record/grants.ts'
import { findScaffold } from '../scaffolds/index.ts'
import { openLaunches } from './launches.ts'
import { roundsOf } from './losses.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'
import type { StepFacts } from './stepFacts.ts'

interface Placed extends Exchanged {
  stage: number
  round: RoundId
  record: ExchangeRecord
}

/** Reads the conversations of a scaffold's accepted stages from the gateway's record: of each round those of its last launch. */
export async function traceScaffold(
  ports: Ports,
  context: RolloutContext,
  accepted: readonly StageResult[],
  facts: StepFacts,
): Promise<{ conversation: Traced[]; segments: number[]; version: string }> {
  const { store } = ports
  const scaffold = findScaffold(context.settings.scaffold)!
  const messagesOf = createMessagesReader(store)
  const exchanges: Placed[] = []
  const versions = new Set<string>()
  for (const { stage, rounds } of accepted) {
    for (const round of await roundsOf(ports, context, { stage, rounds }))
      exchanges.push(...(await exchangesOf(stage, round)))
  }
  const conversation: Traced[] = []
  const segments: number[] = []
  for (const { messages } of traceExchanges(exchanges)) {
    segments.push(conversation.length)
    for (const one of messages) conversation.push(await describe(one))
  }
  return { conversation, segments, version: [...versions].join(', ') }

  async function describe({ message, exchange, asked, isReply, isRepeated }: SegmentMessage): Promise<Traced> {
    const { stage, round, record, reply } = exchanges[exchange]!
    const traced = { stage, round, message, isRepeated, step: null, execution: null }
    if (isRepeated) return traced
    if (isReply) {
      const { key, startedAt, finishedAt, usage, request } = record
      const { model, finishReason } = reply
      const answered = { key, model, finishReason, startedAt, finishedAt, usage, tools: request.tools }
      return { ...traced, step: { ...(await facts.stepOf(answered)), isWork: scaffold.isWork(exchanges[exchange]!) } }
    }
    // Where another launch went on, the time between the two calls is not that of the command.
    if (asked === null || exchanges[asked]!.record.launch !== record.launch) return traced
    const span = { startedAt: exchanges[asked]!.record.finishedAt, finishedAt: record.askedAt ?? record.startedAt }
    return { ...traced, execution: { kind: 'between-calls', ...span } }
  }

  async function exchangesOf(stage: number, round: RoundId): Promise<Placed[]> {
    const placed: Placed[] = []
    const launches = openLaunches(store, { rollout: context.id, stage, round })
    const launch = await launches.last()
    if (launch) versions.add(launch.version)
    for (const answer of await launches.answersOf(launch?.n ?? 0)) {
      const record = (await store.getRecord<ExchangeRecord>(recordKey.exchange(answer.exchange)))!
      const body = await readExchangeBody(store, record)
      const reply = readWireReply(record.response.contentType, body.toString('utf8'))
      if ('fault' in reply) throw new Error(`the stored reply ${record.key} is none: ${reply.fault}`)
      // As in the requests on record, so that an echo of it is known again.
      const masked = mapStrings(reply, maskTokens) as WireReply
      placed.push({ stage, round, record, reply: masked, messages: await messagesOf(record) })
    }
    return placed
  }
}
