import type { AssistantMessage, Message } from '../formats/chat.ts'
import type { Command } from '../sandbox/port.ts'
import type { CommandResult } from './observation.ts'
import { readToolCall } from './toolArguments.ts'
import { playToolCall } from './toolCalls.ts'

const MOST_CALLS = 16

/** What a message's tool calls came to. */
export interface PlayedMessage {
  hasSubmitted: boolean
  called: number
  /** Calls that could not be understood, or were more than one message may make. */
  faults: number
  /** Each call with what came of it, without its id: the same again is the same again. */
  outcomes: { name: string; arguments: string; text: string }[]
}

/** Whether a message is in the form that is asked for: it calls tools, no more than it may, and each call can be understood. */
export function isWellFormed({ tool_calls: calls = [] }: AssistantMessage): boolean {
  return calls.length > 0 && calls.length <= MOST_CALLS && calls.every((call) => readToolCall(call).kind === 'right')
}

/**
 * Plays the tool calls of one message in their order. Every call is answered: also one that cannot be understood, one
 * after a submit, and one beyond the most that a message may make, which are not run.
 */
export async function playMessage(
  { tool_calls: calls = [] }: AssistantMessage,
  options: {
    /** Tells the message from all others of the rollout. */
    name: string
    limit: number
    timeoutMs: number
    /** Runs the n-th command of the call with an index. */
    run: (index: number, n: number, command: Command) => Promise<CommandResult>
    onCall: (tool: string) => void
    answer: (answer: Message) => void
  },
): Promise<PlayedMessage> {
  const { name, limit, timeoutMs, run, onCall, answer } = options
  const played: PlayedMessage = { hasSubmitted: false, called: calls.length, faults: 0, outcomes: [] }
  for (const [index, call] of calls.entries()) {
    onCall(call.function.name)
    const text = await play(index)
    played.outcomes.push({ name: call.function.name, arguments: call.function.arguments, text })
    answer({ role: 'tool', tool_call_id: call.id, content: text })
  }
  return played

  async function play(index: number): Promise<string> {
    if (played.hasSubmitted) return 'Not run: the work was already submitted.'
    if (index >= MOST_CALLS) {
      played.faults++
      return `Not run: a message can call at most ${MOST_CALLS} tools.`
    }
    const outcome = await playToolCall(calls[index]!, {
      ...{ name: `${name}-${index}`, limit, timeoutMs },
      run: (n, command) => run(index, n, command),
    })
    if (outcome.kind === 'fault') played.faults++
    if (outcome.kind !== 'submitted') return outcome.text
    played.hasSubmitted = true
    return 'Submitted.'
  }
}
