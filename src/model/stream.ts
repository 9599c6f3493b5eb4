import { ModelError } from './port.ts'

interface CallDelta {
  index: number
  id?: string
  function?: { name?: string; arguments?: string }
}

interface Chunk extends Record<string, unknown> {
  id?: string
  model?: string
  choices?: (Record<string, unknown> & { finish_reason?: string | null; delta?: Record<string, unknown> })[]
  usage?: unknown
}

/**
 * Folds the chunks of a streamed completion into the shape of one that was not streamed: texts and lists are put
 * together, of all else the last counts. Throws {@link ModelError} `cut` when the stream ended before it gave a finish
 * reason.
 */
export async function foldChunks(chunks: AsyncIterable<unknown>): Promise<unknown> {
  const whole: Record<string, unknown> = { id: '', model: '' }
  const choice: Record<string, unknown> = {}
  const message: Record<string, unknown> = { content: '', reasoning_content: '' }
  const calls: { id: string; type: 'function'; function: { name: string; arguments: string } }[] = []
  let usage: unknown
  let finishReason: string | null = null

  for await (const chunk of chunks as AsyncIterable<Chunk>) {
    const { id, model, choices, usage: counted, ...rest } = chunk
    whole['id'] ||= id ?? ''
    whole['model'] ||= model ?? ''
    usage = counted || usage
    Object.assign(whole, rest)
    const [first] = choices ?? []
    if (!first) continue
    const { finish_reason: reason, delta, ...others } = first
    // Some providers write it as an empty text until there is one.
    finishReason = reason || finishReason
    add(choice, others)
    const { tool_calls: deltas, role: _, ...members } = delta ?? {}
    add(message, members)
    for (const one of (deltas ?? []) as CallDelta[]) {
      const call = (calls[one.index] ??= { id: '', type: 'function', function: { name: '', arguments: '' } })
      call.id ||= one.id ?? ''
      call.function.name += one.function?.name ?? ''
      call.function.arguments += one.function?.arguments ?? ''
    }
  }

  if (finishReason === null) throw new ModelError('cut', 'the stream ended before the reply did')
  return {
    ...whole,
    choices: [{ ...choice, finish_reason: finishReason, message: { ...message, tool_calls: calls.filter(Boolean) } }],
    usage,
  }
}

/** Adds the members of a chunk to what came before, lists within objects too, as those of log probabilities. */
function add(folded: Record<string, unknown>, members: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(members)) {
    const known = folded[name]
    if (value === null || value === undefined) continue
    if (typeof known === 'string' && typeof value === 'string') folded[name] = known + value
    else if (Array.isArray(known) && Array.isArray(value))
      folded[name] = [...(known as unknown[]), ...(value as unknown[])]
    else if (isObject(known) && isObject(value)) add(known, value)
    else folded[name] = isObject(value) ? structuredClone(value) : value
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
