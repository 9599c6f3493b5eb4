import OpenAI, { APIError } from 'openai'
import { describe, expect, test } from 'vitest'
import { AGENT_TOOLS } from '../../src/agent/tools.ts'
import type { ChatReply } from '../../src/formats/chat.ts'
import { createOpenAiModel } from '../../src/model/openai.ts'
import { ModelError } from '../../src/model/port.ts'
import { scriptedSettings, stagePartOf } from '../../src/scripted/settings.ts'
import { ask, buildExample, openStudio, playHeaders } from './scriptedFixture.ts'
import { inventory } from './scriptedInventory.ts'

const messages = [{ role: 'user' as const, content: '# Request 1\nDo it. ✂️' }]
const body = { model: 'scripted', messages, tools: AGENT_TOOLS }

async function open(settings: unknown = {}, seed = 7) {
  const studio = await openStudio({ example: buildExample(inventory.change), settings, seed })
  const headers = playHeaders({ chain: studio.chain, rollout: `c/${studio.chain}/1` })
  const root = studio.url.replace(/\/v1$/, '')
  return {
    ...studio,
    headers,
    ask: (key = 'k', more: object = {}) =>
      ask(studio.url, { ...body, ...more }, { ...headers, 'idempotency-key': key }),
    counts: async () =>
      (await (await fetch(`${root}/scripted/counts`)).json()) as Record<
        string,
        { asked: number; answered: number; lastAskedAt: string }
      >,
    post: (value: unknown) => fetch(`${root}/scripted/settings`, { method: 'POST', body: JSON.stringify(value) }),
  }
}

describe('the scripted model on the wire', () => {
  test('answers chat completions in the shape of OpenAI, and says in its models that it is scripted', async () => {
    const { ask, url } = await open()
    const completion = (await (await ask()).json()) as OpenAI.ChatCompletion
    expect(completion).toMatchObject({
      object: 'chat.completion',
      model: 'scripted',
      choices: [
        { index: 0, finish_reason: 'tool_calls', message: { role: 'assistant', tool_calls: [{ type: 'function' }] } },
      ],
    })
    const models = await (await fetch(`${url}/models`)).json()
    expect(models).toMatchObject({ object: 'list', data: [{ id: 'scripted', owned_by: 'prchain-scripted' }] })
  })

  test('counts a token for every four characters begun', async () => {
    const { ask } = await open()
    const completion = (await (
      await ask('k', { messages: [{ role: 'user', content: 'x'.repeat(401) }], tools: undefined })
    ).json()) as OpenAI.ChatCompletion
    const { content } = completion.choices[0]!.message
    const reasoning = (completion.choices[0]!.message as { reasoning_content?: string }).reasoning_content ?? ''
    expect(completion.usage).toEqual({
      prompt_tokens: 101,
      completion_tokens: Math.ceil((content!.length + reasoning.length) / 4),
      total_tokens: 101 + Math.ceil((content!.length + reasoning.length) / 4),
      prompt_tokens_details: { cached_tokens: 0 },
    })
  })

  test('gives the same bytes for the same request, streamed or not, from this server or another', async () => {
    const [one, other] = [await open(), await open()]
    for (const more of [{}, { stream: true, stream_options: { include_usage: true } }]) {
      const texts = await Promise.all(
        [one.ask('a', more), one.ask('b', more), other.ask('c', more)].map(async (answer) => (await answer).text()),
      )
      expect(new Set(texts).size).toBe(1)
    }
  })

  test('streams what it answers whole, and usage last when asked', async () => {
    const { url, headers, ask } = await open()
    const whole = (await (await ask()).json()) as OpenAI.ChatCompletion
    const client = new OpenAI({ baseURL: url, apiKey: 'none', maxRetries: 0, logLevel: 'off' })
    const request = { ...body, tools: AGENT_TOOLS as OpenAI.ChatCompletionTool[] }
    const asked = await client.chat.completions.create(request, { headers })
    expect(asked).toEqual(whole)

    const stream = client.chat.completions.stream({ ...request, stream_options: { include_usage: true } }, { headers })
    const final = await stream.finalChatCompletion()
    expect(final.choices[0]!.message.tool_calls).toMatchObject(whole.choices[0]!.message.tool_calls!)
    expect(final.choices[0]!.message.content).toBe(whole.choices[0]!.message.content)
    expect(final.choices[0]!.finish_reason).toBe('tool_calls')
    expect(final.usage).toEqual(whole.usage)

    const plain = await (await ask('k', { stream: true })).text()
    expect(plain.endsWith('data: [DONE]\n\n')).toBe(true)
    expect(plain).not.toContain('"usage"')
  })

  test('is read by the product’s own client both ways to the same reply', async () => {
    const { url, chain } = await open()
    const replies: ChatReply[] = []
    for (const isStreaming of [false, true]) {
      const model = createOpenAiModel({ baseUrl: url, apiKey: 'none', isScripted: true, timeoutMs: 5_000, isStreaming })
      const play = { role: 'agent', chain, rollout: `c/${chain}/1`, stage: 0, round: 0 } as const
      const request = { model: 'scripted', messages, tools: AGENT_TOOLS }
      replies.push(await model.complete(request, { idempotencyKey: 'k', play, signal: new AbortController().signal }))
    }
    expect(replies[0]!.message.reasoning_content).toBeTruthy()
    expect(replies[1]).toEqual(replies[0])
  })

  test('takes contents in parts, as some scaffolds send them', async () => {
    const { ask } = await open()
    const parts = [{ role: 'user', content: [{ type: 'text', text: messages[0]!.content }] }]
    expect(await (await ask('k', { messages: parts })).text()).toBe(await (await ask()).text())
  })

  test.each(['role', 'chain', 'rollout', 'stage', 'round'])(
    'refuses a request without x-prchain-%s and names it',
    async (name) => {
      const { url, headers } = await open()
      const { [`x-prchain-${name}`]: _, ...rest } = headers
      const answer = await ask(url, body, rest)
      expect(answer.status).toBe(400)
      const { error } = (await answer.json()) as { error: { message: string; type: string } }
      expect(error).toMatchObject({ type: 'invalid_request_error', code: 'play_missing' })
      expect(error.message).toContain(`x-prchain-${name}`)
    },
  )

  test('names what else is wrong: the body, the role, a chain or stage that is not in the store, an unknown address', async () => {
    const { url, headers } = await open()
    const refused = async (value: unknown, more: Record<string, string>) => {
      const answer = await ask(url, value, { ...headers, ...more })
      return [answer.status, ((await answer.json()) as { error: { code: string } }).error.code]
    }
    expect(await refused({ messages: [] }, {})).toEqual([400, 'messages_missing'])
    expect(await refused(body, { 'x-prchain-role': 'king' })).toEqual([400, 'play_wrong'])
    expect(await refused(body, { 'x-prchain-stage': 'one' })).toEqual([400, 'play_wrong'])
    expect(await refused(body, { 'x-prchain-chain': 'other' })).toEqual([404, 'chain_missing'])
    expect(await refused(body, { 'x-prchain-stage': '9' })).toEqual([404, 'stage_missing'])
    expect(await refused(body, { 'x-prchain-role': 'judge' })).toEqual([400, 'patches_missing'])
    expect(await refused(body, { 'x-prchain-role': 'writer' })).toEqual([400, 'task_missing'])
    expect((await fetch(`${url}/embeddings`, { method: 'POST' })).status).toBe(404)
  })

  test('refuses a conversation that is longer than the context it was told', async () => {
    const { ask, url, chain } = await open({ contextTokens: 100 })
    const answer = await ask('k', { messages: [{ role: 'user', content: 'x'.repeat(1_000) }], tools: [] })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: { code: 'context_length_exceeded' } })
    const model = createOpenAiModel({
      baseUrl: url,
      apiKey: 'none',
      isScripted: true,
      timeoutMs: 5_000,
      isStreaming: false,
    })
    const play = { role: 'agent', chain, rollout: 'c/x/1', stage: 0, round: 0 } as const
    const asked = model.complete(
      { model: 'm', messages, tools: AGENT_TOOLS },
      { idempotencyKey: 'k', play, signal: new AbortController().signal },
    )
    await expect(asked).rejects.toMatchObject({ kind: 'context' })
  })
})

