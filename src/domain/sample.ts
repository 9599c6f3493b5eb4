import type { Message } from '../formats/chat.ts'
import { splitRound, type RoundId } from './identifiers.ts'
import type { SampleMessage } from '../formats/sample.ts'

/** A message's place in a rollout. */
export interface Place {
  stage: number
  round: RoundId
}

/**
 * A message as it stands in a sample: arguments are objects, and a tool's answer carries the tool's name. Returns null
 * for arguments that are no JSON object: what cannot be shown faithfully is not trained on (`toSampleMessages` masks it).
 */
function readArguments(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

/**
 * A conversation as a sample's messages. The assistant's turns are trained on where their round was accepted; those of a
 * refused round stay in the conversation, masked. A turn whose arguments are no JSON object is masked too, and keeps
 * its text under `_raw`.
 */
export function toSampleMessages(
  conversation: readonly (Place & { message: Message })[],
  isTrained: (place: Place) => boolean,
): SampleMessage[] {
  const names = new Map<string, string>()
  return conversation.map(({ stage, round, message }): SampleMessage => {
    const place = { stage, ...splitRound(round) }
    switch (message.role) {
      case 'system':
      case 'user':
        return { role: message.role, content: message.content, ...place }
      case 'tool':
        return {
          role: 'tool',
          tool_call_id: message.tool_call_id,
          name: names.get(message.tool_call_id) ?? '',
          content: message.content,
          ...place,
        }
      case 'assistant': {
        let isReadable = true
        const calls = message.tool_calls?.map((call) => {
          names.set(call.id, call.function.name)
          const parsed = readArguments(call.function.arguments)
          if (parsed === null) isReadable = false
          return {
            ...call,
            function: { name: call.function.name, arguments: parsed ?? { _raw: call.function.arguments } },
          }
        })
        return {
          role: 'assistant',
          content: message.content,
          ...(message.reasoning_content ? { reasoning_content: message.reasoning_content } : {}),
          ...(calls ? { tool_calls: calls } : {}),
          train: isReadable && isTrained({ stage, round }),
          ...place,
        }
      }
      default:
        return message satisfies never
    }
  })
}
