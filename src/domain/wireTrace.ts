import type { Message } from '../formats/chat.ts'
import { textOf } from './wireContent.ts'
import type { WireReply } from './wireReply.ts'

/** One exchange of a scaffold's conversation. */
export interface Exchanged {
  /** All messages of the request, as sent. */
  messages: readonly unknown[]
  reply: WireReply
}

/** A conversation that only grows. `trainedFrom`: messages before it stand in an earlier one too. */
export interface Segment {
  messages: Message[]
  trainedFrom: number
}

interface WireMessage {
  role?: string
  content?: unknown
  tool_call_id?: string
  tool_calls?: { id?: string; function?: { name?: string; arguments?: string } }[]
}

/**
 * A scaffold's exchanges as conversations. A request that does not begin with all of the last one and its reply opens
 * another: the trace is split there, never spliced. Assistants' turns are those of the replies, not the scaffold's echo
 * of them.
 */
export function traceExchanges(exchanges: readonly Exchanged[]): Segment[] {
  const segments: Segment[] = []
  for (const { messages, reply } of exchanges) {
    const last = segments.at(-1)
    const wire = messages as WireMessage[]
    const count = last?.messages.length ?? 0
    const shared = last ? countShared(last.messages, wire) : 0
    const answer = toAssistant(reply.message)
    if (last && shared === count) last.messages.push(...wire.slice(count).map(toMessage), answer)
    else {
      const kept = last ? last.messages.slice(0, shared) : []
      segments.push({ messages: [...kept, ...wire.slice(shared).map(toMessage), answer], trainedFrom: shared })
    }
  }
  return segments
}

function countShared(known: readonly Message[], wire: readonly WireMessage[]): number {
  let count = 0
  while (count < known.length && count < wire.length && isSame(known[count]!, wire[count]!)) count++
  return count
}

/** Whether a message that was sent is one that is known; an echo of a reply may have members more or less. */
function isSame(known: Message, wire: WireMessage): boolean {
  if (known.role !== wire.role || textOf(wire.content) !== known.content) return false
  if (known.role === 'tool') return known.tool_call_id === wire.tool_call_id
  if (known.role !== 'assistant') return true
  const ids = (calls: readonly { id?: string }[] | undefined) => (calls ?? []).map(({ id }) => id).join(' ')
  return ids(known.tool_calls) === ids(wire.tool_calls)
}

function toMessage(wire: WireMessage): Message {
  const content = textOf(wire.content)
  switch (wire.role) {
    case 'assistant':
      return toAssistant(wire as WireReply['message'])
    case 'tool':
      return { role: 'tool', tool_call_id: wire.tool_call_id ?? '', content }
    case 'user':
      return { role: 'user', content }
    default:
      return { role: 'system', content }
  }
}

function toAssistant(message: WireReply['message']): Extract<Message, { role: 'assistant' }> {
  const calls = (message['tool_calls'] ?? []) as NonNullable<WireMessage['tool_calls']>
  const reasoning = message['reasoning_content']
  return {
    role: 'assistant',
    content: textOf(message.content),
    ...(typeof reasoning === 'string' && reasoning !== '' ? { reasoning_content: reasoning } : {}),
    ...(calls.length > 0
      ? {
          tool_calls: calls.map(({ id, function: called }) => ({
            id: id ?? '',
            type: 'function' as const,
            function: { name: called?.name ?? '', arguments: called?.arguments ?? '' },
          })),
        }
      : {}),
  }
}
