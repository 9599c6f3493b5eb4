import { spawn, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { composeToolchains } from '../../src/compose.ts'
import { readConfig } from '../../src/config.ts'
import { revokeToken } from '../../src/record/grants.ts'
import { miniSweAgent } from '../../src/scaffolds/miniSweAgent.ts'
import { completion, events, openGateway, sendJson, type Answer } from './gatewayFixture.ts'

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
function createAnswer(): { answer: Answer; release: () => void } {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  let busy = 0
  const answer: Answer = async ({ body, response }) => {
    const asked = body.messages.at(-1)!.content
    const say = (parts: string[]) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const part of parts) response.write(part)
      response.end()
    }
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

test('the openai and litellm packages of PyPI stream, call tools, meet errors, break off and crowd, and get what was said', async () => {
  const { answer, release } = createAnswer()
  const lab = await openGateway(answer)
  const revoked = await lab.token(2)
  await revokeToken(lab.store, revoked, 'the round has ended')
  const python = execFileSync('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], {
    encoding: 'utf8',
  }).trim()
  const { name, version, programs } = miniSweAgent
  if (programs.kind !== 'pip') throw new Error('mini-swe-agent is no longer installed from PyPI')
  const toolchain = await composeToolchains(readConfig({ flags: {}, env: {}, dir: tmpdir() })).provide({
    ...programs,
    name,
    version,
    python,
  })

  const script = readFileSync(join(import.meta.dirname, 'gatewayClients.py'), 'utf8')
  const child = spawn('python3', ['-I', '-c', script], { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(JSON.stringify({ toolchain, baseUrl: lab.gateway.baseUrl, token: await lab.token(), revoked }))
  const complaints = text(child.stderr)
  const seen: Record<string, unknown> = {}
  for await (const line of createInterface(child.stdout)) {
    if (!line.startsWith('{')) continue
    const { what, ...told } = JSON.parse(line) as { what: string }
    seen[what] = told
    if (what === 'cancelled') release()
  }
  if (child.exitCode === null) await once(child, 'exit')
  expect({ code: child.exitCode, complaints: child.exitCode === 0 ? '' : await complaints }).toEqual({
    code: 0,
    complaints: '',
  })

  const calls = CALLS.map(({ id, function: called }) => [id, called.name, called.arguments])
  const streamed = { text: 'Héllo', reasoning: 'Let me see.', calls: [], reason: 'stop', cached: 4 }
  const saidOf = (asked: string) => [...lab.said].find(([, said]) => said.includes(asked))![1]
  expect(seen).toEqual({
    whole: {
      text: saidOf('"token": "Hello"'),
      ...{ content: 'Hello', reasoning: MEMBERS.reasoning_content, custom: MEMBERS.custom },
      ...{ logprobs: ['Hello'], cached: 4, fingerprint: 'kept as it came' },
    },
    tools: { calls },
    stream: streamed,
    'tools stream': { text: '', reasoning: '', calls, reason: 'tool_calls', cached: 4 },
    'too long': { failure: ['BadRequestError', 400, 'context_length_exceeded'] },
    revoked: { failure: ['AuthenticationError', 401, 'invalid_api_key'] },
    busy: { content: 'Hello' },
    cancelled: { first: 'one ' },
    'asked again': { text: 'one two', reasoning: '', calls: [], reason: 'stop', cached: 4 },
    litellm: { content: 'Hello', reasoning: MEMBERS.reasoning_content, cached: 4 },
    'litellm tools': { calls },
    'litellm stream': streamed,
    'litellm too long': { failure: ['ContextWindowExceededError', 400, null] },
    'litellm revoked': { failure: ['AuthenticationError', 401, null] },
    many: { texts: Array.from({ length: 200 }, (_, n) => `echo of number ${n}`) },
  })
  const askedFor = (what: string) => lab.asked.filter((key) => lab.said.get(key)!.includes(what))
  // Broken off and asked again is one call.
  expect(askedFor('"content":"one "')).toHaveLength(1)
  expect(new Set(lab.asked).size).toBe(lab.said.size)
}, 180_000)
