import { spawn, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import OpenAI, { type APIError } from 'openai'
import { expect, test } from 'vitest'
import { composeToolchains } from '../../src/composeScaffolds.ts'
import { readConfig } from '../../src/config.ts'
import { revokeToken } from '../../src/record/grants.ts'
import { miniSweAgent } from '../../src/scaffolds/miniSweAgent.ts'
import { createAnswer, SEEN_BY_LITELLM, SEEN_BY_OPENAI } from './gatewayClientsProvider.ts'
import { openGateway } from './gatewayFixture.ts'

type Chunk = OpenAI.ChatCompletionChunk

/** A gateway before a provider that does what it is asked, a token for a client, and one that is good no longer. */
async function openClientLab() {
  const { answer, release } = createAnswer()
  const lab = await openGateway(answer)
  const revoked = await lab.token(2)
  await revokeToken(lab.store, revoked, 'the round has ended')
  return { lab, release, baseUrl: lab.gateway.baseUrl!, token: await lab.token(), revoked }
}

/** Broken off and asked again is one call, and only what the provider was too busy for was asked of it twice. */
function expectAskedOnce({ asked, said }: Awaited<ReturnType<typeof openClientLab>>['lab']): void {
  const times = [...said.keys()].map((key) => asked.filter((one) => one === key).length)
  expect(times.filter((count) => count > 1)).toEqual([3])
}

test('the openai package of npm streams, calls tools, meets errors, breaks off and crowds, and gets what was said', async () => {
  const { lab, release, baseUrl, token, revoked } = await openClientLab()
  const options = { baseURL: baseUrl, maxRetries: 0 }
  const client = new OpenAI({ ...options, apiKey: token })
  const ask = (content: string, more: object = {}) => ({
    model: 'any',
    messages: [{ role: 'user' as const, content }],
    ...more,
  })
  const tools = ['ls', 'cat'].map((name) => ({ type: 'function', function: { name, parameters: { type: 'object' } } }))
  const whole = (content: string, more: object = {}) => client.chat.completions.create(ask(content, more))
  const stream = (content: string, more: object = {}) =>
    client.chat.completions.create({ ...ask(content, more), stream: true, stream_options: { include_usage: true } })
  const failureOf = (act: Promise<unknown>) =>
    act.then(
      () => null,
      (error: APIError) => ({ failure: [error.constructor.name, error.status, error.code] }),
    )

  const { choices, usage, system_fingerprint: fingerprint } = await whole('whole', { logprobs: true })
  const message = choices[0]!.message as OpenAI.ChatCompletionMessage & Record<string, unknown>
  const called = (await whole('tools', { tools, parallel_tool_calls: true })).choices[0]!.message.tool_calls!
  const brokenOff = await stream('slow')
  let first = ''
  for await (const chunk of brokenOff) {
    first = chunk.choices[0]!.delta.content!
    break
  }
  release()
  const seen = {
    whole: {
      ...{ content: message.content, reasoning: message['reasoning_content'], custom: message['custom'], fingerprint },
      logprobs: choices[0]!.logprobs!.content!.map((one) => one.token),
      cached: usage!.prompt_tokens_details!.cached_tokens,
    },
    tools: {
      calls: called.map((call) => call.type === 'function' && [call.id, call.function.name, call.function.arguments]),
    },
    stream: await fold(await stream('stream')),
    'tools stream': await fold(await stream('tools', { tools })),
    'too long': await failureOf(whole('too long')),
    revoked: await failureOf(new OpenAI({ ...options, apiKey: revoked }).chat.completions.create(ask('whole'))),
    busy: { content: (await whole('busy')).choices[0]!.message.content },
    cancelled: { first },
    'asked again': await fold(await stream('slow')),
    many: {
      texts: await Promise.all(
        Array.from({ length: 200 }, async (_, n) => (await fold(await stream(`number ${n}`))).text),
      ),
    },
  }
  expect(seen).toEqual(SEEN_BY_OPENAI)
  expectAskedOnce(lab)
}, 120_000)

test('the openai and litellm packages of PyPI do the same', async () => {
  const { lab, release, ...given } = await openClientLab()
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
  child.stdin.end(JSON.stringify({ toolchain, ...given }))
  const complaints = text(child.stderr)
  const seen: Record<string, unknown> = {}
  for await (const line of createInterface(child.stdout)) {
    if (!line.startsWith('{')) continue
    const { what, ...told } = JSON.parse(line) as { what: string }
    seen[what] = told
    if (what === 'cancelled') release()
  }
  if (child.exitCode === null) await once(child, 'exit')
  if (child.exitCode !== 0) expect.fail(`the clients ended with code ${child.exitCode}: ${await complaints}`)
  expect(seen).toEqual({ ...SEEN_BY_OPENAI, ...SEEN_BY_LITELLM })
  expectAskedOnce(lab)
}, 180_000)

/** What a stream says: its text, the calls that it asks for, why it ended, and what it took. */
async function fold(chunks: AsyncIterable<Chunk>) {
  const calls: string[][] = []
  const seen = { text: '', reasoning: '', calls, reason: null as string | null, cached: null as number | null }
  for await (const { choices, usage } of chunks) {
    seen.cached = usage?.prompt_tokens_details?.cached_tokens ?? seen.cached
    for (const { delta, finish_reason: reason } of choices) {
      seen.text += delta.content ?? ''
      seen.reasoning += (delta as { reasoning_content?: string }).reasoning_content ?? ''
      seen.reason = reason ?? seen.reason
      for (const { index, id, function: called } of delta.tool_calls ?? []) {
        const call = (calls[index] ??= ['', '', ''])
        for (const [at, part] of [id, called?.name, called?.arguments].entries()) call[at] += part ?? ''
      }
    }
  }
  return seen
}
