import type { Usage } from '../formats/chat.ts'

/** What a provider answered, read from the bytes that it sent. */
export interface WireReply {
  id: string
  model: string
  /** The assistant's message with all its members. */
  message: Record<string, unknown> & { role: 'assistant'; content: string | null }
  finishReason: string
  usage: Usage
}

interface WireUsage {
  prompt_tokens?: number | null
  completion_tokens?: number | null
  prompt_tokens_details?: { cached_tokens?: number | null } | null
  completion_tokens_details?: { reasoning_tokens?: number | null } | null
}

interface Choice {
  index?: number
  finish_reason?: string | null
  message?: Record<string, unknown>
  delta?: Record<string, unknown>
}

interface Body {
  id?: string
  model?: string
  choices?: Choice[]
  usage?: WireUsage | null
  error?: unknown
}

interface CallDelta {
  index?: number
  id?: string
  function?: { name?: string; arguments?: string }
}

/** Whether a reply's body is a stream of events. */
export function isEventStream(contentType: string): boolean {
  return contentType.toLowerCase().startsWith('text/event-stream')
}

/**
 * Reads a whole reply. A string instead says what is wrong with it: it is no completion (`malformed`), or ends too early
 * (`cut`).
 */
export function readWireReply(
  contentType: string,
  text: string,
): WireReply | { kind: 'malformed' | 'cut'; fault: string } {
  return isEventStream(contentType) ? readStream(text) : readWhole(text)
}

/** Whether an event of a stream belongs to its end: the finish reason, the usage after it, `[DONE]`. */
export function isClosingEvent(event: string): boolean {
  const data = dataOf(event)
  if (data === '[DONE]') return true
  const body = parse(data)
  if (!body) return false
  return (body.choices ?? []).some(({ finish_reason: reason }) => !!reason) || isUsageAlone(body)
}

function isUsageAlone({ choices = [], usage }: Body): boolean {
  return choices.length === 0 && typeof usage === 'object' && usage !== null
}

function readWhole(text: string): ReturnType<typeof readWireReply> {
  const body = parse(text)
  const choice = body?.choices?.[0]
  if (!body || !choice || typeof choice.message !== 'object') {
    return { kind: 'malformed', fault: `not a chat completion: ${text.slice(0, 200)}` }
  }
  const { content = null, ...members } = choice.message as { content?: string | null }
  return {
    id: body.id ?? '',
    model: body.model ?? '',
    message: { ...members, role: 'assistant', content },
    finishReason: choice.finish_reason ?? '',
    usage: usageOf(body.usage),
  }
}

function readStream(text: string): ReturnType<typeof readWireReply> {
  const message: WireReply['message'] = { role: 'assistant', content: null }
  const calls: { id: string; type: 'function'; function: { name: string; arguments: string } }[] = []
  let [id, model, finishReason] = ['', '', null as string | null]
  let usage: WireUsage | null | undefined
  for (const event of text.split(/\r?\n\r?\n/)) {
    const data = dataOf(event)
    if (data === '' || data === '[DONE]') continue
    const body = parse(data)
    if (!body) return { kind: 'cut', fault: `an event that is no JSON: ${data.slice(0, 200)}` }
    if (body.error) return { kind: 'cut', fault: `the provider broke off: ${JSON.stringify(body.error).slice(0, 500)}` }
    id ||= body.id ?? ''
    model ||= body.model ?? ''
    usage = body.usage ?? usage
    const choice = body.choices?.find(({ index = 0 }) => index === 0)
    if (!choice) continue
    // Some providers write it as an empty text until there is one.
    finishReason = choice.finish_reason || finishReason
    for (const [name, value] of Object.entries(choice.delta ?? {})) {
      if (name === 'tool_calls') addCalls(calls, value as CallDelta[] | null)
      else if (name !== 'role' && typeof value === 'string')
        message[name] = `${(message[name] as string) ?? ''}${value}`
      else if (name !== 'role' && value !== null) message[name] = value
    }
  }
  if (finishReason === null) return { kind: 'cut', fault: 'the stream ended before the reply did' }
  if (calls.length > 0) message['tool_calls'] = calls.filter(Boolean)
  return { id, model, message, finishReason, usage: usageOf(usage) }
}

function addCalls(
  calls: { id: string; type: 'function'; function: { name: string; arguments: string } }[],
  deltas: readonly CallDelta[] | null,
): void {
  for (const { index = 0, id, function: given } of deltas ?? []) {
    const call = (calls[index] ??= { id: '', type: 'function', function: { name: '', arguments: '' } })
    call.id ||= id ?? ''
    call.function.name += given?.name ?? ''
    call.function.arguments += given?.arguments ?? ''
  }
}

/** The data of an event of a stream; empty where there is none. */
export function dataOf(event: string): string {
  return event
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length).trimStart())
    .join('\n')
}

function parse(text: string): Body | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Body) : null
  } catch {
    return null
  }
}

function usageOf(usage: WireUsage | null | undefined): Usage {
  const reasoningTokens = usage?.completion_tokens_details?.reasoning_tokens
  return {
    promptTokens: usage?.prompt_tokens ?? 0,
    completionTokens: usage?.completion_tokens ?? 0,
    cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
    ...(typeof reasoningTokens === 'number' ? { reasoningTokens } : {}),
  }
}
