import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { chmod, mkdir } from 'node:fs/promises'
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { dirname } from 'node:path'
import { readRound, splitRound } from '../domain/identifiers.ts'
import type { Redact } from '../domain/redaction.ts'
import { isEventStream } from '../domain/wireReply.ts'
import { digestOfWireRequest, type Normalisation, type WireRequest } from '../domain/wireRequest.ts'
import type { Grant } from '../formats/exchange.ts'
import type { ModelError, Play } from '../model/port.ts'
import type { Exchange, Exchanged } from '../record/exchange.ts'
import type { Store } from '../store/port.ts'
import { GatewayCall } from './call.ts'
import { NO_GRANT, sendError, sendJson, sendTooLong } from './errors.ts'
import { putHalt } from './halt.ts'
import { askHeld } from './hold.ts'
import { findGrant, TOKEN, TOKEN_MASK } from '../record/grants.ts'
import { Launch, type Claim } from './launch.ts'
import { listenForRelays, type RelayedPlace } from './relayed.ts'
import { answerSelfTest, type SelfTestCall } from './selfTest.ts'
import { listenOnSocket } from './socket.ts'

const MOST_REQUEST_BYTES = 256 * 1024 * 1024
const MOST_LAUNCHES = 64
/** How long a reply may wait for the store before its launch is halted, so that its chain says why; it is kept all the same. */
const UNSTORED_MS = 5_000
/** How long tries that are under way, and replies that the store has not taken, are waited for when the gateway is stopped: they are paid for. */
const DRAIN_MS = 30_000

/** A running gateway. */
export interface Gateway {
  /** `http://127.0.0.1:PORT/v1`; null where it listens on a socket. */
  baseUrl: string | null
  /** Listens at a place of this host's network too, for relays of sandboxes. Throws `RelayedPortError`. */
  listenForRelays(place: RelayedPlace): Promise<void>
  /** Takes no further calls, waits a while for those under way, and stops listening. Idempotent. */
  close(): Promise<void>
}

/** The token itself is on no side of a key. */
const TOKENS: Normalisation = { what: 'the round’s token', pattern: TOKEN, replacement: TOKEN_MASK }

/**
 * Starts the OpenAI-compatible face of the record: scaffolds call it with their round's token, and each call is stored
 * before its reply's end is delivered, and finished even when the client has gone. What was answered before is answered
 * from the record, with the same bytes. A provider that stays away halts the launch, and a ceiling holds it: its requests
 * wait, they do not fail. Throws `SocketTakenError` when another process listens on the socket.
 */
