import { setTimeout as sleep } from 'node:timers/promises'

const TRIES = 3
const FIRST_WAIT_MS = 500
/** What SII-CLI asks for, whatever the model. */
const MAX_TOKENS = 100_000

/** Where the model answers. */
export interface Endpoint {
  baseUrl: string
  apiKey: string
  model: string
}

/** A message as it goes to the model. */
export interface Message {
  role: 'system' | 'user' | 'assistant' | 'tool'
  content: string
  tool_calls?: ToolCall[]
  tool_call_id?: string
}

interface ToolCall {
  id: string
  type: 'function'
  function: { name: string; arguments: string }
}

interface Chunk {
  choices?: {
    delta?: {
      content?: string | null
      tool_calls?: { index: number; id?: string; function?: { name?: string; arguments?: string } }[]
    }
  }[]
  usage?: { total_tokens?: number } | null
}

/** Asks the model with a stream, three times at most as clients of OpenAI's do. Null when it does not answer. */
export async function askModel(
  { baseUrl, apiKey, model }: Endpoint,
  { messages, tools, signal }: { messages: readonly Message[]; tools: readonly object[]; signal: AbortSignal },
): Promise<{ message: Message; tokens: number } | null> {
  const request = { model, messages, tools, stream: true, stream_options: { include_usage: true } }
  for (let tried = 1; ; tried++) {
    try {
      const response = await fetch(`${baseUrl}/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify({ ...request, max_tokens: MAX_TOKENS }),
        signal,
      })
      if (response.ok) return readStream(await response.text())
      if (response.status !== 429 && response.status < 500) return null
    } catch {
      // As any other failure.
    }
    if (tried === TRIES || signal.aborted) return null
    await sleep(FIRST_WAIT_MS * 2 ** (tried - 1))
  }
}

function readStream(text: string): { message: Message; tokens: number } {
  let content = ''
  let tokens = 0
  const calls: ToolCall[] = []
  for (const line of text.split('\n')) {
    if (!line.startsWith('data: {')) continue
    const { choices, usage } = JSON.parse(line.slice('data: '.length)) as Chunk
    tokens = usage?.total_tokens ?? tokens
    const delta = choices?.[0]?.delta
    content += delta?.content ?? ''
    for (const { index, id, function: called } of delta?.tool_calls ?? []) {
      const call = (calls[index] ??= { id: id ?? '', type: 'function', function: { name: '', arguments: '' } })
      call.function.name += called?.name ?? ''
      call.function.arguments += called?.arguments ?? ''
    }
  }
  return { message: { role: 'assistant', content, ...(calls.length > 0 ? { tool_calls: calls } : {}) }, tokens }
}
