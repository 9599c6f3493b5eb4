import OpenAI, { APIConnectionError, APIConnectionTimeoutError, APIError } from 'openai'
import { z } from 'zod'
import { reasoningOf } from '../domain/wireContent.ts'
import { toolCall, type ChatReply, type ChatRequest } from '../formats/chat.ts'
import { fetchPatiently } from './patientFetch.ts'
import { playHeaders } from './playHeaders.ts'
import { ModelError, type ChatModel } from './port.ts'
import { isFreeRefusal, kindOfRefusal, readRetryAfter, wasNeverSent } from './refusal.ts'
import { foldChunks } from './stream.ts'

const count = z
  .number()
  .int()
  .nonnegative()
  .nullish()
  .transform((n) => n ?? 0)

const completion = z.looseObject({
  id: z
    .string()
    .nullish()
    .transform((id) => id ?? ''),
  model: z
    .string()
    .nullish()
    .transform((model) => model ?? ''),
  choices: z
    .array(
      z.looseObject({
        finish_reason: z
          .string()
          .nullish()
          .transform((reason) => reason ?? ''),
        message: z.looseObject({
          content: z
            .string()
            .nullish()
            .transform((text) => text ?? ''),
          reasoning_content: z.string().nullish(),
          tool_calls: z.array(toolCall).nullish(),
        }),
      }),
    )
    .min(1),
  usage: z
    .object({
      prompt_tokens: count,
      completion_tokens: count,
      prompt_tokens_details: z.object({ cached_tokens: count }).nullish(),
      completion_tokens_details: z.object({ reasoning_tokens: z.number().int().nonnegative().nullish() }).nullish(),
    })
    .nullish(),
})

/**
 * A chat model at an OpenAI-compatible endpoint. One call is one request: the client's own retries are off. Only a
 * scripted endpoint is told the {@link Play}.
 */
export function createOpenAiModel(options: {
  baseUrl: string
  apiKey: string
  isScripted: boolean
  timeoutMs: number
  isStreaming: boolean
}): ChatModel {
  const { baseUrl, apiKey, isScripted, timeoutMs, isStreaming } = options
  const client = new OpenAI({
    ...{ baseURL: baseUrl, apiKey, maxRetries: 0, timeout: timeoutMs, logLevel: 'off' },
    fetch: fetchPatiently,
  })

  return {
    isScripted,
    async complete(request, call) {
      // The client's timeout covers the time to the headers only; this one covers the whole reply.
      const deadline = AbortSignal.timeout(timeoutMs)
      const signal = AbortSignal.any([call.signal, deadline])
      const headers = { 'Idempotency-Key': call.idempotencyKey, ...(isScripted ? playHeaders(call.play) : {}) }
      try {
        return parseReply(await send(request, { headers, signal }), request.model)
      } catch (error) {
        if (call.signal.aborted) throw call.signal.reason
        if (deadline.aborted)
          throw new ModelError('timeout', `no reply from ${request.model} within ${timeoutMs} ms`, null, {
            cause: error,
          })
        throw translate(error, request.model)
      }
    },
  }

  async function send(
    request: ChatRequest,
    init: { headers: Record<string, string>; signal: AbortSignal },
  ): Promise<unknown> {
    const body = request as unknown as OpenAI.ChatCompletionCreateParamsNonStreaming
    if (!isStreaming) return client.chat.completions.create(body, init)
    const stream = await client.chat.completions.create(
      { ...body, stream: true, stream_options: { include_usage: true } },
      init,
    )
    return foldChunks(stream)
  }
}

function parseReply(body: unknown, asked: string): ChatReply {
  const parsed = completion.safeParse(body)
  if (!parsed.success)
    throw new ModelError(
      'malformed',
      `the reply of ${asked} is not a chat completion: ${z.prettifyError(parsed.error)}`,
    )
  const { id, model, choices, usage, ...whole } = parsed.data
  const { message, finish_reason, ...choice } = choices[0]!
  const reasoning = reasoningOf(message)
  const reasoningTokens = usage?.completion_tokens_details?.reasoning_tokens
  return {
    id,
    model,
    message: {
      role: 'assistant',
      content: message.content,
      ...(reasoning === null ? {} : { reasoning_content: reasoning }),
      ...(message.tool_calls?.length ? { tool_calls: message.tool_calls } : {}),
    },
    finishReason: finish_reason,
    usage: {
      promptTokens: usage?.prompt_tokens ?? 0,
      completionTokens: usage?.completion_tokens ?? 0,
      cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
      ...(typeof reasoningTokens === 'number' ? { reasoningTokens } : {}),
    },
    ...otherOf({
      message: message['reasoning'] === reasoning ? { ...message, reasoning: null } : message,
      choice,
      whole,
    }),
  }
}

const KNOWN = ['role', 'content', 'reasoning_content', 'tool_calls', 'index', 'object', 'created']

/** The members that say something and have no place of their own. */
function otherOf(parts: Record<string, Record<string, unknown>>): Pick<ChatReply, 'other'> {
  const other = Object.entries(parts).flatMap(([part, members]) => {
    const told = Object.entries(members).filter(([name, value]) => value !== null && !KNOWN.includes(name))
    return told.length === 0 ? [] : [[part, Object.fromEntries(told)]]
  })
  return other.length === 0 ? {} : { other: Object.fromEntries(other) as ChatReply['other'] }
}

function translate(error: unknown, model: string): unknown {
  if (error instanceof ModelError) return error
  const message = `${model}: ${(error as Error).message}`
  if (error instanceof APIConnectionTimeoutError) return new ModelError('timeout', message, null, { cause: error })
  if (error instanceof APIConnectionError)
    return new ModelError('unavailable', message, null, { cause: error, isFree: wasNeverSent(error) })
  if (error instanceof APIError) {
    if (error.status === undefined) return new ModelError('cut', message, null, { cause: error })
    const kind = kindOfRefusal(error.status, `${error.code} ${error.message}`)
    const isPassing = kind === 'busy' || kind === 'unavailable'
    return new ModelError(kind, message, isPassing ? readRetryAfter(error.headers) : null, {
      cause: error,
      isFree: isFreeRefusal(error.status as number),
    })
  }
  if (error instanceof SyntaxError) return new ModelError('malformed', message, null, { cause: error })
  return new ModelError('cut', message, null, { cause: error })
}
