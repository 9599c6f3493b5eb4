import { openMeter } from './meterFixture.ts'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createSecrets } from '../../src/domain/redaction.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { ChatReply, Message } from '../../src/formats/chat.ts'
import type { CallRecord } from '../../src/formats/record.ts'
import { callRecord } from '../../src/formats/record.ts'
import { ModelError, type ChatModel } from '../../src/model/port.ts'
import { createComplete } from '../../src/record/complete.ts'
import { claimFence, type Fence } from '../../src/record/fence.ts'
import { createFileStore } from '../../src/store/files.ts'

const SECRET = 'sk-a-secret-of-this-process'
const open: Fence = { check: async () => {} }
const play = { role: 'agent', chain: 'c', rollout: 'a/c/1', stage: 0, round: 0 } as const

function setUp(answers: (ChatReply | ModelError)[]) {
  const store = createFileStore({ dir: mkdtempSync(join(tmpdir(), 'prchain-complete-')) })
  let asked = 0
  const model: ChatModel = {
    isScripted: true,
    async complete() {
      const answer = answers[Math.min(asked++, answers.length - 1)]!
      if (answer instanceof Error) throw answer
      return answer
    },
  }
  const waits: number[] = []
  const complete = createComplete({
    store,
    model,
    redact: createSecrets({ openaiApiKey: SECRET }).redact,
    meter: openMeter(store),
    retry: { tries: 4, firstWaitMs: 100, longestWaitMs: 1_000 },
    wait: async (ms) => void waits.push(ms),
  })
  return { store, complete, waits, asked: () => asked }
}

const reply = (content: string): ChatReply => ({
  id: 'r1',
  model: 'm',
  message: { role: 'assistant', content },
  finishReason: 'stop',
  usage: { promptTokens: 3, completionTokens: 2, cachedTokens: 0 },
})
const ask = (
  messages: Message[],
  prefix: { key: string; count: number } | null = null,
  key = 'a/c/1/stages/0/0/calls/000000',
) => ({
  key,
  request: { model: 'm', messages, seed: 1 },
  prefix,
  play,
  fence: open,
  signal: new AbortController().signal,
})

