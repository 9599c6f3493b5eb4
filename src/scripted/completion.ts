import { drawHex } from './seed.ts'
import { countTokens, type PlayHeaders, type WireReply, type WireRequest } from './wire.ts'

/** Replies are the same for the same request, so they carry a fixed time: 2026-01-01. */
const CREATED = 1_767_225_600
const PIECE = 96

interface Completion {
  id: string
  object: 'chat.completion'
  created: number
  model: string
  choices: { index: 0; finish_reason: string; logprobs: null; message: Record<string, unknown> }[]
  usage: Record<string, unknown>
}

/** A reply as a chat completion in OpenAI's shape. */
export function renderCompletion(reply: WireReply, request: WireRequest, play: PlayHeaders, seed: number): Completion {
  const completionTokens = countTokens(
    reply.content.length +
      reply.reasoning.length +
      reply.toolCalls.reduce((sum, call) => sum + call.function.name.length + call.function.arguments.length, 0),
  )
  return {
    id: `chatcmpl-${drawHex(seed, 'completion', ...Object.values(play), request.messages.length).slice(0, 24)}`,
    object: 'chat.completion',
    created: CREATED,
    model: request.model,
    choices: [
      {
        index: 0,
        finish_reason: reply.toolCalls.length > 0 ? 'tool_calls' : 'stop',
        logprobs: null,
        message: {
          role: 'assistant',
          content: reply.content,
          refusal: null,
          ...(reply.reasoning === '' ? {} : { reasoning_content: reply.reasoning }),
          ...(reply.toolCalls.length === 0 ? {} : { tool_calls: reply.toolCalls }),
        },
      },
    ],
    usage: {
      prompt_tokens: request.promptTokens,
      completion_tokens: completionTokens,
      total_tokens: request.promptTokens + completionTokens,
      prompt_tokens_details: { cached_tokens: 0 },
    },
  }
}

/** The same completion as server-sent events: a piece each, then the usage where it was asked for, then `[DONE]`. */
export function renderEvents(completion: Completion, reply: WireReply, includesUsage: boolean): string[] {
  const { id, created, model, choices, usage } = completion
  const event = (choicesOf: unknown[], last: object = includesUsage ? { usage: null } : {}) =>
    `data: ${JSON.stringify({ id, object: 'chat.completion.chunk', created, model, choices: choicesOf, ...last })}\n\n`
  const delta = (value: object, finish: string | null = null) =>
    event([{ index: 0, delta: value, logprobs: null, finish_reason: finish }])
  const calls = reply.toolCalls.flatMap((call, index) => [
    delta({
      tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.function.name, arguments: '' } }],
    }),
    ...piecesOf(call.function.arguments).map((piece) =>
      delta({ tool_calls: [{ index, function: { arguments: piece } }] }),
    ),
  ])
  return [
    delta({ role: 'assistant', content: '' }),
    ...piecesOf(reply.reasoning).map((piece) => delta({ reasoning_content: piece })),
    ...piecesOf(reply.content).map((piece) => delta({ content: piece })),
    ...calls,
    delta({}, choices[0]!.finish_reason),
    ...(includesUsage ? [event([], { usage })] : []),
    'data: [DONE]\n\n',
  ]
}

function piecesOf(text: string): string[] {
  return text.match(new RegExp(`[\\s\\S]{1,${PIECE}}`, 'g')) ?? []
}
