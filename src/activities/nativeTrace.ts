import type { TracedMessage } from '../agent/conversation.ts'
import { isWellFormed } from '../agent/message.ts'
import { callKey, readCommandPlace, recordKey } from '../domain/identifiers.ts'
import type { Traced } from '../domain/sample.ts'
import type { CallRecord, CommandRecord } from '../formats/record.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'
import type { StepFacts } from './stepFacts.ts'

/**
 * The native agent's conversation with what the record says of its steps: the n-th turn of a round, each counted where it
 * was new, is the round's n-th call, and the answers after it are those to its tool calls, in order.
 */
export async function traceNative(
  { store }: Pick<Ports, 'store'>,
  { id }: RolloutContext,
  conversation: readonly TracedMessage[],
  facts: StepFacts,
): Promise<Traced[]> {
  const rounds = new Map<string, { steps: number; answers: number; commands: Promise<Map<string, CommandRecord[]>> }>()
  const traced: Traced[] = []
  for (const one of conversation) traced.push({ ...one, ...(await factsOf(one)) })
  return traced

  async function factsOf(one: TracedMessage): Promise<Pick<Traced, 'step' | 'execution'>> {
    const { stage, round, message, isRepeated } = one
    if (isRepeated) return { step: null, execution: null }
    const place = `${stage}/${round}`
    const played = rounds.get(place) ?? { steps: 0, answers: 0, commands: commandsOf(stage, round) }
    rounds.set(place, played)
    if (message.role === 'assistant') {
      const key = callKey(id, stage, round, played.steps++)
      played.answers = 0
      const { reply, request, startedAt, finishedAt } = (await store.getRecord<CallRecord>(recordKey.call(key)))!
      const { model, finishReason, usage } = reply
      const answered = { key, model, finishReason, startedAt, finishedAt, usage, tools: request.tools }
      return { step: { ...(await facts.stepOf(answered)), isWork: isWellFormed(message) }, execution: null }
    }
    if (message.role !== 'tool') return { step: null, execution: null }
    const commands = (await played.commands).get(`${played.steps - 1}.${played.answers++}`) ?? []
    return { step: null, execution: facts.executionOf(commands) }
  }

  /** The commands of a round by call and tool call, in order. */
  async function commandsOf(stage: number, round: Traced['round']): Promise<Map<string, CommandRecord[]>> {
    const byCall = new Map<string, CommandRecord[]>()
    for (const key of await store.listRecords(recordKey.commands(id, stage, round))) {
      const { ordinal, call } = readCommandPlace(key)
      const record = (await store.getRecord<CommandRecord>(key))!
      byCall.set(`${ordinal}.${call}`, [...(byCall.get(`${ordinal}.${call}`) ?? []), record])
    }
    return byCall
  }
}
