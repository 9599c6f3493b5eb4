import { completion, events, sendJson, type Answer } from './gatewayFixture.ts'

const CALLS = [
  { id: 'call-ls', type: 'function', function: { name: 'ls', arguments: '{"path":"/ä"}' } },
  { id: 'call-cat', type: 'function', function: { name: 'cat', arguments: '{"path": "b"}' } },
]
const USAGE = { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13, prompt_tokens_details: { cached_tokens: 4 } }
const MEMBERS = { reasoning_content: 'They ask, so I answer.', custom: { any: 1 } }

/** A stream of events: a delta each, then the end and what it took. */
function stream(deltas: object[], reason: string): string[] {
  const chunk = (more: object) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'served', choices: [], ...more })}\n\n`
  return [
    ...deltas.map((delta) => chunk({ choices: [{ index: 0, delta, finish_reason: null }] })),
    chunk({ choices: [{ index: 0, delta: {}, finish_reason: reason }] }),
    chunk({ usage: USAGE }),
    'data: [DONE]\n\n',
  ]
}

/** A provider that does what the last message names. `release` lets the slow reply go on. */
export function createAnswer(): { answer: Answer; release: () => void } {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  let busy = 0
  const answer: Answer = async ({ body, response }) => {
    const asked = body.messages.at(-1)!.content
    const say = (parts: string[]) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const part of parts) response.write(part)
      response.end()
    }
    if (asked === 'too long for another')
      return sendJson(response, { error: { code: '1261', message: 'Prompt exceeds max length' } }, 400)
    if (asked.endsWith('too long'))
      return sendJson(
        response,
        { error: { message: "This model's maximum context length is 8 tokens.", code: 'context_length_exceeded' } },
        400,
      )
    if (asked === 'busy' && ++busy < 3) return sendJson(response, { error: { message: 'slow down' } }, 429)
    if (asked === 'slow') {
      const parts = stream([{ role: 'assistant', content: 'one ' }, { content: 'two' }], 'stop')
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(parts[0])
      await released
      return void response.end(parts.slice(1).join(''))
    }
    if (asked.startsWith('number ')) return say(events(`echo of ${asked}`))
    if (asked.includes('tools')) {
      if (!body.stream) return sendJson(response, completion('', { content: null, tool_calls: CALLS, ...MEMBERS }))
      const deltas = CALLS.flatMap(({ function: called, ...call }, index) => [
        { tool_calls: [{ index, ...call, function: { name: called.name, arguments: '' } }] },
        ...called.arguments
          .match(/.{1,4}/gu)!
          .map((part) => ({ tool_calls: [{ index, function: { arguments: part } }] })),
      ])
      return say(stream([{ role: 'assistant', content: null }, ...deltas], 'tool_calls'))
    }
    if (body.stream)
      return say(
        stream(
          [{ role: 'assistant', reasoning_content: 'Let me see.' }, { content: 'Hé' }, { content: 'llo' }],
          'stop',
        ),
      )
    const whole = completion('Hello', MEMBERS)
    const [choice] = whole['choices'] as [object]
    const logprobs = { content: [{ token: 'Hello', logprob: -0.1, bytes: [72], top_logprobs: [] }] }
    return sendJson(response, { ...whole, choices: [{ ...choice, logprobs }] })
  }
  return { answer, release }
}

const CALLS_SEEN = CALLS.map(({ id, function: called }) => [id, called.name, called.arguments])
const STREAM_SEEN = { text: 'Héllo', reasoning: 'Let me see.', calls: [], reason: 'stop', cached: 4 }

/** What a client of OpenAI's own sees of it. */
export const SEEN_BY_OPENAI = {
  whole: {
    ...{ content: 'Hello', reasoning: MEMBERS.reasoning_content, custom: MEMBERS.custom },
    ...{ logprobs: ['Hello'], cached: 4, fingerprint: 'kept as it came' },
  },
  tools: { calls: CALLS_SEEN },
  stream: STREAM_SEEN,
  'tools stream': { text: '', reasoning: '', calls: CALLS_SEEN, reason: 'tool_calls', cached: 4 },
  'too long': { failure: ['BadRequestError', 400, 'context_length_exceeded'] },
  revoked: { failure: ['AuthenticationError', 401, 'invalid_api_key'] },
  busy: { content: 'Hello' },
  cancelled: { first: 'one ' },
  'asked again': { text: 'one two', reasoning: '', calls: [], reason: 'stop', cached: 4 },
  many: { texts: Array.from({ length: 200 }, (_, n) => `echo of number ${n}`) },
}

/** What litellm sees of it. */
export const SEEN_BY_LITELLM = {
  litellm: { content: 'Hello', reasoning: MEMBERS.reasoning_content, cached: 4 },
  'litellm tools': { calls: CALLS_SEEN },
  'litellm stream': STREAM_SEEN,
  'litellm too long': { failure: ['ContextWindowExceededError', 400, null] },
  'litellm too long for another': { failure: ['ContextWindowExceededError', 400, null] },
  'litellm revoked': { failure: ['AuthenticationError', 401, null] },
}
