import { request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { describe, expect, test } from 'vitest'
import type { Ports } from '../../src/activities/ports.ts'
import type { RolloutContext } from '../../src/activities/rolloutContext.ts'
import { traceScaffold } from '../../src/activities/scaffoldTrace.ts'
import type { StepFacts } from '../../src/activities/stepFacts.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { AnswerRecord, ExchangeRecord, HaltRecord } from '../../src/formats/exchange.ts'
import type { StageResult } from '../../src/formats/rollout.ts'
import { standing } from '../../src/domain/account.ts'
import { createBooks } from '../../src/record/books.ts'
import { issueToken, revokeToken } from '../../src/record/grants.ts'
import { readExchangeBody } from '../../src/record/exchange.ts'
import { openHold } from '../../src/record/hold.ts'
import { createMessagesReader } from '../../src/record/exchangeMessages.ts'
import type { Store } from '../../src/store/port.ts'
import { completion, events, openGateway, post, sendJson, type GatewayLab } from './gatewayFixture.ts'

const ROLLOUT = 'night/acme__tool.1-2/1'
const user = (content: string) => ({ role: 'user', content })
const ask = (...contents: string[]) => ({ model: 'whatever', messages: contents.map(user), temperature: 0.7 })

async function exchangesOf({ store }: GatewayLab): Promise<ExchangeRecord[]> {
  const keys = await store.listRecords(`rollouts/${ROLLOUT}/stages/0/0/exchanges`)
  return Promise.all(keys.map(async (key) => (await store.getRecord<ExchangeRecord>(key))!))
}

/** Makes a store fail where and for as long as it is told to: at first every put of a blob, and each of an exchange. */
function failable(store: Store) {
  const { putBlob, putRecord } = { ...store }
  const failing = { fails: (key: string) => key === 'blob' || key.includes('/exchanges/'), failed: [] as string[] }
  const put = <T>(key: string, act: () => Promise<T>) => {
    if (!failing.fails(key)) return act()
    failing.failed.push(key)
    return Promise.reject(new Error('no room'))
  }
  store.putBlob = (content) => put('blob', () => putBlob(content))
  store.putRecord = (key, value) => put(key, () => putRecord(key, value))
  return failing
}

describe('the gateway', () => {
  test('passes a request on with the round’s model, and its reply byte for byte, and stores both', async () => {
    const seen: Record<string, unknown>[] = []
    const lab = await openGateway(({ body, response }) => {
      seen.push(body)
      sendJson(response, completion('Hello', { reasoning_content: 'They greet.', custom: { any: 1 } }))
    })
    const request = {
      ...ask('Hi'),
      tools: [{ type: 'function', function: { name: 'bash' } }],
      parallel_tool_calls: true,
    }
    const { status, bytes } = await post(lab.gateway, await lab.token(), request)
    expect([status, JSON.parse(bytes)]).toEqual([
      200,
      completion('Hello', { reasoning_content: 'They greet.', custom: { any: 1 } }),
    ])
    expect(seen).toEqual([{ ...request, model: 'served' }])
    const [record] = await exchangesOf(lab)
    expect(record).toMatchObject({
      launch: 1,
      request: { prefix: null, messages: request.messages, fields: { temperature: 0.7, parallel_tool_calls: true } },
      usage: { promptTokens: 10, completionTokens: 3, cachedTokens: 4 },
      finishReason: 'stop',
    })
    expect(String(await readExchangeBody(lab.store, record!))).toBe(bytes)
  })

  test('answers a restarted scaffold from the record, with the same bytes, and asks anew for what is asked again', async () => {
    const lab = await openGateway(({ n, response }) => sendJson(response, completion(`Reply ${n}`)))
    const first = await post(lab.gateway, await lab.token(), ask('Hi'))
    const again = await post(lab.gateway, await lab.token(), ask('Hi'))
    expect([first.bytes, again.bytes].map((bytes) => JSON.parse(bytes).choices[0].message.content)).toEqual([
      'Reply 1',
      'Reply 2',
    ])
    // Another launch of the scaffold, and another gateway: both answers once more, and then a new one.
    const gateway = await lab.another()
    const token = await lab.token(2)
    expect((await post(gateway, token, ask('Hi'))).bytes).toBe(first.bytes)
    expect((await post(gateway, token, ask('Hi'))).bytes).toBe(again.bytes)
    expect(lab.asked).toHaveLength(2)
    await post(gateway, token, ask('Hi'))
    expect(lab.asked).toHaveLength(3)
    const given = () => lab.store.listRecords(recordKey.answers(ROLLOUT, 0, 0, 2))
    while ((await given()).length < 3) await sleep(5)
    // One that takes over from a gateway that was killed knows what a running launch had been given, and not whether
    // the end of the last answer came through: it gives that again, once.
    const third = await lab.another()
    const last = await post(third, token, ask('Hi'))
    expect(lab.asked).toHaveLength(3)
    expect(JSON.parse(last.bytes).choices[0].message.content).toBe('Reply 3')
    await post(third, token, ask('Hi'))
    expect(lab.asked).toHaveLength(4)
    expect(new Set(lab.asked).size).toBe(4)
  })

  test('masks a secret that a stream brings in pieces, before it is delivered, and says where', async () => {
    const lab = await openGateway(({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(events('key: sk- secret .').join('').replaceAll('sk- ', 'sk-').replaceAll('secret ', 'secret'))
    })
    const { bytes } = await post(lab.gateway, await lab.token(), { ...ask('Hi'), stream: true })
    const content = [...bytes.matchAll(/"content":"([^"]*)"/g)].map((match) => match[1]).join('')
    expect(content).toBe('key: [secret:openaiApiKey].')
    const [record] = await exchangesOf(lab)
    expect(String(await readExchangeBody(lab.store, record!))).toBe(bytes)
    expect(record!.masked).toEqual([
      { pointer: '/reply/message/content', part: 'value', kind: 'openaiApiKey', from: 5, to: 26 },
    ])
  })

  test('masks its own token in what is on record, says where, and knows the turn again that named it', async () => {
    let said = ''
    const lab = await openGateway(({ response }) => sendJson(response, completion(said)))
    const token = await lab.token()
    said = `It is ${token}.`
    await post(lab.gateway, token, ask('Which?'))
    await post(lab.gateway, token, {
      ...ask('Which?'),
      messages: [user('Which?'), { role: 'assistant', content: said }, user(`So ${token}?`)],
    })
    const [first, second] = (await exchangesOf(lab)).toSorted((a, b) => a.startedAt.localeCompare(b.startedAt))
    expect(first!.masked).toEqual([])
    expect(second!.masked).toEqual([
      { pointer: '/request/messages/0/content', part: 'value', kind: 'gateway-token', from: 6, to: 28 },
      { pointer: '/request/messages/1/content', part: 'value', kind: 'gateway-token', from: 3, to: 25 },
    ])
    await lab.store.putRecord(recordKey.launch(ROLLOUT, 0, 0, 1), { n: 1, version: '1' })
    const { conversation, segments } = await traceScaffold(
      { store: lab.store } as Ports,
      { id: ROLLOUT, settings: { scaffold: 'mini-swe-agent' } } as RolloutContext,
      [{ stage: 0, rounds: 1 } as StageResult],
      { stepOf: async () => null } as unknown as StepFacts,
    )
    expect(segments).toEqual([0])
    expect(conversation.map(({ message }) => message.content).slice(0, 3)).toEqual([
      ...['Which?', 'It is [secret:gateway-token].', 'So [secret:gateway-token]?'],
    ])
  })

  test('gives a client that says it tries again what it may have missed, and joins it to what is under way', async () => {
    const release: (() => void)[] = []
    const lab = await openGateway(async ({ n, response }) => {
      if (n === 2) await new Promise<void>((resolve) => release.push(resolve))
      sendJson(response, completion(`Reply ${n}`))
    })
    const token = await lab.token()
    const retry = () => post(lab.gateway, token, ask('Hi'), undefined, { 'x-stainless-retry-count': '1' })
    const first = await post(lab.gateway, token, ask('Hi'))
    // The end of a reply can be lost between the gateway and the client, after it was sent.
    expect((await retry()).bytes).toBe(first.bytes)
    const gone = new AbortController()
    const left = post(lab.gateway, token, ask('Hi'), gone.signal).catch((error: Error) => error.name)
    while (lab.asked.length < 2) await sleep(5)
    gone.abort()
    expect(await left).toBe('AbortError')
    const joined = retry()
    await sleep(50)
    release[0]!()
    expect(JSON.parse((await joined).bytes).choices[0].message.content).toBe('Reply 2')
    expect(lab.asked).toHaveLength(2)
  })

  test('takes a request that goes on from the last answer before a kill as a sign that it came through', async () => {
    const lab = await openGateway(({ n, response }) => sendJson(response, completion(`Reply ${n}`)))
    const goesOn = (reply: string) => ({
      ...ask('Hi'),
      messages: [user('Hi'), { role: 'assistant', content: reply }, user('Go on.')],
    })
    const token = await lab.token()
    const first = await post(lab.gateway, token, ask('Hi'))
    const later = await lab.another()
    await post(later, token, goesOn('Reply 1'))
    expect((await post(later, token, ask('Hi'))).bytes).not.toBe(first.bytes)

    // Words that are not the reply's show nothing: who asks again is given what it may have missed.
    const other = await lab.token(2)
    await post(later, other, ask('Hi'))
    const last = await lab.another()
    await post(last, other, goesOn('Another reply'))
    expect((await post(last, other, ask('Hi'))).bytes).toBe(first.bytes)
  })

  test('gives all that was under way in the moment of a kill once more, and nothing else', async () => {
    const lab = await openGateway(({ n, response }) => sendJson(response, completion(`Reply ${n}`)))
    const token = await lab.token()
    const replies: string[] = []
    for (const content of ['a', 'b', 'c']) replies.push((await post(lab.gateway, token, ask(content))).bytes)
    // As it stands on record when the ends of b and c were sent at the same time.
    const keys = await lab.store.listRecords(recordKey.answers(ROLLOUT, 0, 0, 1))
    const [, b, c] = await Promise.all(keys.map(async (key) => (await lab.store.getRecord<AnswerRecord>(key))!))
    expect(c!.open).toEqual([])
    await lab.store.putRecord<AnswerRecord>(recordKey.answer(ROLLOUT, 0, 0, 1, 3), { ...c!, open: [b!.exchange] })
    const later = await lab.another()
    expect((await post(later, token, ask('b'))).bytes).toBe(replies[1])
    expect((await post(later, token, ask('c'))).bytes).toBe(replies[2])
    expect(lab.asked).toHaveLength(3)
    for (const content of ['a', 'b', 'c']) expect(replies).not.toContain((await post(later, token, ask(content))).bytes)
    expect(lab.asked).toHaveLength(6)
  })

  test('sets aside no less for a request whose limit of output is none', async () => {
    const set: number[] = []
    const lab = await openGateway(async ({ response }) => {
      const { open } = await createBooks(lab.store).campaign('night').read()
      set.push(...Object.values(open).map(({ tokens }) => tokens))
      sendJson(response, completion('Hello'))
    })
    const token = await lab.token()
    const limits = [
      {},
      { max_tokens: -1_000_000 },
      { max_tokens: 5, max_completion_tokens: 100 },
      { n: -3, max_tokens: 100 },
    ]
    for (const [index, limit] of limits.entries()) await post(lab.gateway, token, { ...ask(String(index)), ...limit })
    const [none, negative, two, choices] = set.map((tokens) => tokens - 1_000)
    expect(negative).toBeGreaterThanOrEqual(none!)
    expect(two).toBeGreaterThanOrEqual(none! + 100)
    expect(choices).toBeGreaterThanOrEqual(none! + 100)
  })

  test('knows of more launches than it keeps in memory what they were given', async () => {
    const lab = await openGateway(({ n, response }) => sendJson(response, completion(`Reply ${n}`)))
    const token = await lab.token()
    const first = await post(lab.gateway, token, ask('Hi'))
    for (let n = 2; n < 70; n++) await post(lab.gateway, await lab.token(n), ask('Hi'))
    expect(lab.asked).toHaveLength(1)
    expect((await post(lab.gateway, token, ask('Hi'))).bytes).not.toBe(first.bytes)
    expect(lab.asked).toHaveLength(2)
  })

  test('counts a try in full that a proxy’s time was over for, and none that the provider refused', async () => {
    const lab = await openGateway(({ n, response }) =>
      n < 3
        ? sendJson(response, { error: { message: 'no' } }, [504, 503][n - 1])
        : sendJson(response, completion('Hi')),
    )
    await post(lab.gateway, await lab.token(), ask('Hi'))
    const standingNow = async () => standing(await createBooks(lab.store).campaign('night').read(), null, '')
    await expect.poll(async () => (await standingNow()).open.tokens, { timeout: 5_000 }).toBe(0)
    const { spent, unknown } = await standingNow()
    expect([spent.tokens, unknown.tokens > 1_000, unknown.tokens < 2_000]).toEqual([13, true, true])
  })

  test('streams what is streamed, holds its end until it is stored, and replays it as a stream', async () => {
    let isOver = false
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
    const lab = await openGateway(async ({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const all = events('one two three')
      for (const event of all.slice(0, -3)) response.write(event)
      await mayEnd
      isOver = true
      response.end(all.slice(-3).join(''))
    })
    const client = new OpenAI({ baseURL: lab.gateway.baseUrl!, apiKey: await lab.token(), maxRetries: 0 })
    const params = { ...ask('Count'), stream: true as const, messages: [{ role: 'user' as const, content: 'Count' }] }
    const words: string[] = []
    for await (const chunk of await client.chat.completions.create(params)) {
      const word = chunk.choices[0]?.delta.content
      if (word) words.push(word)
      if (words.length === 3 && !isOver) {
        expect(await exchangesOf(lab)).toEqual([])
        end()
      }
    }
    expect(words).toEqual(['one ', 'two ', 'three'])
    const [record] = await exchangesOf(lab)
    expect(record).toMatchObject({ finishReason: 'stop', usage: { promptTokens: 5 } })
    const replayed = await post(lab.gateway, await lab.token(2), params)
    expect(replayed).toMatchObject({ status: 200, bytes: events('one two three').join('') })
    expect(replayed.type).toContain('text/event-stream')
    expect(lab.asked).toHaveLength(1)
  })

  test('gives a stream whole, once it is stored, to a scaffold that does not ask again when one breaks off', async () => {
    const { promise: mayEnd, resolve: end } = Promise.withResolvers<void>()
    const answer = async ({ n, response }: { n: number; response: ServerResponse }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const all = events('one two three')
      if (n === 1) return void response.write(all[1], () => response.destroy())
      for (const event of all.slice(0, -3)) response.write(event)
      await mayEnd
      response.end(all.slice(-3).join(''))
    }
    const lab = await openGateway(answer, { isStreamedWhole: true })
    const params = { ...ask('Count'), stream: true }
    const connection = connect(Number(new URL(lab.gateway.baseUrl!).port), '127.0.0.1')
    let said = ''
    connection.on('data', (bytes: Buffer) => (said += bytes.toString('utf8')))
    const body = JSON.stringify(params)
    const head = `authorization: Bearer ${await lab.token()}\r\ncontent-length: ${body.length}\r\nconnection: close`
    connection.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: it\r\n${head}\r\n\r\n${body}`)
    const ended = once(connection, 'close')
    while (lab.asked.length < 2) await sleep(5)
    await sleep(100)
    expect(said).toBe('')
    end()
    await ended
    const [record] = await exchangesOf(lab)
    expect(record!.failures.map(({ kind }) => kind)).toEqual(['cut'])
    expect(said).toContain('text/event-stream')
    for (const event of events('one two three')) expect(said).toContain(event)
    expect((await post(lab.gateway, await lab.token(2), params)).bytes).toBe(events('one two three').join(''))
  })

  test('finishes a call whose client has gone; who asks again joins it or is given it', async () => {
    const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>()
    const lab = await openGateway(async ({ response }) => {
      await mayAnswer
      sendJson(response, completion('late'))
    })
    const token = await lab.token()
    const gone = new AbortController()
    const left = post(lab.gateway, token, ask('Hi'), gone.signal).catch((error: Error) => error.name)
    while (lab.asked.length === 0) await sleep(5)
    gone.abort()
    expect(await left).toBe('AbortError')
    await sleep(50)
    const joined = post(lab.gateway, token, ask('Hi'))
    await sleep(50)
    answer()
    expect(JSON.parse((await joined).bytes).choices[0].message.content).toBe('late')
    expect(lab.asked).toHaveLength(1)
    expect(await exchangesOf(lab)).toHaveLength(1)
  })

  test('stores of a conversation only what is new in each call', async () => {
    const lab = await openGateway(({ n, response }) => sendJson(response, completion(`Reply ${n}`)))
    const token = await lab.token()
    await post(lab.gateway, token, ask('a', 'b'))
    await post(lab.gateway, token, ask('a', 'b', 'c'))
    const given = () => lab.store.listRecords(recordKey.answers(ROLLOUT, 0, 0, 1))
    while ((await given()).length < 2) await sleep(5)
    // Another gateway goes on with the same conversation.
    await post(await lab.another(), token, ask('a', 'b', 'c', 'd'))
    await post(lab.gateway, token, ask('x', 'b', 'c', 'd'))
    const stored = await exchangesOf(lab)
    const whole = await Promise.all(stored.map(createMessagesReader(lab.store)))
    const texts = (messages: readonly unknown[]) =>
      (messages as { content: string }[]).map(({ content }) => content).join('')
    const parts = new Map(whole.map((messages, index) => [texts(messages), texts(stored[index]!.request.messages)]))
    expect(parts).toEqual(
      new Map([
        ['ab', 'ab'],
        ['abc', 'c'],
        ['abcd', 'd'],
        ['xbcd', 'xbcd'],
      ]),
    )
  })

  test('tries again behind the client’s back, and voids what a broken stream had given', async () => {
    const lab = await openGateway(({ n, response }) => {
      if (n === 1) return sendJson(response, { error: { message: 'busy' } }, 429)
      if (n === 2) return void response.end('<html>')
      if (n === 3) return sendJson(response, completion('at last'))
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      if (n === 4) return void response.write(events('broken off')[1], () => response.destroy())
      return void response.end(events('whole').join(''))
    })
    const token = await lab.token()
    expect(JSON.parse((await post(lab.gateway, token, ask('Hi'))).bytes).choices[0].message.content).toBe('at last')
    const [record] = await exchangesOf(lab)
    expect(record!.failures.map(({ kind }) => kind)).toEqual(['busy', 'malformed'])
    // The client's connection breaks, it asks again, and gets the whole of the second try.
    await expect(post(lab.gateway, token, { ...ask('Stream'), stream: true })).rejects.toThrow()
    expect((await post(lab.gateway, token, { ...ask('Stream'), stream: true })).bytes).toBe(events('whole').join(''))
    expect(lab.asked).toHaveLength(5)
  })

  test('halts a launch whose provider stays away, and holds its request', async () => {
    const lab = await openGateway(({ response }) =>
      sendJson(response, { error: { message: 'down with sk-secret' } }, 503),
    )
    const token = await lab.token()
    const held = new AbortController()
    const asking = post(lab.gateway, token, ask('Hi'), held.signal).catch((error: Error) => error.name)
    let halt: HaltRecord | null = null
    while (!halt) {
      await sleep(20)
      halt = await lab.store.getRecord<HaltRecord>(recordKey.halt(ROLLOUT, 0, 0, 1))
    }
    expect(halt.type).toBe('ModelUnavailable')
    expect(halt.reason).toContain('[secret:openaiApiKey]')
    expect(await Promise.race([asking, sleep(100, 'held')])).toBe('held')
    held.abort()
    expect(await asking).toBe('AbortError')
  })

  test('keeps a reply that its store does not take, and gives it once it does, with nothing asked twice', async () => {
    const lab = await openGateway(({ response }) => sendJson(response, completion('Hello')))
    const store = failable(lab.store)
    const asking = post(lab.gateway, await lab.token(), ask('Hi'))
    while (store.failed.length < 2) await sleep(5)
    store.fails = () => false
    expect(await asking).toMatchObject({ status: 200, bytes: expect.stringContaining('Hello') })
    expect([lab.asked.length, await exchangesOf(lab)]).toEqual([1, [expect.objectContaining({ launch: 1 })]])
    expect(await lab.store.getRecord(recordKey.halt(ROLLOUT, 0, 0, 1))).toBeNull()
  })

  test('says by a halt that its store has not taken a reply for long, and gives that to the next launch', async () => {
    const lab = await openGateway(({ response }) => sendJson(response, completion('Hello')))
    const store = failable(lab.store)
    store.fails = (key) => key.includes('/exchanges/')
    const stopped = new AbortController()
    const token = await lab.token()
    const asking = post(lab.gateway, token, ask('Hi'), stopped.signal).catch((error: Error) => error.name)
    const halt = () => lab.store.getRecord<HaltRecord>(recordKey.halt(ROLLOUT, 0, 0, 1))
    await expect.poll(halt, { timeout: 15_000 }).toMatchObject({
      type: 'InfrastructureUnavailable',
      reason: expect.stringMatching(/^the reply of call \S+ is in memory, and the store does not take it: no room$/),
    })
    stopped.abort()
    expect(await asking).toBe('AbortError')
    // Its scaffold is ended, and started again when the chain goes on.
    const again = post(lab.gateway, await lab.token(2), ask('Hi'))
    store.fails = () => false
    expect(await again).toMatchObject({ status: 200, bytes: expect.stringContaining('Hello') })
    expect(lab.asked).toHaveLength(1)
  }, 30_000)

  test('is stopped at once while its calls wait for another try, and not before one that the provider is at work on', async () => {
    const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>()
    const lab = await openGateway(
      async ({ n, response }) => {
        if (n === 1) return sendJson(response, { error: { message: 'down' } }, 503)
        await mayAnswer
        sendJson(response, completion('late'))
      },
      { firstWaitMs: 60_000 },
    )
    const token = await lab.token()
    const waiting = post(lab.gateway, token, ask('Hi')).catch((error: Error) => error.message)
    await expect.poll(() => lab.asked.length).toBe(1)
    const other = await lab.another()
    const paid = post(other, await lab.token(2), ask('Ho')).catch((error: Error) => error.message)
    await expect.poll(() => lab.asked.length).toBe(2)
    await lab.gateway.close()
    expect(await waiting).toBe('fetch failed')
    const closing = other.close()
    answer()
    await closing
    await paid
    expect(await exchangesOf(lab)).toHaveLength(1)
  }, 10_000)

  test('is held by a ceiling no longer than that is in the way, however long the reply takes', async () => {
    const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>()
    const lab = await openGateway(async ({ response }) => {
      await mayAnswer
      sendJson(response, completion('Hello'))
    })
    const ceilings = createBooks(lab.store).ceilings('night')
    const setTokens = (campaignTokens: number) =>
      ceilings.change((state) => ({ state: { ...state, campaignTokens }, result: null }))
    await setTokens(1)
    const asking = post(lab.gateway, await lab.token(), ask('Hi'))
    const hold = openHold(lab.store, { rollout: ROLLOUT, stage: 0, round: 0, n: 1 })
    await expect.poll(async () => (await hold.read()).reason, { timeout: 5_000 }).toContain('the ceiling')
    await setTokens(1_000_000)
    await expect.poll(async () => (await hold.read()).reason, { timeout: 5_000 }).toBeNull()
    expect(lab.asked.length).toBeLessThanOrEqual(1)
    answer()
    expect((await asking).status).toBe(200)
  }, 20_000)

  test('passes on that a context is too long, and lets nobody in without a good token', async () => {
    const fault = { error: { message: 'maximum context length is 8', code: 'context_length_exceeded' } }
    const lab = await openGateway(({ response }) => sendJson(response, fault, 400))
    const token = await lab.token()
    const refused = await post(lab.gateway, token, ask('Hi'))
    expect([refused.status, JSON.parse(refused.bytes)]).toEqual([400, fault])
    const [models, headers] = [`${lab.gateway.baseUrl}/models`, { authorization: `bearer ${token}` }]
    expect((await fetch(models, { headers })).status).toBe(200)
    const client = new OpenAI({ baseURL: lab.gateway.baseUrl!, apiKey: token, maxRetries: 0 })
    expect(await client.models.retrieve('openai/any')).toMatchObject({ id: 'served', object: 'model' })
    for (const wrong of ['', 'none', token.replace(/.$/, (last) => (last === '0' ? '1' : '0'))]) {
      expect((await post(lab.gateway, wrong, ask('Hi'))).status).toBe(401)
    }
    await revokeToken(lab.store, token, 'the round has ended')
    expect((await post(lab.gateway, token, ask('Hi'))).status).toBe(401)
    expect((await post(lab.gateway, await lab.token(2), { prompt: 'Hi' })).status).toBe(400)
    expect(lab.asked).toHaveLength(1)
  })

  test('says of a request that is too large that it is, and of a fault of its own that it is none of the client', async () => {
    const lab = await openGateway(() => {})
    const token = await lab.token()
    const headers = { authorization: `Bearer ${token}` }
    const sent = request(`${lab.gateway.baseUrl}/chat/completions`, { method: 'POST', headers })
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>
    await pipeline(Array(257).fill(Buffer.alloc(1024 * 1024)), sent)
    const [large] = await answered
    expect([large.statusCode, JSON.parse(await text(large))]).toMatchObject([
      413,
      { error: { type: 'invalid_request_error', message: 'the request is larger than 268435456 bytes' } },
    ])
    lab.store.listRecords = () => Promise.reject(new Error('the store is away'))
    const { status, bytes } = await post(lab.gateway, token, ask('Hi'))
    expect([status, JSON.parse(bytes)]).toMatchObject([
      500,
      { error: { type: 'server_error', message: 'the store is away' } },
    ])
    lab.store.listRecords = async () => []
  })

  test('says in OpenAI’s words what another provider says in its own of a context that is too long', async () => {
    const said = { error: { code: '1261', message: 'Prompt exceeds max length' } }
    const lab = await openGateway(({ response }) => sendJson(response, said, 400))
    const { status, bytes } = await post(lab.gateway, await lab.token(), ask('Hi'), AbortSignal.timeout(5_000))
    const { error } = JSON.parse(bytes) as { error: { code: string; message: string } }
    expect([status, error.code]).toEqual([400, 'context_length_exceeded'])
    expect(error.message).toContain("This model's maximum context length")
    expect(error.message).toContain("'Prompt exceeds max length'")
  })

  test('answers a self-test by itself: one tool call, then the word when it was made, else why not', async () => {
    const lab = await openGateway(() => {})
    const token = await issueToken(lab.store, {
      ...{ rollout: ROLLOUT, chain: 'acme__tool.1-2', stage: 0, round: '0', launch: 1 },
      ...{ scaffold: 'test', model: 'served', isSelfTest: true },
    })
    const tools = [{ type: 'function' as const, function: { name: 'bash' } }]
    const client = new OpenAI({ baseURL: lab.gateway.baseUrl!, apiKey: token, maxRetries: 0 })
    const asked = { model: 'm', messages: [{ role: 'user' as const, content: 'Go.' }], tools }
    const whole = await client.chat.completions.create(asked)
    expect(whole.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        tool_calls: [{ function: { name: 'bash', arguments: '{"command":"echo prchain-self-test"}' } }],
      },
    })
    const streamed = await client.chat.completions.stream(asked).finalChatCompletion()
    expect(streamed.choices[0]!.message.tool_calls).toHaveLength(1)
    const after = (content: string) => ({
      ...asked,
      messages: [
        ...asked.messages,
        whole.choices[0]!.message,
        { role: 'tool', tool_call_id: 'call_self_test', content },
      ],
    })
    expect((await post(lab.gateway, token, after('prchain-self-test\n'))).status).toBe(200)
    const broken = await post(lab.gateway, token, after('bash: not found'))
    expect([broken.status, broken.bytes]).toEqual([400, expect.stringContaining('bash: not found')])
    // A worker of another version may know scaffolds that this gateway does not.
    const unknown = await issueToken(lab.store, {
      ...{ rollout: ROLLOUT, chain: 'acme__tool.1-2', stage: 0, round: '0', launch: 2 },
      ...{ scaffold: 'newer', model: 'served', isSelfTest: true },
    })
    const refused = await post(lab.gateway, unknown, asked, AbortSignal.timeout(5_000))
    expect([refused.status, refused.bytes]).toEqual([400, expect.stringContaining('no self-test of newer')])
    expect([lab.asked, await exchangesOf(lab)]).toEqual([[], []])
  })

  test('serves 200 streams at once, each its own', async () => {
    const lab = await openGateway(async ({ body, response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const event of events(`echo of ${body.messages[0]!.content}`)) {
        response.write(event)
        await sleep(1)
      }
      response.end()
    })
    const token = await lab.token()
    const replies = await Promise.all(
      Array.from({ length: 200 }, (_, n) => post(lab.gateway, token, { ...ask(`number ${n}`), stream: true })),
    )
    for (const [n, { bytes }] of replies.entries()) expect(bytes).toBe(events(`echo of number ${n}`).join(''))
    expect(await exchangesOf(lab)).toHaveLength(200)
  }, 60_000)
})
