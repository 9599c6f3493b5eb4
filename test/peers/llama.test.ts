import { setTimeout as sleep } from 'node:timers/promises'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { ExchangeRecord } from '../../src/formats/exchange.ts'
import { readExchangeBody } from '../../src/record/exchange.ts'
import { openGateway, post, type GatewayLab } from '../contract/gatewayFixture.ts'
import { CONTEXT_TOKENS, createLlamaServer, type LlamaServer } from './llamaServer.ts'

const ask = (content: string, more: object = {}) => ({
  model: 'any',
  messages: [{ role: 'user' as const, content }],
  max_tokens: 40,
  ...more,
})

async function exchangesOf({ store }: GatewayLab): Promise<ExchangeRecord[]> {
  const keys = (await store.listRecords(recordKey.stages('night/acme__tool.1-2/1'))).filter((key) =>
    key.includes('/exchanges/'),
  )
  return Promise.all(keys.map(async (key) => (await store.getRecord<ExchangeRecord>(key))!))
}

/** llama-cpp-python behind the gateway; at a test's end every recorded call is asked again and compared byte for byte. */
describe('a server that is not ours', () => {
  let server: LlamaServer
  beforeAll(async () => {
    server = await createLlamaServer(process.env['PRCHAIN_TEST_PEER_PYTHON']!)
    await server.start()
  })
  afterAll(() => server.remove())

  const open = () =>
    openGateway(() => expect.unreachable('the server itself is asked'), { providerUrl: server.baseUrl, tries: 5_000 })

  test('answers whole and streamed, and both are on record, with what it says that they took', async () => {
    const lab = await open()
    const token = await lab.token()
    const whole = await post(lab.gateway, token, ask('Begin.'))
    expect(whole.status).toBe(200)
    const { choices, usage } = JSON.parse(whole.bytes) as OpenAI.ChatCompletion
    expect(choices[0]!.message.content!.length).toBeGreaterThan(40)
    expect(usage).toMatchObject({ completion_tokens: 40 })

    const client = new OpenAI({ baseURL: lab.gateway.baseUrl!, apiKey: token, maxRetries: 0 })
    let text = ''
    for await (const chunk of await client.chat.completions.create({ ...ask('Go on.'), stream: true })) {
      text += chunk.choices[0]?.delta.content ?? ''
    }
    expect(text.length).toBeGreaterThan(40)

    const records = await exchangesOf(lab)
    expect(records.map(({ finishReason }) => finishReason)).toEqual(['length', 'length'])
    const usages = records.map((record) => record.usage)
    expect(usages).toContainEqual({
      promptTokens: usage!.prompt_tokens,
      completionTokens: 40,
      cachedTokens: usage!.prompt_tokens_details?.cached_tokens ?? 0,
    })
    const bodies = await Promise.all(records.map(async (record) => String(await readExchangeBody(lab.store, record))))
    expect(bodies).toContain(whole.bytes)
  })

  test('is killed in the middle of a call and comes back: what was asked is held, answered, and on record once', async () => {
    const lab = await open()
    const token = await lab.token()
    const long = ask('Tell me much.', { max_tokens: 2_000, stream: true })
    const client = new OpenAI({ baseURL: lab.gateway.baseUrl!, apiKey: token, maxRetries: 0 })
    const broken = (async () => {
      let parts = 0
      for await (const chunk of await client.chat.completions.create({ ...long, stream: true })) {
        if (chunk.choices[0]?.delta.content && ++parts === 3) await server.kill()
      }
    })()
    await expect(broken).rejects.toThrow()

    const held = [post(lab.gateway, token, long), post(lab.gateway, token, ask('And this.'))]
    expect(await Promise.race([...held, sleep(1_000, 'held')])).toBe('held')
    await server.start()
    const replies = await Promise.all(held)
    expect(replies.map(({ status }) => status)).toEqual([200, 200])
    expect(replies[0]!.bytes.trimEnd().endsWith('data: [DONE]')).toBe(true)

    const records = await exchangesOf(lab)
    expect(records).toHaveLength(2)
    for (const { failures } of records) expect(failures.length).toBeGreaterThan(0)
    expect(records.flatMap(({ failures }) => failures.map(({ kind }) => kind))).toContain('cut')
  })

  test('says that a conversation is too long, and that is passed on', async () => {
    const lab = await open()
    const { status, bytes } = await post(lab.gateway, await lab.token(), ask('too long '.repeat(CONTEXT_TOKENS)))
    expect([status, (JSON.parse(bytes) as { error: { code: string } }).error.code]).toEqual([
      400,
      'context_length_exceeded',
    ])
    expect(await exchangesOf(lab)).toEqual([])
  })
})