export async function startGateway(options: {
  store: Store
  exchange: Exchange
  /** What differs between equal requests of a scaffold. */
  normalisations: (scaffold: string) => readonly Normalisation[]
  /** The tool call of a scaffold's self-test; null for one that is not known. */
  selfTest: (scaffold: string) => SelfTestCall | null
  /** Whether a scaffold is given a streamed reply once all of it is stored, and nothing before; by default as it comes. */
  isStreamedWhole?: (scaffold: string) => boolean
  listen: { socketPath: string } | { port: number }
  redact: Redact
  /** Must end early when the signal aborts. */
  wait: (ms: number, signal: AbortSignal) => Promise<void>
}): Promise<Gateway> {
  const { store, exchange, normalisations, selfTest, isStreamedWhole, listen, redact, wait } = options
  const launches = new Map<string, { opening: Promise<Launch>; users: number }>()
  /** Of launches that were in memory and are no longer: which of their answers did not come through. */
  const left = new Map<string, readonly string[]>()
  const calls = new Map<string, GatewayCall>()
  /** No call begins any longer, none is held, and none waits for another try. */
  const closing = new AbortController()
  /** Calls under way are given up. */
  const stopping = new AbortController()

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (response.headersSent || closing.signal.aborted) response.destroy()
      else sendError(response, 500, 'gateway_failed', redact((error as Error).message))
    })
  })
  // A model may take longer than any default.
  server.requestTimeout = 0
  server.keepAliveTimeout = 60_000
  if ('port' in listen) {
    server.listen(listen.port, '127.0.0.1')
    await once(server, 'listening')
  } else {
    await mkdir(dirname(listen.socketPath), { recursive: true, mode: 0o755 })
    await listenOnSocket(server, listen.socketPath)
    // Whoever has a token may call: users inside sandboxes are others.
    await chmod(listen.socketPath, 0o666)
  }
  const relayed: Server[] = []
  let closed: Promise<void> | null = null
  return {
    async listenForRelays(place) {
      relayed.push(...(await listenForRelays(place, (socket) => server.emit('connection', socket))))
    },
    baseUrl: 'port' in listen ? `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` : null,
    close: () => (closed ??= close()),
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A connection that is kept alive outlives the socket: its client asks the next gateway.
    if (closing.signal.aborted) return void response.destroy()
    const path = (request.url ?? '').split('?')[0]!
    const token = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const grant = await findGrant(store, token)
    if (!grant) return sendError(response, 401, 'invalid_api_key', NO_GRANT)
    const model = { id: grant.model, object: 'model', created: 0, owned_by: 'prchain' }
    if (request.method === 'GET' && path === '/v1/models')
      return sendJson(response, 200, { object: 'list', data: [model] })
    // Whatever it names: that is how calls are answered too.
    if (request.method === 'GET' && path.startsWith('/v1/models/')) return sendJson(response, 200, model)
    if (request.method !== 'POST' || path !== '/v1/chat/completions')
      return sendError(response, 404, 'not_found', `the gateway has no ${request.method} ${path}`)
    const body = await readBody(request)
    if (body === 'too-large')
      return sendError(response, 413, 'request_too_large', `the request is larger than ${MOST_REQUEST_BYTES} bytes`)
    if (body === null)
      return sendError(response, 400, 'invalid_request', 'the request is not JSON with a list of `messages`')
    if (grant.isSelfTest) {
      const call = selfTest(grant.scaffold)
      if (call) return answerSelfTest(body, call, response)
      return sendError(response, 400, 'self_test', `this gateway knows no self-test of ${grant.scaffold}`)
    }
    // OpenAI's clients say which of their tries it is.
    const isRetry = Number(request.headers['x-stainless-retry-count'] ?? 0) > 0
    await useLaunch(token, grant, (launch) => answer(launch, { body, isRetry }, response))
  }

  async function answer(
    launch: Launch,
    { body, isRetry }: { body: WireRequest; isRetry: boolean },
    response: ServerResponse,
  ): Promise<void> {
    const digests = launch.conversations.digest(body.messages)
    await launch.acknowledge(body, digests)
    const claim = launch.claim(digestOfWireRequest(body, digests, launch.grant.model), isRetry)
    let isDelivered = false
    try {
      const call = calls.get(claim.key) ?? start(claim.key, launch, { body, digests, digest: claim.digest })
      isDelivered = await deliver(call, response, { launch, claim })
    } finally {
      claim.settle(isDelivered)
    }
  }

  function start(
    key: string,
    launch: Launch,
    { body, digests, digest }: { body: WireRequest; digests: readonly string[]; digest: string },
  ): GatewayCall {
    const { grant } = launch
    const { signal } = stopping
    const askedAt = new Date().toISOString()
    const play = playOf(grant)
    const call = new GatewayCall((own, tell) => {
      const prefix = launch.conversations.prefixOf(key, digests)
      const asked = {
        key,
        digest,
        grant,
        request: body,
        prefix,
        play,
        askedAt,
        signal,
        idling: closing.signal,
        ...tell,
      }
      const ask = (onLetThrough: () => Promise<void>) => exchange({ ...asked, onLetThrough })
      return askHeld({ ask, holds: () => own.holds(), wait, signal: closing.signal })
    })
    calls.set(key, call)
    call.done
      .then(() => launch.conversations.remember(key, body.messages, digests))
      .catch(() => {})
      .finally(() => calls.delete(key))
    return call
  }

  /** Gives a client a call's reply. False when it went away before it had all of it. */
  async function deliver(
    call: GatewayCall,
    response: ServerResponse,
    { launch, claim }: { launch: Launch; claim: Claim },
  ): Promise<boolean> {
    const isWhole = isStreamedWhole?.(launch.grant.scaffold) ?? false
    let sentBytes = 0
    let unstoredSinceMs: number | null = null
    const stopListening = call.listen({
      hold: launch.hold,
      part(bytes) {
        if (isWhole || response.destroyed) return
        if (!response.headersSent) response.writeHead(200, STREAM_HEAD)
        response.write(bytes)
        sentBytes += bytes.length
      },
      voided() {
        if (sentBytes > 0) response.destroy()
      },
      unstored(why) {
        unstoredSinceMs ??= Date.now()
        if (Date.now() - unstoredSinceMs < UNSTORED_MS) return
        // Not tried again by itself: what takes this first is to take the reply.
        void halt(launch.grant, new Error(why), () => false)
      },
    })
    const gone = new Promise<null>((resolve) => {
      if (response.closed) resolve(null)
      else response.once('close', () => resolve(null))
    })
    try {
      const exchanged = await Promise.race([call.done, gone])
      if (exchanged === null || response.destroyed) return false
      await claim.give()
      if (response.destroyed) return false
      return await finish(response, exchanged, sentBytes)
    } catch (error) {
      return await refuse(error, response, launch.grant)
    } finally {
      stopListening()
    }
  }

  async function finish(response: ServerResponse, { record, body }: Exchanged, sentBytes: number): Promise<boolean> {
    const { contentType } = record.response
    if (!response.headersSent) {
      response.writeHead(
        200,
        isEventStream(contentType)
          ? { ...STREAM_HEAD, 'content-type': contentType }
          : { 'content-type': contentType, 'content-length': body.length },
      )
    }
    const finished = new Promise<boolean>((resolve) => {
      response.once('finish', () => resolve(true))
      response.once('close', () => resolve(response.writableFinished))
    })
    response.end(body.subarray(sentBytes))
    return finished
  }

  /** A context that is too long is the scaffold's to deal with; all else halts the launch, and the client is held. */
  async function refuse(error: unknown, response: ServerResponse, grant: Grant): Promise<false> {
    const { name, kind, answer } = error as ModelError
    if (name === 'ModelError' && kind === 'context' && answer && !response.headersSent) {
      sendTooLong(response, { ...answer, text: redact(answer.text) })
      return false
    }
    if (closing.signal.aborted || name === 'UnwantedCallError') {
      response.destroy()
      return false
    }
    await halt(grant, error, () => !response.destroyed)
    if (!response.destroyed) await once(response, 'close')
    return false
  }

  function halt(grant: Grant, error: unknown, isWanted: () => boolean): Promise<void> {
    return putHalt({ store, grant, error, redact, wait: (ms) => wait(ms, closing.signal), isWanted })
  }

  /** Acts with a token's launch. Those that were used last are kept in memory; another is opened again from the record. */
  async function useLaunch(token: string, grant: Grant, act: (launch: Launch) => Promise<void>): Promise<void> {
    const entry = launches.get(token) ?? { opening: openLaunch(token, grant), users: 0 }
    launches.delete(token)
    launches.set(token, entry)
    entry.opening.catch(() => launches.delete(token))
    entry.users++
    try {
      await act(await entry.opening)
    } finally {
      entry.users--
      for (const [other, { opening, users }] of launches) {
        if (launches.size <= MOST_LAUNCHES) break
        if (users > 0) continue
        launches.delete(other)
        void opening.then((launch) => left.set(other, launch.undelivered())).catch(() => {})
      }
    }
  }

  function openLaunch(token: string, grant: Grant): Promise<Launch> {
    const list = [TOKENS, ...normalisations(grant.scaffold)]
    return Launch.open({ store, grant, normalisations: list, undelivered: left.get(token) ?? null })
  }

  async function close(): Promise<void> {
    closing.abort(new Error('the gateway is stopped'))
    for (const each of [server, ...relayed]) each.close()
    const late = new Promise<void>((resolve) => setTimeout(resolve, DRAIN_MS).unref())
    await Promise.race([Promise.allSettled([...calls.values()].map(({ done }) => done)), late])
    stopping.abort(new Error('the gateway was stopped'))
    server.closeAllConnections()
  }
}

const STREAM_HEAD = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' }

function playOf({ chain, rollout, stage, round }: Grant): Play {
  const { phase, round: number } = splitRound(readRound(round))
  return { role: 'agent', chain, rollout, stage, round: number, phase }
}

/** A request's body; null for one that is none of a call. One that is too large is read to its end: its client reads no answer before. */
async function readBody(request: IncomingMessage): Promise<WireRequest | 'too-large' | null> {
  let chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length
    if (sizeBytes > MOST_REQUEST_BYTES) chunks = []
    else chunks.push(chunk)
  }
  if (sizeBytes > MOST_REQUEST_BYTES) return 'too-large'
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    return Array.isArray((body as { messages?: unknown } | null)?.messages) ? (body as WireRequest) : null
  } catch {
    return null
  }
}
