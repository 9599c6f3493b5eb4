import { ModelError } from './port.ts'

interface Chunk {
  id?: string
  model?: string
  choices?: {
    finish_reason?: string | null
    delta?: {
      content?: string | null
      reasoning_content?: string | null
      tool_calls?: { index: number; id?: string; function?: { name?: string; arguments?: string } }[]
    }
  }[]
  usage?: unknown
}

/**
 * Folds the chunks of a streamed completion into the shape of one that was not streamed. Throws {@link ModelError}
 * `cut` when the stream ended before it gave a finish reason.
 */
export async function foldChunks(chunks: AsyncIterable<unknown>): Promise<unknown> {
  const folded = {
    id: '',
    model: '',
    content: '',
    reasoning: '',
    finishReason: null as string | null,
    usage: undefined as unknown,
  }
  const calls: { id: string; type: 'function'; function: { name: string; arguments: string } }[] = []

  for await (const chunk of chunks as AsyncIterable<Chunk>) {
    folded.id ||= chunk.id ?? ''
    folded.model ||= chunk.model ?? ''
    if (chunk.usage) folded.usage = chunk.usage
    const choice = chunk.choices?.[0]
    if (!choice) continue
    folded.finishReason = choice.finish_reason ?? folded.finishReason
    folded.content += choice.delta?.content ?? ''
    folded.reasoning += choice.delta?.reasoning_content ?? ''
    for (const delta of choice.delta?.tool_calls ?? []) {
      const call = (calls[delta.index] ??= { id: '', type: 'function', function: { name: '', arguments: '' } })
      call.id ||= delta.id ?? ''
      call.function.name += delta.function?.name ?? ''
      call.function.arguments += delta.function?.arguments ?? ''
    }
  }

  if (folded.finishReason === null) throw new ModelError('cut', 'the stream ended before the reply did')
  return {
    id: folded.id,
    model: folded.model,
    choices: [
      {
        finish_reason: folded.finishReason,
        message: { content: folded.content, reasoning_content: folded.reasoning, tool_calls: calls.filter(Boolean) },
      },
    ],
    usage: folded.usage,
  }
}
