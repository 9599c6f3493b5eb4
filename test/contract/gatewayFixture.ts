import { openMeter } from '../record/meterFixture.ts'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import type { ExchangeRecord } from '../../src/formats/exchange.ts'
import { issueToken } from '../../src/record/grants.ts'
import { startGateway, type Gateway } from '../../src/gateway/server.ts'
import { createProvider } from '../../src/model/provider.ts'
import { createSecrets } from '../../src/domain/redaction.ts'
import { createExchange, readExchangeBody } from '../../src/record/exchange.ts'
import { createMessagesReader } from '../../src/record/exchangeMessages.ts'
import { createFileStore } from '../../src/store/files.ts'
import type { Store } from '../../src/store/port.ts'

type AskedBody = Record<string, unknown> & { messages: { role: string; content: string }[]; stream?: boolean }

/** What the test's provider does with a request: it may answer, break off, or wait. */
export type Answer = (asked: { body: AskedBody; n: number; response: ServerResponse }) => void | Promise<void>

/** A provider of the test's own, and a gateway before it over one store. */
export interface GatewayLab {
  store: Store
  gateway: Gateway
  /** How often the provider was asked, and by which keys. */
  asked: string[]
  /** What it was asked, as it was. */
  requests: AskedBody[]
  /** What the provider said last under each key, byte for byte. */
  said: Map<string, string>
  token(launch?: number): Promise<string>
  /** Another gateway over the same store and provider. */
  another(): Promise<Gateway>
}

/**
 * Opens a {@link GatewayLab} for one test, over the test's own provider or one at `providerUrl`; at its end every recorded
 * call is asked again and its reply compared.
 */
export async function openGateway(
  answer: Answer,
  options: { tries?: number; firstWaitMs?: number; providerUrl?: string; isStreamedWhole?: boolean } = {},
): Promise<GatewayLab> {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-gateway-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const asked: string[] = []
  const requests: AskedBody[] = []
  const said = new Map<string, string>()
  const upstream = createServer((request, response) => {
    void (async () => {
      const key = String(request.headers['idempotency-key'])
      asked.push(key)
      listenTo(response, (text) => said.set(key, text))
      const body = await bodyOf(request)
      requests.push(body)
      await answer({ body, n: asked.length, response })
    })()
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  const baseUrl = options.providerUrl ?? `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/v1`
  const store = createFileStore({ dir })
  const gateways: Gateway[] = []
  const start = async () => {
    const secrets = createSecrets({ openaiApiKey: 'sk-secret' })
    const { redact } = secrets
    const wait = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal })
    const exchange = createExchange({
      store,
      meter: openMeter(store),
      provider: createProvider({ baseUrl, apiKey: 'sk-secret', isScripted: false, timeoutMs: 20_000 }),
      secrets,
      redact,
      retry: { tries: options.tries ?? 3, firstWaitMs: options.firstWaitMs ?? 10, longestWaitMs: 60_000 },
      wait,
    })
    const gateway = await startGateway({
      ...{ store, exchange, normalisations: () => [], listen: { port: 0 }, redact, wait },
      selfTest: (scaffold) =>
        scaffold === 'test' ? { name: 'bash', arguments: { command: 'echo prchain-self-test' } } : null,
      isStreamedWhole: () => options.isStreamedWhole ?? false,
    })
    gateways.push(gateway)
    return gateway
  }
  const gateway = await start()
  onTestFinished(async () => {
    upstream.closeAllConnections()
    upstream.close()
    for (const one of gateways) await one.close()
  })
  onTestFinished(() => replayAll(lab))
  const place = { rollout: 'night/acme__tool.1-2/1', chain: 'acme__tool.1-2', stage: 0, round: '0' }
  const lab: GatewayLab = {
    store,
    gateway,
    asked,
    requests,
    said,
    token: (launch = 1) => issueToken(store, { ...place, launch, scaffold: 'test', model: 'served' }),
    another: start,
  }
  return lab
}