describe('complete', () => {
  test('asks the provider once for a key, however often and by whomever it is called', async () => {
    const { complete, asked } = setUp([reply('one'), reply('two')])
    const first = await complete(ask([{ role: 'user', content: 'hi' }]))
    const again = await complete(ask([{ role: 'user', content: 'hi' }]))
    expect(asked()).toBe(1)
    expect(first).toMatchObject({ isStored: false, reply: { message: { content: 'one' } } })
    expect(again).toMatchObject({ isStored: true, reply: { message: { content: 'one' } } })
  })

  test('of two that ask at once, both return what was stored first', async () => {
    const { complete } = setUp([reply('one'), reply('two')])
    const both = await Promise.all([
      complete(ask([{ role: 'user', content: 'hi' }])),
      complete(ask([{ role: 'user', content: 'hi' }])),
    ])
    expect(both[0]!.reply).toEqual(both[1]!.reply)
  })

  test('another request under a recorded key has diverged: an error, never a call', async () => {
    const { complete, asked } = setUp([reply('one')])
    await complete(ask([{ role: 'user', content: 'hi' }]))
    await expect(complete(ask([{ role: 'user', content: 'ho' }]))).rejects.toMatchObject({ name: 'DivergedError' })
    expect(asked()).toBe(1)
  })

  test('stores of a grown conversation only what came after the call before', async () => {
    const { complete, store } = setUp([reply('one')])
    const messages: Message[] = [{ role: 'user', content: 'hi' }]
    await complete(ask(messages))
    const grown: Message[] = [...messages, { role: 'assistant', content: 'one' }, { role: 'user', content: 'go on' }]
    const key = 'a/c/1/stages/0/0/calls/000001'
    await complete(ask(grown, { key: 'a/c/1/stages/0/0/calls/000000', count: 1 }, key))
    const record = callRecord.parse(await store.getRecord<CallRecord>(recordKey.call(key)))
    expect(record.request.messages).toEqual(grown.slice(1))
    expect(record.request.prefix).toEqual({ key: 'a/c/1/stages/0/0/calls/000000', count: 1 })
  })

  test('asks a failing provider again within its bounds, honours retry-after, and keeps what went wrong', async () => {
    const { complete, store, waits } = setUp([
      new ModelError('busy', 'slow down', 700_000),
      new ModelError('unavailable', '500'),
      reply('at last'),
    ])
    const { reply: got } = await complete(ask([{ role: 'user', content: 'hi' }]))
    expect(got.message.content).toBe('at last')
    // Longer than any wait of our own.
    expect(waits[0]).toBe(700_000)
    expect(waits[1]).toBeGreaterThanOrEqual(160)
    expect(waits[1]).toBeLessThanOrEqual(200)
    const record = await store.getRecord<CallRecord>(recordKey.call('a/c/1/stages/0/0/calls/000000'))
    expect(record!.failures.map((failure) => failure.kind)).toEqual(['busy', 'unavailable'])
  })

  test('gives up after the stated tries with nothing stored, and goes on when asked later', async () => {
    const down = Array.from({ length: 4 }, () => new ModelError('unavailable', 'connection refused'))
    const { complete, asked } = setUp([...down, reply('back')])
    await expect(complete(ask([{ role: 'user', content: 'hi' }]))).rejects.toMatchObject({
      name: 'ModelUnavailableError',
    })
    expect(asked()).toBe(4)
    expect((await complete(ask([{ role: 'user', content: 'hi' }]))).reply.message.content).toBe('back')
  })

  test('a refusal is not asked again', async () => {
    const { complete, asked } = setUp([new ModelError('refused', '401')])
    await expect(complete(ask([{ role: 'user', content: 'hi' }]))).rejects.toMatchObject({
      name: 'ModelError',
      kind: 'refused',
    })
    expect(asked()).toBe(1)
  })

  test('a secret in a reply is masked before it is stored or returned', async () => {
    const { complete, store } = setUp([reply(`the key is ${SECRET}`)])
    const { reply: got } = await complete(ask([{ role: 'user', content: 'hi' }]))
    expect(got.message.content).toBe('the key is [secret:openaiApiKey]')
    const record = await store.getRecord<CallRecord>(recordKey.call('a/c/1/stages/0/0/calls/000000'))
    expect(JSON.stringify(record)).not.toContain(SECRET)
    expect(record!.masked).toEqual([
      { pointer: '/reply/message/content', part: 'value', kind: 'openaiApiKey', from: 11, to: 32 },
    ])
  })

  test('keeps a reply that the store does not take, says so, and puts it again until it does', async () => {
    const { complete, store, waits, asked } = setUp([reply('one'), reply('two')])
    const { putRecord } = { ...store }
    let full = 3
    store.putRecord = (key, value) =>
      key.includes('/calls/') && full-- > 0 ? Promise.reject(new Error(`no room, ${SECRET}`)) : putRecord(key, value)
    const said: string[] = []
    const call = { ...ask([{ role: 'user', content: 'hi' }]), onUnstored: (why: string) => void said.push(why) }
    expect((await complete(call)).reply.message.content).toBe('one')
    expect((await complete(call)).reply.message.content).toBe('one')
    expect([asked(), waits]).toEqual([1, [250, 500, 1_000]])
    const why = `the reply of call ${call.key} is in memory, and the store does not take it: no room, [secret:openaiApiKey]`
    expect(said).toEqual([why, why, why])
  })

  test('gives a reply up that cannot be stored when the call is cancelled or overtaken, and says why', async () => {
    const { complete, store } = setUp([reply('one')])
    const { putRecord } = { ...store }
    store.putRecord = (key, value) =>
      key.includes('/calls/') ? Promise.reject(new Error('no room')) : putRecord(key, value)
    const cancelled = new AbortController()
    const call = { ...ask([{ role: 'user', content: 'hi' }]), onUnstored: () => cancelled.abort() }
    await expect(complete({ ...call, signal: cancelled.signal })).rejects.toThrow('no room')
    let [isOvertaken, told] = [false, 0]
    const fence: Fence = {
      async check() {
        if (isOvertaken) throw Object.assign(new Error('overtaken'), { name: 'FencedError' })
      },
    }
    const onUnstored = () => {
      told++
      isOvertaken = true
    }
    await expect(complete({ ...call, fence, onUnstored })).rejects.toThrow('overtaken')
    expect(told).toBe(1)
  })

  test('an overtaken attempt neither asks nor stores', async () => {
    const { complete, store, asked } = setUp([reply('one')])
    const old = await claimFence({ store, rollout: 'a/c/1', order: [0, 4, 1], holder: 'old' })
    await claimFence({ store, rollout: 'a/c/1', order: [0, 4, 2], holder: 'new' })
    await expect(complete({ ...ask([{ role: 'user', content: 'hi' }]), fence: old })).rejects.toMatchObject({
      name: 'FencedError',
    })
    expect(asked()).toBe(0)
  })
})

describe('the fence', () => {
  const store = createFileStore({ dir: mkdtempSync(join(tmpdir(), 'prchain-fence-')) })
  const claim = (rollout: string, order: [number, number, number]) =>
    claimFence({ store, rollout, order, holder: order.join('.') })

  test('goes to the later restart, then the later activity, then the later attempt', async () => {
    const orders: [number, number, number][] = [
      [0, 1, 1],
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 1],
    ]
    for (const order of orders) await (await claim('a/c/1', order)).check()
    for (const late of orders.slice(0, -1))
      await expect(claim('a/c/1', late)).rejects.toMatchObject({ name: 'FencedError' })
  })

  test('is lost by everyone else when it is claimed', async () => {
    const first = await claim('a/c/2', [0, 1, 1])
    await first.check()
    const second = await claim('a/c/2', [0, 1, 2])
    await expect(first.check()).rejects.toMatchObject({ name: 'FencedError' })
    await second.check()
  })

  test('has one holder when many claim it at once', async () => {
    const claims = await Promise.allSettled(Array.from({ length: 8 }, (_, n) => claim('a/c/3', [0, 1, n + 1])))
    const checked = await Promise.allSettled(
      claims.filter((one) => one.status === 'fulfilled').map((one) => one.value.check()),
    )
    expect(checked.filter((one) => one.status === 'fulfilled')).toHaveLength(1)
  })
})
