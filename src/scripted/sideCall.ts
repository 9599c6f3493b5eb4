import type { WireReply, WireRequest } from './wire.ts'

/** What a scaffold asks for when it shortens its conversation. */
const SNAPSHOT = /<state_snapshot>/

/**
 * The answer to a call that a scaffold makes beside the work: a conversation to be summed up, a title, anything that comes
 * without tools. Null for a call of the work itself.
 */
export function answerSideCall({ messages, tools }: WireRequest): WireReply | null {
  const last = messages.at(-1)
  const say = (content: string): WireReply => ({ content, reasoning: '', toolCalls: [] })
  if (last?.role === 'user' && SNAPSHOT.test(last.content)) {
    const kept = messages.findLast(({ role, content }) => role === 'user' && !SNAPSHOT.test(content))?.content ?? ''
    const goal = kept.replaceAll(/<[^>]*>/g, '').slice(0, 2_000)
    return say(
      `<analysis>The work goes on from the files as they are.</analysis>\n<state_snapshot>\n<overall_goal>${goal}</overall_goal>\n<recent_actions>Files were read and changed.</recent_actions>\n</state_snapshot>`,
    )
  }
  return tools.length === 0 ? say('Work on the request') : null
}