/** Asks for every recorded call once more, as a launch of its own over another gateway: none reaches the provider. */
async function replayAll(lab: GatewayLab): Promise<void> {
  const keys = (await lab.store.listRecords('rollouts')).filter((key) => key.includes('/exchanges/'))
  const records = await Promise.all(keys.map(async (key) => (await lab.store.getRecord<ExchangeRecord>(key))!))
  const nOf = ({ key }: ExchangeRecord) => Number(key.split('-').at(-1))
  const messagesOf = createMessagesReader(lab.store)
  const [gateway, token] = [await lab.another(), await lab.token(1_000)]
  const before = lab.asked.length
  for (const record of records.sort((a, b) => nOf(a) - nOf(b))) {
    const { tools, fields } = record.request
    const sent = {
      ...fields,
      messages: await messagesOf(record),
      ...(tools ? { tools: JSON.parse(String(await lab.store.getBlob(tools))) as unknown } : {}),
    }
    const stored = String(await readExchangeBody(lab.store, record))
    const { status, bytes, type } = await post(gateway, token, sent)
    expect({ status, bytes, type }).toEqual({
      status: 200,
      bytes: record.masked?.length ? stored : (lab.said.get(record.key) ?? stored),
      type: record.response.contentType,
    })
  }
  expect(lab.asked.slice(before)).toEqual([])
}

/** Gives what a response has said so far, at each part. */
function listenTo(response: ServerResponse, onText: (text: string) => void): void {
  const chunks: Buffer[] = []
  const hear = (chunk: unknown) => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk as string))
    onText(Buffer.concat(chunks).toString('utf8'))
  }
  for (const method of ['write', 'end'] as const) {
    const act = response[method].bind(response) as (...args: unknown[]) => never
    response[method] = (...args: unknown[]) => {
      hear(args[0])
      return act(...args)
    }
  }
}

/** A completion as providers send it. */
export function completion(content: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: `chatcmpl-${content.length}`,
    object: 'chat.completion',
    created: 1,
    model: 'served',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content, ...more } }],
    usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13, prompt_tokens_details: { cached_tokens: 4 } },
    system_fingerprint: 'kept as it came',
  }
}

/** Sends a JSON body. */
export function sendJson(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body, null, 1))
}

/** The events of a streamed completion, a word each. */
export function events(content: string): string[] {
  return streamOf(
    content.split(/(?<= )/).map((word) => ({ content: word })),
    'stop',
  )
}

/** The events of a streamed tool call, its arguments in two parts. */
export function toolCallEvents(name: string, args: object): string[] {
  const json = JSON.stringify(args)
  const part = (more: object) => ({ tool_calls: [{ index: 0, ...more }] })
  return streamOf(
    [
      part({ id: 'call_1', type: 'function', function: { name, arguments: json.slice(0, 5) } }),
      part({ function: { arguments: json.slice(5) } }),
    ],
    'tool_calls',
  )
}

function streamOf(deltas: object[], finish: string): string[] {
  const chunk = (choice: unknown, more = {}) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'served', choices: choice ? [choice] : [], ...more })}\n\n`
  return [
    chunk({ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }),
    ...deltas.map((delta) => chunk({ index: 0, delta, finish_reason: null })),
    chunk({ index: 0, delta: {}, finish_reason: finish }),
    chunk(null, { usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } }),
    'data: [DONE]\n\n',
  ]
}

/** Sends a request to a gateway as a plain client, and gives status and bytes. */
export async function post(
  gateway: Gateway,
  token: string,
  body: unknown,
  signal?: AbortSignal,
  headers: Record<string, string> = {},
): Promise<{ status: number; bytes: string; type: string }> {
  const response = await fetch(`${gateway.baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  })
  return {
    status: response.status,
    bytes: await response.text(),
    type: response.headers.get('content-type') ?? '',
  }
}

async function bodyOf(request: IncomingMessage): Promise<AskedBody> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as AskedBody
}
