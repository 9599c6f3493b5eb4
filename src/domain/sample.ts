import type { Message } from '../formats/chat.ts'
import type { BlobRef } from '../formats/common.ts'
import type { Execution, Sample, SampleMessage, Step } from '../formats/sample.ts'
import { splitRound, type RoundId } from './identifiers.ts'
import { listMasked, mapStrings } from './masked.ts'
import { maskShapes } from './secretShapes.ts'
import { addUsage, noUsage } from './usage.ts'
import { readArguments } from './wireContent.ts'

/** A message's place in a rollout. */
export interface Place {
  stage: number
  round: RoundId
}

/** A message as an agent had it, with what the record says of it. */
export interface Traced extends Place {
  message: Message
  /** Whether it stands in an earlier segment too, or was put into the conversation as if it had. */
  isRepeated: boolean
  /** Of an assistant's message that is a reply on record: its call, the tools that went with it, and whether it is work. */
  step: { facts: Step; tools: SentTools; isWork: boolean } | null
  /** Of a tool's answer: how the call was carried out. */
  execution: Execution | null
}

/** The tools that went with a call. */
export interface SentTools {
  names: readonly string[]
  /** A JSON array in the store; null when none were sent. */
  schemas: BlobRef | null
}

/** How a provider says that it ended a reply, and not the model. */
const CUT_OFF: ReadonlySet<string> = new Set(['length', 'content_filter'])

/**
 * A conversation as a sample's messages: arguments are objects, a tool's answer carries the tool's name, and what looks
 * like a secret is masked. The assistant's turns are trained on where `isTrained` holds for their round, except for those
 * that are no reply on record, are not work (the agent answered them as wrong in form, or asked for something beside the
 * work), were cut off, have arguments that are no JSON object (kept as text under `_raw`), call a tool that was not sent,
 * or have a mask in them.
 */
export function toSampleMessages(
  conversation: readonly Traced[],
  isTrained: (place: Place) => boolean,
): SampleMessage[] {
  const names = new Map<string, string>()
  return conversation.map(({ message, stage, round, isRepeated, step, execution }): SampleMessage => {
    const place = { stage, ...splitRound(round), isRepeated }
    switch (message.role) {
      case 'system':
      case 'user':
        return { role: message.role, content: maskShapes(message.content), ...place }
      case 'tool':
        return {
          role: 'tool',
          tool_call_id: message.tool_call_id,
          name: names.get(message.tool_call_id) ?? '',
          content: maskShapes(message.content),
          execution,
          ...place,
        }
      case 'assistant': {
        let isFaithful = step?.isWork === true && !CUT_OFF.has(step.facts.finishReason ?? '')
        const calls = message.tool_calls?.map((call) => {
          const { name, arguments: text } = call.function
          names.set(call.id, name)
          const parsed = readArguments(text)
          if (parsed === null || step?.tools.names.includes(name) !== true) isFaithful = false
          const masked = mapStrings(parsed ?? { _raw: text }, maskShapes) as Record<string, unknown>
          return { ...call, function: { name, arguments: masked } }
        })
        const said = {
          content: maskShapes(message.content),
          ...(message.reasoning_content ? { reasoning_content: maskShapes(message.reasoning_content) } : {}),
          ...(calls ? { tool_calls: calls } : {}),
        }
        return {
          role: 'assistant',
          ...said,
          train:
            step !== null && !isRepeated && isFaithful && isTrained({ stage, round }) && listMasked(said).length === 0,
          step: step?.facts ?? null,
          ...place,
        }
      }
      default:
        return message satisfies never
    }
  })
}

/** Where in a conversation which tools went with a step: an entry for each change. */
export function listToolSets(conversation: readonly Traced[]): Sample['toolSets'] {
  const sets: Sample['toolSets'] = []
  for (const [from, { step }] of conversation.entries()) {
    if (step === null || (sets.length > 0 && sets.at(-1)!.schemas === step.tools.schemas)) continue
    sets.push({ from, names: [...step.tools.names], schemas: step.tools.schemas })
  }
  return sets
}

/**
 * Where a stage's messages stand, `[from, to)`: from its first one to its last new one. Of a stage that has none, because
 * its agent was never answered, the empty range after those of the stages before.
 */
export function findRange(messages: readonly SampleMessage[], stage: number): [number, number] {
  const to = messages.findLastIndex((message) => message.stage === stage && !message.isRepeated) + 1
  if (to > 0) return [messages.findIndex((message) => message.stage === stage), to]
  const before = messages.findLastIndex((message) => message.stage < stage && !message.isRepeated) + 1
  return [before, before]
}

/** Sums over the steps of messages, and over the commands that are on record. */
export function sumSteps(messages: readonly SampleMessage[]): Sample['totals'] {
  const total: Sample['totals'] = {
    ...{ steps: 0, toolCalls: 0, usage: noUsage(), costMicroUsd: 0, modelMs: 0, commandMs: 0 },
  }
  for (const message of messages) {
    if (message.role === 'tool' && message.execution?.kind === 'commands') {
      total.commandMs += lengthOf(message.execution)
    }
    if (message.role !== 'assistant' || message.step === null) continue
    const { usage, costMicroUsd } = message.step
    total.steps++
    total.toolCalls += message.tool_calls?.length ?? 0
    total.usage = addUsage(total.usage, usage)
    total.costMicroUsd = total.costMicroUsd === null || costMicroUsd === null ? null : total.costMicroUsd + costMicroUsd
    total.modelMs += lengthOf(message.step)
  }
  return total
}

function lengthOf({ startedAt, finishedAt }: { startedAt: string | null; finishedAt: string | null }): number {
  return startedAt === null || finishedAt === null ? 0 : Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt))
}
