import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createProvider } from '../../src/model/provider.ts'
import { readRetryAfter } from '../../src/model/refusal.ts'

describe('a provider that refuses', () => {
  test('is read to the end of its answer, and leaves no timer behind', async () => {
    const server = createServer((_, response) => {
      response.writeHead(503, { 'retry-after-ms': '1500', 'retry-after': '2' })
      response.end('down')
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const provider = createProvider({
      baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
      ...{ apiKey: 'k', isScripted: false, timeoutMs: 10_000 },
    })
    const play = { role: 'agent', chain: 'c', rollout: 'r', stage: 0, round: 0 } as const
    const { signal } = new AbortController()
    const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
    const before = timers()
    for (let n = 0; n < 20; n++) {
      await expect(provider.send({ messages: [] }, { idempotencyKey: 'k', play, signal })).rejects.toMatchObject({
        kind: 'unavailable',
        message: '503 down',
        retryAfterMs: 1_500,
      })
    }
    expect(timers() - before).toBeLessThan(10)
  })

  test.each([
    [{ 'retry-after-ms': '250', 'retry-after': '1' }, 250],
    [{ 'retry-after-ms': 'soon', 'retry-after': '1' }, 1_000],
    [{ 'retry-after': '1.5' }, 1_500],
    [{ 'retry-after-ms': '0' }, null],
    [{}, null],
  ] as const)('with %j wants to be left alone for %s ms', (headers, ms) => {
    expect(readRetryAfter(new Headers(headers))).toBe(ms)
  })
})