describe('counts, faults and settings', () => {
  test('counts what was asked and answered by key, and asking twice costs twice', async () => {
    const { ask, counts } = await open()
    await (await ask('one')).text()
    await (await ask('one')).text()
    await (await ask('two', { stream: true })).text()
    const { one, two } = await counts()
    expect(one).toMatchObject({ asked: 2, answered: 2 })
    expect(two).toMatchObject({ asked: 1, answered: 1 })
    expect(Date.parse(one!.lastAskedAt)).toBeGreaterThan(0)
  })

  test.each([
    [{ kind: 'status', status: 429, retryAfterSeconds: 3 }, 'busy', 3_000],
    [{ kind: 'status', status: 500 }, 'unavailable', null],
    [{ kind: 'rubbish' }, 'malformed', null],
    [{ kind: 'cut' }, 'unavailable', null],
    [{ kind: 'never' }, 'timeout', null],
  ] as const)(
    '%j is seen by the product’s client as it is meant, whole or streamed, and is over after its count',
    async (fault, kind, retryAfterMs) => {
      for (const isStreaming of [false, true]) {
        const { url, chain, counts } = await open({ faults: [{ ...fault, count: 2 }] })
        const model = createOpenAiModel({ baseUrl: url, apiKey: 'none', isScripted: true, timeoutMs: 400, isStreaming })
        const play = { role: 'agent', chain, rollout: 'c/x/1', stage: 0, round: 0 } as const
        const call = () =>
          model.complete(
            { model: 'm', messages, tools: AGENT_TOOLS },
            { idempotencyKey: 'k', play, signal: new AbortController().signal },
          )
        for (let n = 0; n < 2; n++) {
          const error = await call().catch((thrown: unknown) => thrown)
          expect(error).toBeInstanceOf(ModelError)
          const { kind: seen, retryAfterMs: wait } = error as ModelError
          // A connection that breaks off reads as `cut` or as `unavailable`, by where it broke.
          expect(
            kind === 'unavailable' || kind === 'malformed' ? ['unavailable', 'cut', 'malformed'] : [kind],
          ).toContain(seen)
          expect(wait).toBe(retryAfterMs)
        }
        expect((await call()).finishReason).toBe('tool_calls')
        expect(await counts()).toMatchObject({ k: { asked: 3, answered: 1 } })
      }
    },
  )

  test('a status fault is an OpenAI error to the OpenAI client', async () => {
    const { url, headers } = await open({ faults: [{ kind: 'status', status: 429, retryAfterSeconds: 7 }] })
    const client = new OpenAI({ baseURL: url, apiKey: 'none', maxRetries: 0, logLevel: 'off' })
    const error = await client.chat.completions
      .create({ model: 'm', messages }, { headers })
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(APIError)
    expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded', type: 'rate_limit_error' })
    expect((error as APIError).headers!.get('retry-after')).toBe('7')
  })

  test('faults strike the role, stage and round they are for, after those they let pass, and by share', async () => {
    const faults = [
      { kind: 'status', status: 503, role: 'judge', count: 'forever' },
      { kind: 'status', status: 500, role: 'agent', stage: 0, round: 0, skip: 2, count: 1 },
    ]
    const { ask } = await open({ faults })
    const statuses: number[] = []
    for (let n = 0; n < 5; n++) statuses.push((await ask()).status)
    expect(statuses).toEqual([200, 200, 500, 200, 200])

    const half = await open({ faults: [{ kind: 'status', status: 500, count: 'forever', probability: 0.5 }] })
    const drawn: number[] = []
    for (let n = 0; n < 40; n++) drawn.push((await half.ask()).status)
    const struck = drawn.filter((status) => status === 500).length
    expect(struck).toBeGreaterThan(8)
    expect(struck).toBeLessThan(32)
    const again = await open({ faults: [{ kind: 'status', status: 500, count: 'forever', probability: 0.5 }] })
    for (const status of drawn) expect((await again.ask()).status).toBe(status)
  })

  test('settings are replaced at run time; wrong ones are refused by name and change nothing', async () => {
    const { ask, post, url } = await open({ faults: [{ kind: 'status', status: 500, count: 'forever' }] })
    expect((await ask()).status).toBe(500)
    const refused = await post({ latencyMs: -1, flavour: 'odd' })
    expect(refused.status).toBe(400)
    expect(await refused.text()).toMatch(/latencyMs.*|flavour/)
    expect((await ask()).status).toBe(500)
    expect((await post({})).status).toBe(200)
    expect((await ask()).status).toBe(200)
    expect(await (await fetch(`${url.replace(/\/v1$/, '')}/scripted/settings`)).json()).toEqual(
      scriptedSettings.parse({}),
    )
  })

  test('a call that its client gave up is asked and not answered', async () => {
    const { url, headers, counts, ask } = await open({ latencyMs: 200 })
    const stop = new AbortController()
    const init = {
      method: 'POST',
      signal: stop.signal,
      headers: { ...headers, 'idempotency-key': 'k' },
      body: JSON.stringify(body),
    }
    const gone = expect(fetch(`${url}/chat/completions`, init)).rejects.toThrow()
    while ((await counts())['k'] === undefined) continue
    stop.abort()
    await gone
    // What is asked later is answered later: by then the first would have been.
    await (await ask('later')).text()
    expect(await counts()).toMatchObject({ k: { asked: 1, answered: 0 }, later: { answered: 1 } })
  })

  test('closing cuts what is open', async () => {
    const { ask, counts, model } = await open({ faults: [{ kind: 'never' }] })
    const never = ask('k').catch((error: unknown) => error)
    while ((await counts())['k'] === undefined) continue
    await model.close()
    expect(await never).toBeInstanceOf(TypeError)
  })

  test('a stage’s settings stand before its chain’s, and these before those of all', () => {
    const settings = scriptedSettings.parse({
      extraSteps: 1,
      repair: 'never',
      flaws: ['half'],
      chains: { a: { extraSteps: 2, stages: { 1: { extraSteps: 3, flaws: [] } } } },
    })
    expect(stagePartOf(settings, 'b', 1)).toMatchObject({
      extraSteps: 1,
      flaws: [{ kind: 'half', share: 1 }],
      repair: 'never',
    })
    expect(stagePartOf(settings, 'a', 0)).toMatchObject({ extraSteps: 2, flaws: [{ kind: 'half', share: 1 }] })
    expect(stagePartOf(settings, 'a', 1)).toMatchObject({ extraSteps: 3, flaws: [], repair: 'never', parallel: false })
  })
})
