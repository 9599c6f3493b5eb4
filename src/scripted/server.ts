import { serve, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { once } from 'node:events'
import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { prettifyError } from 'zod'
import { isClosingEvent } from '../domain/wireReply.ts'
import type { Store } from '../store/port.ts'
import { createAgent } from './agent.ts'
import { renderCompletion, renderEvents } from './completion.ts'
import { createFaults } from './faults.ts'
import { answerAsJudge } from './judge.ts'
import { createLedger } from './ledger.ts'
import { answerAsLinkJudge, asksAboutLink } from './linkJudge.ts'
import { createReferences } from './reference.ts'
import { drawShare } from './seed.ts'
import { scriptedSettings, type Fault, type ScriptedSettings } from './settings.ts'
import { readPlay, readRequest, WireError, type PlayHeaders, type WireReply, type WireRequest } from './wire.ts'
import { answerAsWriter } from './writer.ts'

const MODEL = 'scripted'
const NO_KEY = 'no-key'

/** A running scripted model. */
export interface ScriptedModel {
  /** `http://127.0.0.1:PORT/v1`. */
  baseUrl: string
  port: number
  /** Stops listening and cuts every open connection. */
  close(): Promise<void>
}

/**
 * Starts the scripted model: an OpenAI-compatible server over loopback that plays writer, agent and judge. It is a
 * stand-in and says so in `owned_by`. It reads reference patches from the store and never writes to it. Replies follow
 * from the request, its play headers, the seed, the settings and the store. docs/scripted-model.md tells the rest.
 */
export async function startScriptedModel(options: {
  store: Pick<Store, 'getRecord' | 'getBlob'>
  seed: number
  host?: '127.0.0.1'
  port?: number
  settings: ScriptedSettings
}): Promise<ScriptedModel> {
  const { store, seed, host = '127.0.0.1', port = 0 } = options
  const ledger = createLedger(() => new Date())
  const answerAsAgent = createAgent({ references: createReferences(store), seed })
  let settings = options.settings
  let strike = createFaults(settings.faults, seed)

  const app = new Hono<{ Bindings: HttpBindings }>()
  app.get('/v1/models', (c) =>
    c.json({ object: 'list', data: [{ id: MODEL, object: 'model', created: 0, owned_by: 'prchain-scripted' }] }),
  )
  app.get('/scripted/counts', (c) => c.json(ledger.counts()))
  app.get('/scripted/settings', (c) => c.json(settings))
  app.post('/scripted/settings', async (c) => {
    const parsed = scriptedSettings.safeParse(await c.req.json().catch(() => null))
    if (!parsed.success)
      return c.json(
        errorBody(`settings of the scripted model are wrong: ${prettifyError(parsed.error)}`, 'settings_wrong'),
        400,
      )
    settings = parsed.data
    strike = createFaults(settings.faults, seed)
    return c.json(settings)
  })
  app.post('/v1/chat/completions', async (c) => {
    const { outgoing } = c.env
    const key = c.req.header('idempotency-key') ?? NO_KEY
    ledger.noteAsked(key)
    const play = readPlay((name) => c.req.header(name))
    const current = settings
    const fault = strike(play)
    const request = readRequest(await c.req.json().catch(() => null))
    const isThere = await wait(
      outgoing,
      current.latencyMs + Math.floor(drawShare(seed, 'jitter', key) * current.jitterMs),
    )
    if (!isThere) return RESPONSE_ALREADY_SENT
    if (fault?.kind === 'never') return RESPONSE_ALREADY_SENT
    if (fault && fault.kind !== 'cut') return failWith(fault)
    if (current.contextTokens !== null && request.promptTokens > current.contextTokens) {
      const message = `This model's maximum context length is ${current.contextTokens} tokens; the messages are ${request.promptTokens} tokens.`
      throw new WireError(400, 'context_length_exceeded', message)
    }
    const reply = await answer(request, play, current)
    const rendered = render(request, reply, play)
    if (fault) return cut(outgoing, rendered, fault.at)
    if (await send(outgoing, rendered.head, rendered.parts)) ledger.noteAnswered(key)
    return RESPONSE_ALREADY_SENT
  })
  app.notFound((c) => c.json(errorBody(`the scripted model has no ${c.req.method} ${c.req.path}`, 'not_found'), 404))
  app.onError((error, c) => {
    const { status, code } = error instanceof WireError ? error : { status: 500, code: 'scripted_model_failed' }
    return c.json(errorBody(error.message, code, status), status as 400)
  })

  function answer(request: WireRequest, play: PlayHeaders, current: ScriptedSettings): WireReply | Promise<WireReply> {
    switch (play.role) {
      case 'agent':
        return answerAsAgent({ request, play, settings: current })
      case 'judge':
        return asksAboutLink(request) ? answerAsLinkJudge(request, current) : answerAsJudge(request, current)
      case 'writer':
        return answerAsWriter(request, current)
      default:
        return play.role satisfies never
    }
  }

  function render(
    request: WireRequest,
    reply: WireReply,
    play: PlayHeaders,
  ): { head: Record<string, string>; parts: string[] } {
    const completion = renderCompletion(reply, request, play, seed)
    if (!request.isStreaming)
      return { head: { 'content-type': 'application/json' }, parts: [JSON.stringify(completion)] }
    const head = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' }
    return { head, parts: renderEvents(completion, reply, request.includesUsage) }
  }

  const server = serve({ fetch: app.fetch, hostname: host, port }) as Server
  await once(server, 'listening')
  const { port: bound } = server.address() as AddressInfo
  return {
    baseUrl: `http://${host}:${bound}/v1`,
    port: bound,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** Waits out the latency; false when the client went away meanwhile. */
async function wait(outgoing: ServerResponse, ms: number): Promise<boolean> {
  const gone = new AbortController()
  const leave = () => gone.abort()
  outgoing.once('close', leave)
  if (ms > 0) await sleep(ms, undefined, { signal: gone.signal }).catch(() => {})
  outgoing.off('close', leave)
  return !outgoing.destroyed
}

/** Sends a reply part by part; true when the client has taken all of it. */
async function send(
  outgoing: ServerResponse,
  head: Record<string, string>,
  parts: readonly string[],
): Promise<boolean> {
  outgoing.writeHead(200, head)
  for (const part of parts) {
    if (outgoing.destroyed) return false
    if (!outgoing.write(part)) await Promise.race([once(outgoing, 'drain'), once(outgoing, 'close')])
  }
  const finished = new Promise<boolean>((resolve) => {
    outgoing.once('finish', () => resolve(true))
    outgoing.once('close', () => resolve(outgoing.writableFinished))
  })
  outgoing.end()
  return finished
}

/** Sends the first half of a reply, or of a stream all but what closes it, and destroys the connection. */
async function cut(
  outgoing: ServerResponse,
  { head, parts }: { head: Record<string, string>; parts: readonly string[] },
  at: 'middle' | 'end',
): Promise<Response> {
  const whole = parts.join('')
  const end = parts.findIndex(isClosingEvent)
  const said = at === 'end' && end >= 0 ? parts.slice(0, end).join('') : whole.slice(0, Math.floor(whole.length / 2))
  outgoing.writeHead(200, { ...head, 'content-length': Buffer.byteLength(whole) })
  await new Promise<void>((resolve) => outgoing.write(said, () => resolve()))
  outgoing.destroy()
  return RESPONSE_ALREADY_SENT
}

function failWith(fault: Extract<Fault, { kind: 'status' | 'rubbish' }>): Response {
  if (fault.kind === 'rubbish') {
    return new Response('<html><body>Please stand by.</body></html>', { headers: { 'content-type': 'text/html' } })
  }
  const { status, retryAfterSeconds } = fault
  const headers = new Headers({ 'content-type': 'application/json' })
  if (retryAfterSeconds !== undefined) headers.set('retry-after', String(retryAfterSeconds))
  const code = status === 429 ? 'rate_limit_exceeded' : 'scripted_fault'
  return new Response(JSON.stringify(errorBody(`the scripted model was told to answer ${status}`, code, status)), {
    status,
    headers,
  })
}

function errorBody(message: string, code: string, status = 400): { error: Record<string, unknown> } {
  const type = status === 429 ? 'rate_limit_error' : status >= 500 ? 'server_error' : 'invalid_request_error'
  return { error: { message, type, param: null, code } }
}
