import { isOfMatter } from './phrases.ts'
import { readObservation } from './toolbox.ts'
import type { WireMessage } from './wire.ts'

/** What a conversation says of the round that is being played. */
export interface RoundHistory {
  /** The user message that opened the round, without what a scaffold put around it. */
  opening: string
  /** The folder that the agent is told it works in; the shell's own where it is not told. */
  root: string
  /** For each message with tool calls that could be read, the observations of its calls in their order; since the agent looked again. */
  observations: string[][]
  /** Whether the agent has begun to look again at what was left out of the conversation. */
  isAgain: boolean
  /** Whether something that it has read since is left out, and it must look again. */
  isLacking: boolean
  /** Messages with tool calls before it looked again. */
  messagesBefore: number
  /** The extra steps that were taken, and those of them before it looked again. */
  extraSteps: number
  extraStepsBefore: number
  /** Whether the agent has answered without a tool call in this round. */
  hasSilence: boolean
  /** Whether the agent has made a tool call whose arguments are not JSON in this round. */
  hasBadArguments: boolean
}

/** What qwen-code puts before the text of a turn, and where it says in what folder it works. */
const REMINDER = /<system-reminder>[^]*?<\/system-reminder>/g
const FOLDER = /^I'm currently working in the directory: (.+)$/m
const STEPS_LEFT_OUT = /^\[.* left out here to make room\.\]$/
const OBSERVATION_LEFT_OUT = /^\[Left out to make room: /
const EXTRA_STEP = /^\{"command":"echo \S+\.(\d+)'? >> /

/** Reads where the last round of a conversation stands. A user message that only asks for a tool call opens no round. */
export function readRound(messages: readonly WireMessage[]): RoundHistory {
  const start = messages.findLastIndex((message) => message.role === 'user' && !isNudge(message))
  const history: RoundHistory = {
    opening: (messages[start]?.content ?? '').replace(REMINDER, ''),
    root: messages.map(({ content }) => FOLDER.exec(content)?.[1]).find((root) => root !== undefined) ?? '.',
    observations: [],
    isAgain: false,
    isLacking: false,
    messagesBefore: 0,
    extraSteps: 0,
    extraStepsBefore: 0,
    hasSilence: false,
    hasBadArguments: false,
  }
  const answers = new Map<string, string>()
  for (const message of messages.slice(start + 1)) {
    if (message.role === 'tool') answers.set(message.tool_call_id ?? '', message.content)
  }
  for (const message of messages.slice(start + 1)) {
    if (message.role === 'user') {
      if (STEPS_LEFT_OUT.test(message.content)) history.isLacking = true
      else history.hasSilence = true
    }
    if (message.role === 'assistant') addReply(message)
  }
  return history

  function addReply({ content, tool_calls: calls = [] }: WireMessage): void {
    if (calls.length === 0) history.hasSilence = true
    else if (!calls.every((call) => isJson(call.function.arguments))) history.hasBadArguments = true
    else {
      if (isOfMatter('again', content)) {
        history.messagesBefore += history.observations.length
        history.extraStepsBefore = history.extraSteps
        Object.assign(history, { isAgain: true, isLacking: false, observations: [] })
      }
      const seen = calls.map((call) => readObservation(answers.get(call.id) ?? ''))
      const steps = calls.map((call) => EXTRA_STEP.exec(call.function.arguments)?.[1])
      if (seen.some((text, index) => OBSERVATION_LEFT_OUT.test(text) && steps[index] === undefined))
        history.isLacking = true
      for (const step of steps) history.extraSteps = Math.max(history.extraSteps, Number(step ?? -1) + 1)
      history.observations.push(seen)
    }
  }
}

function isNudge({ content }: WireMessage): boolean {
  if (STEPS_LEFT_OUT.test(content)) return true
  return /^(Tool call error|Your last message (called no tool|was cut off)|You repeat yourself)/.test(content)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
