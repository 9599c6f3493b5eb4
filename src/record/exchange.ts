import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { recordKey } from '../domain/identifiers.ts'
import { listMasked } from '../domain/masked.ts'
import type { Secrets } from '../domain/redaction.ts'
import { redactReply } from '../domain/redactReply.ts'
import { readWireReply, type WireReply } from '../domain/wireReply.ts'
import type { WireRequest } from '../domain/wireRequest.ts'
import type { BlobRef } from '../formats/common.ts'
import type { ExchangeRecord, Grant } from '../formats/exchange.ts'
import type { Play, Provider } from '../model/port.ts'
import type { Store } from '../store/port.ts'
import { maskTokens } from './grants.ts'
import { sizeOf, type Metered } from './meter.ts'
import { askPatiently, type Patience } from './patience.ts'
import { storeSurely } from './storing.ts'

const compress = promisify(gzip)
const expand = promisify(gunzip)

/** One model call of a scaffold under its key. */
export interface ExchangeCall {
  key: string
  digest: BlobRef
  grant: Grant
  request: WireRequest
  /** The stored exchange whose messages this request's begin with, so that only what came after is stored again. */
  prefix: ExchangeRecord['request']['prefix']
  play: Play
  /** When the request came: it may have been held since. */
  askedAt: string
  /** Gives the call up. */
  signal: AbortSignal
  /** Ends what waits for a ceiling, a turn or another try, when nothing is paid for; never a try that is under way. */
  idling: AbortSignal
  /** Runs when no ceiling is in the way any longer, before each try. */
  onLetThrough: () => Promise<void>
  /**
   * Gets the reply's bytes as they come, but for its end, which is given only when all is stored; null when what was
   * given is void, because another try begins.
   */
  onPart: (part: Buffer | null) => void
  /** Told why the store does not take the reply in hand, at each try. */
  onUnstored: (why: string) => void
}

/** A stored exchange with the reply's body as it is delivered. */
export interface Exchanged {
  record: ExchangeRecord
  body: Buffer
  isStored: boolean
}

/**
 * `complete` for bytes: a scaffold's model call, paid for once. What the key has on record is returned; else the provider
 * is sent the request as it is, and request and reply are stored before the reply's end is given. A reply that the store
 * does not take is kept, and put again until it does. Throws
 * `ModelUnavailableError`, `CeilingReachedError`, and `ModelError` when no retry can help.
 */
export type Exchange = (call: ExchangeCall) => Promise<Exchanged>

/** Makes {@link Exchange} over a store and a provider. */
export function createExchange(ports: { store: Store; provider: Provider; secrets: Secrets } & Patience): Exchange {
  const { store, provider, secrets } = ports
  const { redact } = secrets

  return async (call) => {
    const { key, grant, request, signal } = call
    const stored = await store.getRecord<ExchangeRecord>(recordKey.exchange(key))
    if (stored) return { record: stored, body: await readExchangeBody(store, stored), isStored: true }

    const startedAt = new Date().toISOString()
    const { reply, failures } = await askPatiently({
      patience: ports,
      call: await meteredOf(call),
      ask: () => ask(call),
      usageOf: ({ read }) => read.usage,
      check: call.onLetThrough,
      signal,
      idling: call.idling,
    })
    const finishedAt = new Date().toISOString()
    const record = await storeSurely({
      what: `the reply of call ${key}`,
      put: async () =>
        store.putRecord(recordKey.exchange(key), {
          ...(await describe(call, reply)),
          ...{ askedAt: call.askedAt, startedAt, finishedAt, failures },
        }),
      onFailure: (why) => call.onUnstored(redact(why)),
      wait: ports.wait,
      signal,
    })
    if (record.isNew) return { record: record.value, body: reply.body, isStored: false }
    // Another gateway's answer is on record: what was given of this one is void.
    call.onPart(null)
    return { record: record.value, body: await readExchangeBody(store, record.value), isStored: true }

    async function meteredOf({ prefix }: ExchangeCall): Promise<Metered> {
      const { messages, tools, ...fields } = request
      const before = prefix && (await store.getRecord<ExchangeRecord>(recordKey.exchange(prefix.key)))
      const added = messages.slice(prefix?.count ?? 0)
      return {
        ...{ key, rollout: grant.rollout, stage: grant.stage, model: grant.model },
        ...outputOf(request),
        ...sizeOf({
          messages,
          tools,
          fields,
          added,
          before: before && { usage: before.usage, tools: before.request.tools },
        }),
      }
    }

    async function describe(
      { digest, prefix }: ExchangeCall,
      { contentType, body, read }: Received,
    ): Promise<Omit<ExchangeRecord, 'askedAt' | 'startedAt' | 'finishedAt' | 'failures'>> {
      const { messages, tools, ...fields } = request
      const clean = <T>(value: T) => JSON.parse(maskTokens(redact(JSON.stringify(value)))) as T
      const added = clean(messages.slice(prefix?.count ?? 0) as unknown[])
      const sent = {
        prefix,
        messages: added,
        tools: tools === undefined ? null : await store.putBlob(JSON.stringify(clean(tools))),
        fields: clean(fields as Record<string, unknown>),
      }
      const reply = readWireReply(contentType, body.toString('utf8'))
      return {
        format: 'prchain.exchange/1',
        key,
        digest,
        launch: grant.launch,
        request: sent,
        response: { contentType, body: await store.putBlob(await compress(body)), sizeBytes: body.length },
        usage: read.usage,
        finishReason: read.finishReason,
        masked: listMasked({ request: sent, reply: 'message' in reply ? { message: reply.message } : null }),
      }
    }
  }

  interface Received {
    contentType: string
    body: Buffer
    read: WireReply
  }

  async function ask({ key, grant, request, play, signal, onPart }: ExchangeCall): Promise<Received> {
    const sent = { ...request, model: grant.model }
    const { contentType, parts, read } = await provider.send(sent, { idempotencyKey: key, play, signal })
    const given: Buffer[] = []
    try {
      for await (const { text, isClosing } of redactReply(parts, secrets)) {
        const bytes = Buffer.from(text)
        given.push(bytes)
        if (!isClosing) onPart(bytes)
      }
      return { contentType, body: Buffer.concat(given), read: read() }
    } catch (error) {
      if (given.length > 0) onPart(null)
      throw error
    }
  }
}

/**
 * What a request says of the length of its reply. Of two limits the larger counts, since providers know one of them; one
 * that is no count, as -1 for none, is none.
 */
function outputOf(request: WireRequest): Pick<Metered, 'maxTokens' | 'choices'> {
  const { max_completion_tokens: newer, max_tokens: older, n } = request as Record<string, unknown>
  const limits = [newer, older].filter(isCount)
  return { maxTokens: limits.length === 0 ? null : Math.max(...limits), choices: isCount(n) ? n : 1 }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

/** The body of a stored exchange's reply. */
export async function readExchangeBody(store: Pick<Store, 'getBlob'>, { response }: ExchangeRecord): Promise<Buffer> {
  return expand(await store.getBlob(response.body))
}
