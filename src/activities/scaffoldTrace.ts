import type { TracedMessage } from '../agent/conversation.ts'
import { recordKey, type RoundId } from '../domain/identifiers.ts'
import { addUsage, noUsage } from '../domain/usage.ts'
import { readWireReply } from '../domain/wireReply.ts'
import { traceExchanges, type Exchanged } from '../domain/wireTrace.ts'
import type { Tool, Usage } from '../formats/chat.ts'
import type { ExchangeRecord } from '../formats/exchange.ts'
import type { StageResult } from '../formats/rollout.ts'
import { readExchangeBody, readExchangeMessages } from '../record/exchange.ts'
import { openLaunches } from './launches.ts'
import { roundsOf } from './losses.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'

/** A rollout's conversations as its scaffold had them. */
export interface ScaffoldTrace {
  conversation: TracedMessage[]
  /** Where in `conversation` another conversation begins. */
  segments: number[]
  usageByStage: Usage[]
  /** All tools that were sent, by name the last. */
  tools: Tool[]
}

/** Reads the conversations of a scaffold's accepted stages from the gateway's record: of each round those that its last launch was given. */
export async function traceScaffold(
  ports: Ports,
  context: RolloutContext,
  accepted: readonly StageResult[],
): Promise<ScaffoldTrace> {
  const trace: ScaffoldTrace = { conversation: [], segments: [], usageByStage: [], tools: [] }
  const tools = new Map<string, Tool>()
  for (const { stage, rounds } of accepted) {
    let usage = noUsage()
    for (const round of await roundsOf(ports, context, { stage, rounds })) {
      const records = await exchangesOf(stage, round)
      for (const record of records) {
        for (const tool of await toolsOf(record)) tools.set(tool.function.name, tool)
        usage = addUsage(usage, record.usage)
      }
      for (const { messages, trainedFrom } of traceExchanges(await Promise.all(records.map(read)))) {
        trace.segments.push(trace.conversation.length)
        for (const [index, message] of messages.entries()) {
          trace.conversation.push({ stage, round, message, isRepeated: index < trainedFrom })
        }
      }
    }
    trace.usageByStage[stage] = usage
  }
  trace.tools = [...tools.values()]
  return trace

  async function exchangesOf(stage: number, round: RoundId): Promise<ExchangeRecord[]> {
    const launches = openLaunches(ports.store, { rollout: context.id, stage, round })
    const answers = await launches.answersOf((await launches.last())?.n ?? 0)
    return Promise.all(
      answers.map(async ({ exchange }) => (await ports.store.getRecord<ExchangeRecord>(recordKey.exchange(exchange)))!),
    )
  }

  async function read(record: ExchangeRecord): Promise<Exchanged> {
    const reply = readWireReply(
      record.response.contentType,
      (await readExchangeBody(ports.store, record)).toString('utf8'),
    )
    if ('fault' in reply) throw new Error(`the stored reply ${record.key} is none: ${reply.fault}`)
    return { messages: await readExchangeMessages(ports.store, record), reply }
  }

  async function toolsOf({ request }: ExchangeRecord): Promise<Tool[]> {
    return request.tools ? (JSON.parse((await ports.store.getBlob(request.tools)).toString('utf8')) as Tool[]) : []
  }
}
