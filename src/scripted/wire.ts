import { textOf } from '../domain/wireContent.ts'
import type { ToolCall } from '../formats/chat.ts'

/** A message of a request with its content as one text. */
export interface WireMessage {
  role: string
  content: string
  reasoning_content?: string
  tool_calls?: ToolCall[]
  tool_call_id?: string
}

/** A request for a chat completion, as far as the scripted model reads it. */
export interface WireRequest {
  model: string
  messages: WireMessage[]
  tools: { function: { name: string } }[]
  isStreaming: boolean
  includesUsage: boolean
  /** Prompt tokens by the server's rule: a token for every four characters begun. */
  promptTokens: number
}

/** The part that a request plays, from its headers. */
export interface PlayHeaders {
  role: 'writer' | 'agent' | 'judge'
  chain: string
  rollout: string
  stage: number
  round: number
  phase: 'rebase' | 'work'
}

/** What a player answers. */
export interface WireReply {
  content: string
  reasoning: string
  toolCalls: ToolCall[]
}

/** A request that is refused, with the status and the code that the client is given. */
export class WireError extends Error {
  override name = 'WireError'
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
    this.code = code
  }
}

/** Tokens of a text by the server's rule: one for every four characters begun. */
export function countTokens(characters: number): number {
  return Math.ceil(characters / 4)
}

/** Reads a request's body. Throws {@link WireError} 400 when it is no chat completion request. */
export function readRequest(body: unknown): WireRequest {
  const { model, messages, tools, stream, stream_options } = (isObject(body) ? body : {}) as Record<string, unknown>
  if (!Array.isArray(messages) || messages.length === 0 || !messages.every(isMessage)) {
    throw new WireError(400, 'messages_missing', '`messages` must be a list of messages with a role, and not empty')
  }
  if (tools !== undefined && (!Array.isArray(tools) || !tools.every(isTool))) {
    throw new WireError(400, 'tools_wrong', '`tools` must be a list of functions with a name')
  }
  const read = messages.map((message) => ({ ...message, content: textOf(message.content) }))
  const characters = read.reduce((sum, message) => sum + sizeOf(message), 0)
  return {
    model: typeof model === 'string' ? model : 'scripted',
    messages: read,
    tools: (tools ?? []) as WireRequest['tools'],
    isStreaming: stream === true,
    includesUsage: isObject(stream_options) && stream_options['include_usage'] === true,
    promptTokens: countTokens(characters + (tools ? JSON.stringify(tools).length : 0)),
  }
}

/** Reads the play from a request's headers. Throws {@link WireError} 400 that names the header at fault. */
export function readPlay(header: (name: string) => string | undefined): PlayHeaders {
  const need = (name: string) => {
    const value = header(`x-prchain-${name}`)
    if (value === undefined || value === '') {
      throw new WireError(
        400,
        'play_missing',
        `the scripted model needs the header x-prchain-${name}: it plays a part and must know which`,
      )
    }
    return value
  }
  const needNumber = (name: string) => {
    const value = Number(need(name))
    if (!Number.isInteger(value) || value < -1) {
      throw new WireError(400, 'play_wrong', `x-prchain-${name} must be a whole number from -1, and is "${need(name)}"`)
    }
    return value
  }
  const role = need('role')
  if (role !== 'writer' && role !== 'agent' && role !== 'judge') {
    throw new WireError(400, 'play_wrong', `x-prchain-role must be writer, agent or judge, and is "${role}"`)
  }
  return {
    role,
    chain: need('chain'),
    rollout: need('rollout'),
    stage: needNumber('stage'),
    round: needNumber('round'),
    phase: header('x-prchain-phase') === 'rebase' ? 'rebase' : 'work',
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isMessage(value: unknown): value is WireMessage {
  return isObject(value) && typeof value['role'] === 'string'
}

function isTool(value: unknown): boolean {
  return isObject(value) && isObject(value['function']) && typeof value['function']['name'] === 'string'
}

function sizeOf(message: WireMessage): number {
  const calls = message.tool_calls ?? []
  const ofCalls = calls.reduce((sum, call) => sum + call.function.name.length + call.function.arguments.length, 0)
  return message.content.length + (message.reasoning_content?.length ?? 0) + ofCalls
}
