import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createOpenAiModel } from '../../src/model/openai.ts'
import { createBudget } from '../../src/record/budget.ts'
import { createComplete } from '../../src/record/complete.ts'
import { createMeter } from '../../src/record/meter.ts'
import { createFileStore } from '../../src/store/files.ts'

const WINDOW_MS = 200
const MOST_IN_WINDOW = 10
const CALLS = 150

test('a provider that answers 429 above its rate loses no call and is paid for none twice', async () => {
  const windows = new Map<number, number>()
  const served: string[] = []
  const provider = createServer((request, response) => {
    request.resume()
    const window = Math.floor(Date.now() / WINDOW_MS)
    const count = (windows.get(window) ?? 0) + 1
    windows.set(window, count)
    response.setHeader('content-type', 'application/json')
    if (count > MOST_IN_WINDOW) {
      response.writeHead(429, { 'retry-after': String(WINDOW_MS / 1_000) })
      return response.end(JSON.stringify({ error: { message: 'too many' } }))
    }
    served.push(String(request.headers['idempotency-key']))
    const usage = { prompt_tokens: 5, completion_tokens: 1 }
    const message = { role: 'assistant', content: 'yes' }
    return response.end(JSON.stringify({ id: 'r', model: 'm', choices: [{ message, finish_reason: 'stop' }], usage }))
  })
  provider.listen(0, '127.0.0.1')
  await once(provider, 'listening')
  onTestFinished(() => void provider.close())
  const baseUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/v1`
  const dir = mkdtempSync(join(tmpdir(), 'prchain-paced-'))
  const wait = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal })

  /** A worker of its own over the same store. */
  const openWorker = (holder: string) => {
    const store = createFileStore({ dir })
    const now = () => new Date()
    const budget = createBudget({ store, holder, now, wait })
    const limits = { requestsPerMinute: null, tokensPerMinute: null }
    return createComplete({
      ...{ store, wait, redact: (text: string) => text },
      model: createOpenAiModel({ baseUrl, apiKey: 'k', isScripted: false, timeoutMs: 20_000, isStreaming: false }),
      meter: createMeter({ store, budget, provider: 'p', limits, now, wait }),
      retry: { tries: 6, firstWaitMs: 50, longestWaitMs: 1_000 },
    })
  }
  const workers = [openWorker('one'), openWorker('two')]
  const { signal } = new AbortController()
  const keys = Array.from({ length: CALLS }, (_, n) => `night/acme__tool.1-2/1/stages/0/0/calls/${n}`)
  await Promise.all(
    keys.map((key, n) =>
      workers[n % 2]!({
        ...{ key, signal, prefix: null, fence: { check: async () => {} } },
        request: { model: 'm', messages: [{ role: 'user', content: key }] },
        play: { role: 'agent', chain: 'c', rollout: 'night/acme__tool.1-2/1', stage: 0, round: 0 },
      }),
    ),
  )
  expect(served.toSorted()).toEqual(keys.toSorted())
})
