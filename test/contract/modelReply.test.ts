import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { chatReply } from '../../src/formats/chat.ts'
import { createOpenAiModel } from '../../src/model/openai.ts'
import { events, completion } from './gatewayFixture.ts'

/** Asks a provider that answers with this body. */
async function ask(body: string, isStreaming: boolean) {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': isStreaming ? 'text/event-stream' : 'application/json' })
    response.end(body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  const model = createOpenAiModel({ baseUrl, apiKey: 'k', isScripted: false, timeoutMs: 10_000, isStreaming })
  const play = { role: 'agent', chain: 'c', rollout: 'r', stage: 0, round: 0 } as const
  const { signal } = new AbortController()
  const reply = await model.complete({ model: 'm', messages: [] }, { idempotencyKey: 'k', play, signal })
  expect(chatReply.parse(reply)).toEqual(reply)
  return reply
}

describe('a reply to the native agent', () => {
  const logprobs = {
    content: [
      { token: 'a', logprob: -0.5 },
      { token: 'b', logprob: -1 },
    ],
  }
  const usage = {
    ...{ prompt_tokens: 10, completion_tokens: 9, prompt_tokens_details: { cached_tokens: 4 } },
    completion_tokens_details: { reasoning_tokens: 6 },
  }

  test('keeps what it has beside text and calls, and counts reasoning', async () => {
    const body: Record<string, unknown> = {
      ...completion('ab', { refusal: 'No.', reasoning_details: [{ text: 'x' }] }),
      usage,
    }
    const [choice] = body['choices'] as object[]
    expect(await ask(JSON.stringify({ ...body, choices: [{ ...choice, logprobs }] }), false)).toMatchObject({
      message: { content: 'ab' },
      usage: { promptTokens: 10, completionTokens: 9, cachedTokens: 4, reasoningTokens: 6 },
      other: {
        message: { refusal: 'No.', reasoning_details: [{ text: 'x' }] },
        choice: { logprobs },
        whole: { system_fingerprint: 'kept as it came' },
      },
    })
  })

  test('keeps it when it is streamed too, put together', async () => {
    const part = (delta: object, n: number) =>
      `data: ${JSON.stringify({ id: 'c', model: 'm', system_fingerprint: 'f', choices: [{ index: 0, delta, logprobs: { content: [logprobs.content[n]] }, finish_reason: null }] })}\n\n`
    const [, , ...end] = events('')
    const body = [
      part({ content: 'a', refusal: 'N', reasoning_details: [{ text: 'x' }] }, 0),
      part({ content: 'b', refusal: 'o.', reasoning_details: [{ text: 'y' }] }, 1),
      ...end,
    ].join('')
    expect(await ask(body, true)).toMatchObject({
      message: { content: 'ab' },
      other: {
        message: { refusal: 'No.', reasoning_details: [{ text: 'x' }, { text: 'y' }] },
        choice: { logprobs },
        whole: { system_fingerprint: 'f' },
      },
    })
  })

  test('has its reasoning by either of the names that servers have for it', async () => {
    const whole = JSON.stringify(completion('hi', { reasoning: 'They greet.' }))
    const part = (delta: object) =>
      `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`
    const streamed = [part({ reasoning: 'They ' }), part({ reasoning: 'greet.' }), ...events('hi')].join('')
    for (const reply of [await ask(whole, false), await ask(streamed, true)]) {
      expect(reply.message).toEqual({ role: 'assistant', content: 'hi', reasoning_content: 'They greet.' })
      expect(reply.other?.message).toBeUndefined()
    }
  })

  test('has no such member when there is nothing to keep', async () => {
    const { system_fingerprint: _, ...body } = completion('hi', { refusal: null })
    expect(await ask(JSON.stringify(body), false)).not.toHaveProperty('other')
  })
})
