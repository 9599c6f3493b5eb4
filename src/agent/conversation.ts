import { leaveOut, planElision, type Sent } from '../domain/elision.ts'
import type { RoundId } from '../domain/identifiers.ts'
import { bytesOf, estimateTokens, type Counted } from '../domain/tokens.ts'
import type { Message, Tool, Usage } from '../formats/chat.ts'
import type { Elision } from '../formats/record.ts'

/** A message as the model saw it, with its place in the rollout. */
export interface TracedMessage {
  stage: number
  round: RoundId
  message: Message
  /** Whether it stands in an earlier segment too, and was taken over into this one. */
  isRepeated: boolean
}

/** What is to be sent to the model: the conversation so far, with what is left out of it. */
export interface Draft {
  messages: Message[]
  elision: Elision | null
  /** What it is reckoned at. */
  tokens: number
}

interface Placed extends Sent {
  stage: number
  round: RoundId
}

/** The conversation of a rollout: what the model was sent last and what came since, and the trace of all that it was sent. */
export interface Conversation {
  push(place: { stage: number; round: RoundId }, message: Message, part: 'frame' | 'step'): void
  /** The next request, shortened by the stated rule where it comes near so many tokens. */
  draft(windowTokens: number): Draft
  /** The same request, shorter: what it was reckoned at is taken for the window. Null when nothing more can be left out. */
  shorten(refused: Draft): Draft | null
  /** The request as a record tells it. */
  redraft(elision: Elision | null): Draft
  /** The call that the next request's prefix is; null before the first. */
  prefix(): { key: string; count: number } | null
  /** A draft was answered: it is what the model has been sent now. */
  commit(draft: Draft, call: { key: string; usage: Usage }): void
  /** Everything that the model saw, conversation after conversation. */
  trace(): { messages: TracedMessage[]; segments: number[] }
}

/**
 * Opens a conversation with tools. A request goes on from the last one, or, where something is left out of it, opens
 * another segment of the trace, which begins with all that is taken over. What was left out stands in the earlier segments
 * and in the records of their calls.
 */
export function openConversation(tools: readonly Tool[]): Conversation {
  let sent: Placed[] = []
  let last: { key: string; count: number } | null = null
  let counted: Counted | null = null
  const messages: TracedMessage[] = []
  const segments = [0]
  const toolBytes = bytesOf(tools)
  const tokensOf = (bytes: number) => estimateTokens(toolBytes + bytes, counted)

  function redraft(elision: Elision | null): Draft {
    const left = leaveOut(sent, elision?.leftOut ?? [])
    return { messages: left.map(({ message }) => message), elision, tokens: tokensOf(sizeOf(left)) }
  }

  function plan(windowTokens: number, reason: Elision['reason']): Draft {
    const shown = last?.count ?? 0
    const leftOut = planElision({ sent, shown, windowTokens, tokensOf })
    const estimatedTokens = tokensOf(sizeOf(sent))
    return redraft(leftOut.length === 0 ? null : { reason, windowTokens, estimatedTokens, leftOut })
  }

  return {
    redraft,
    draft: (windowTokens) => plan(windowTokens, 'window'),
    shorten(refused) {
      const shorter = plan(refused.tokens, 'refused')
      return shorter.tokens < refused.tokens ? shorter : null
    },
    prefix: () => last,
    push(place, message, part) {
      const { stage, round } = place
      sent.push({ stage, round, message, part, steps: message.role === 'assistant' ? 1 : 0 })
      messages.push({ stage, round, message, isRepeated: false })
    },
    commit(draft, { key, usage }) {
      if (draft.elision) {
        sent = leaveOut(sent, draft.elision.leftOut)
        beginSegment()
      }
      last = { key, count: sent.length }
      const bytes = toolBytes + sizeOf(sent)
      if (usage.promptTokens > 0) counted = { bytes, tokens: usage.promptTokens }
    },
    trace: () => ({ messages, segments }),
  }

  /** A user's message that nothing has answered yet belongs to the new segment alone; an observation ends the old one too. */
  function beginSegment(): void {
    let fresh = 0
    while (messages.at(-1)!.message.role === 'user') {
      messages.pop()
      fresh++
    }
    segments.push(messages.length)
    for (const [at, { stage, round, message }] of sent.entries()) {
      messages.push({ stage, round, message, isRepeated: at < sent.length - fresh })
    }
  }
}

function sizeOf(sent: readonly Sent[]): number {
  return sent.reduce((sum, { message }) => sum + bytesOf(message), 0)
}
