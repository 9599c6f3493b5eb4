import { readObservation } from './toolbox.ts'
import type { WireMessage } from './wire.ts'

/** What a conversation says of the round that is being played. */
export interface RoundHistory {
  /** The user message that opened the round, without what a scaffold put around it. */
  opening: string
  /** The folder that the agent is told it works in; the shell's own where it is not told. */
  root: string
  /** For each message with tool calls that could be read, the observations of its calls in their order. */
  observations: string[][]
  /** Whether the agent has answered without a tool call in this round. */
  hasSilence: boolean
  /** Whether the agent has made a tool call whose arguments are not JSON in this round. */
  hasBadArguments: boolean
}

/** What qwen-code puts before the text of a turn, and where it says in what folder it works. */
const REMINDER = /<system-reminder>[^]*?<\/system-reminder>/g
const FOLDER = /^I'm currently working in the directory: (.+)$/m

/** Reads where the last round of a conversation stands. A user message that only asks for a tool call opens no round. */
export function readRound(messages: readonly WireMessage[]): RoundHistory {
  const start = messages.findLastIndex((message) => message.role === 'user' && !isNudge(message))
  const history: RoundHistory = {
    opening: (messages[start]?.content ?? '').replace(REMINDER, ''),
    root: messages.map(({ content }) => FOLDER.exec(content)?.[1]).find((root) => root !== undefined) ?? '.',
    observations: [],
    hasSilence: false,
    hasBadArguments: false,
  }
  const answers = new Map<string, string>()
  for (let at = messages.length - 1; at > start; at--) {
    const message = messages[at]!
    if (message.role === 'tool') answers.set(message.tool_call_id ?? '', message.content)
    else if (message.role === 'user') history.hasSilence = true
  }
  for (let at = start + 1; at < messages.length; at++) {
    const message = messages[at]!
    if (message.role !== 'assistant') continue
    const calls = message.tool_calls ?? []
    if (calls.length === 0) history.hasSilence = true
    else if (!calls.every((call) => isJson(call.function.arguments))) history.hasBadArguments = true
    else history.observations.push(calls.map((call) => readObservation(answers.get(call.id) ?? '')))
  }
  return history
}

function isNudge({ content }: WireMessage): boolean {
  return /^(Tool call error|Your last message called no tool)/.test(content)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
