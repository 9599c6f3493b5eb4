import type { AssistantMessage, Message } from '../formats/chat.ts'
import { reasoningOf, textOf } from './wireContent.ts'
import type { WireReply } from './wireReply.ts'

/** One exchange of a scaffold's conversation. */
export interface Exchanged {
  /** All messages of the request, as sent. */
  messages: readonly unknown[]
  reply: WireReply
}

/** A conversation that only grows. */
export interface Segment {
  messages: SegmentMessage[]
}

/** A message of a segment. */
export interface SegmentMessage {
  message: Message
  /**
   * The exchange, by its index, that it came with: whose reply it is, or whose request had it first. Of what is stated
   * anew the exchange whose turn it is, or leads to, or answers.
   */
  exchange: number
  isReply: boolean
  /** Of a turn: the exchange whose reply it is, or states anew; null when it is none. */
  said: number | null
  /** Of a tool's answer: the exchange whose reply asked for it; null when none did. */
  asked: number | null
  /**
   * Whether it stands in an earlier segment too or leads to a turn that does, or is an assistant's turn that is no reply,
   * or an answer to one that no reply was.
   */
  isRepeated: boolean
}

interface WireMessage {
  role?: string
  content?: unknown
  tool_call_id?: string
  tool_calls?: { id?: string; function?: { name?: string; arguments?: string } }[]
}

/**
 * A scaffold's exchanges as conversations. A request that begins with all of an earlier conversation and its last reply
 * goes on with it; any other opens another one: the trace is split there, never spliced. Assistants' turns are those of
 * the replies, not the scaffold's echo of them; one that no reply was is the scaffold's own. Where a request states an
 * earlier conversation anew, otherwise than it was, its messages have the place of that one's.
 */
export function traceExchanges(exchanges: readonly Exchanged[]): Segment[] {
  const segments: Segment[] = []
  const replies = new Map<string, number[]>()
  const answered = new Set<string>()
  for (const [exchange, { messages, reply }] of exchanges.entries()) {
    const wire = messages as WireMessage[]
    const { shared, from } = findLongestShared(segments, wire)
    const isGoingOn = from !== null && shared === from.messages.length
    const kept = isGoingOn ? [] : (from?.messages.slice(0, shared) ?? [])
    const segment = isGoingOn ? from : { messages: kept.map((one) => ({ ...one, isRepeated: true })) }
    if (!isGoingOn) segments.push(segment)
    const added = wire.slice(shared).map(toMessage)
    const last = kept.findLast(({ isReply }) => isReply)?.exchange ?? -1
    const stated = isGoingOn ? [] : findStated(added, replies, last)
    for (const [at, message] of added.entries())
      add(segment, { message, exchange, isReply: false }, stated[at] ?? null, answered)
    const turn = toAssistant(reply.message)
    add(segment, { message: turn, exchange, isReply: true }, null, answered)
    replies.set(markOf(turn), [...(replies.get(markOf(turn)) ?? []), exchange])
  }
  return segments
}

/**
 * Adds a message; of one that is stated anew, `stated` is the exchange that it is of. `answered` are the tool calls whose
 * answers stand somewhere already: an answer that follows its turn stated anew may be the first.
 */
function add(
  segment: Segment,
  one: Pick<SegmentMessage, 'message' | 'exchange' | 'isReply'>,
  stated: number | null,
  answered: Set<string>,
): void {
  const { message, isReply } = one
  const turn = message.role === 'tool' ? askedBy(segment, message.tool_call_id) : null
  const asked = turn?.said ?? null
  const call = message.role === 'tool' && asked !== null ? `${asked} ${message.tool_call_id}` : null
  const isKnown = turn !== null && !turn.isReply && (call === null || answered.has(call))
  const isContext = message.role === 'assistant' ? !isReply : isKnown
  if (call !== null) answered.add(call)
  const said = message.role === 'assistant' ? (isReply ? one.exchange : stated) : null
  const exchange = stated ?? (isContext && turn ? turn.exchange : one.exchange)
  segment.messages.push({ ...one, exchange, said, asked, isRepeated: isContext || stated !== null })
}

/** For each message that leads to a turn which was a reply after the exchange `last`, or is it: the exchange of that reply. */
function findStated(
  messages: readonly Message[],
  replies: ReadonlyMap<string, readonly number[]>,
  last: number,
): (number | null)[] {
  let before = last
  const own = messages.map((message) => {
    if (message.role !== 'assistant') return null
    const found = replies.get(markOf(message))?.find((exchange) => exchange > before) ?? null
    before = found ?? before
    return found
  })
  return messages.map(({ role }, at) => {
    if (role === 'assistant' || role === 'tool') return own[at]!
    const next = messages.findIndex((message, index) => index > at && message.role === 'assistant')
    return own[next] ?? null
  })
}

/** What tells a turn from others, also where its text came back otherwise: its tool calls' ids, or else what it says. */
function markOf({ content, tool_calls: calls = [] }: AssistantMessage): string {
  return calls.length > 0 ? calls.map(({ id }) => id).join(' ') : `: ${content}`
}

/** The turn that a tool's answer answers. */
function askedBy({ messages }: Segment, id: string): SegmentMessage | null {
  const isAsking = ({ message }: SegmentMessage) =>
    message.role === 'assistant' && (message.tool_calls ?? []).some((call) => call.id === id)
  return messages.findLast(isAsking) ?? null
}

/** The conversation that a request has most of, a whole one before a part, a later one before an earlier. */
function findLongestShared(
  segments: readonly Segment[],
  wire: readonly WireMessage[],
): { shared: number; from: Segment | null } {
  let best: { shared: number; from: Segment | null } = { shared: 0, from: null }
  for (const from of segments) {
    const shared = countShared(from.messages, wire)
    const isWhole = shared === from.messages.length
    const hasWhole = best.from !== null && best.shared === best.from.messages.length
    if (shared > best.shared || (shared > 0 && shared === best.shared && (isWhole || !hasWhole)))
      best = { shared, from }
  }
  return best
}

function countShared(known: readonly SegmentMessage[], wire: readonly WireMessage[]): number {
  let count = 0
  while (count < known.length && count < wire.length && isSame(known[count]!.message, wire[count]!)) count++
  return count
}

/** Whether a message that was sent is one that is known; an echo of a reply may have members more or less. */
function isSame(known: Message, wire: WireMessage): boolean {
  if (known.role !== roleOf(wire) || textOf(wire.content) !== known.content) return false
  if (known.role === 'tool') return known.tool_call_id === wire.tool_call_id
  if (known.role !== 'assistant') return true
  const ids = (calls: readonly { id?: string }[] | undefined) => (calls ?? []).map(({ id }) => id).join(' ')
  return ids(known.tool_calls) === ids(wire.tool_calls)
}

/** Whether a message of a request is what a client made of a reply. */
export function isEcho({ message }: WireReply, sent: unknown): boolean {
  return isSame(toAssistant(message), sent as WireMessage)
}

/** Newer models are told by a `developer` what older ones were told by the system. */
function roleOf({ role }: WireMessage): Message['role'] {
  return role === 'assistant' || role === 'tool' || role === 'user' ? role : 'system'
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

/** An assistant's message of the wire as one of ours. */
export function toAssistant(message: WireReply['message']): AssistantMessage {
  const calls = (message['tool_calls'] ?? []) as NonNullable<WireMessage['tool_calls']>
  const reasoning = reasoningOf(message)
  return {
    role: 'assistant',
    content: textOf(message.content),
    ...(reasoning === null ? {} : { reasoning_content: reasoning }),
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
