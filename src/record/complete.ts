import { digestOfRequest } from '../domain/conversation.ts'
import { countLeft } from '../domain/elision.ts'
import { recordKey } from '../domain/identifiers.ts'
import { listMasked } from '../domain/masked.ts'
import type { ChatReply, ChatRequest, Message } from '../formats/chat.ts'
import type { CallRecord, Elision } from '../formats/record.ts'
import type { ChatModel, Play } from '../model/port.ts'
import type { Store } from '../store/port.ts'
import { DivergedError } from './divergence.ts'
import type { Fence } from './fence.ts'
import { sizeOf } from './meter.ts'
import { askPatiently, type Patience } from './patience.ts'
import { storeSurely } from './storing.ts'

/** One model call under its key. */
export interface Call {
  key: string
  request: ChatRequest
  /** The recorded call whose messages this request's begin with, so that only what came after is stored again. */
  prefix: { key: string; count: number } | null
  /** What was left out of the prefix's messages; nothing when absent. */
  elision?: Elision | null
  /** What the key has on record, by one who has just read it; looked up when absent. */
  known?: CallRecord | null
  play: Play
  fence: Fence
  signal: AbortSignal
  /** Told why the store does not take the reply in hand, at each try. */
  onUnstored?: (why: string) => void
}

/**
 * `complete(key, request)`: one model call, paid for once. The stored reply is returned when the key has one and the
 * digests agree, else the provider is asked and request and reply are stored before anything is returned. A reply that
 * the store does not take is kept, and put again until it does.
 * Throws {@link DivergedError}, `ModelUnavailableError`, `CeilingReachedError`, `ModelError` when no retry can help,
 * `FencedError`.
 */
export type Complete = (call: Call) => Promise<{ reply: ChatReply; isStored: boolean }>

/** Makes {@link Complete} over a store and a model. */
export function createComplete(ports: { store: Store; model: ChatModel } & Patience): Complete {
  const { store, model, redact } = ports

  return async ({ key, request, prefix, elision, known, play, fence, signal, onUnstored }) => {
    const digest = digestOfRequest(request)
    const stored = known === undefined ? await store.getRecord<CallRecord>(recordKey.call(key)) : known
    if (stored) return { reply: agreed(stored, digest).reply, isStored: true }

    const { model: name, messages, tools, ...parameters } = request
    const added = messages.slice(countLeft(prefix?.count ?? 0, elision?.leftOut ?? [])) as Message[]
    const before = prefix && (await store.getRecord<CallRecord>(recordKey.call(prefix.key)))
    const startedAt = new Date().toISOString()
    const { reply, failures } = await askPatiently({
      patience: ports,
      call: {
        ...{ key, rollout: play.rollout, stage: play.stage, model: name, choices: 1 },
        maxTokens: request.max_tokens ?? null,
        ...sizeOf({
          ...{ messages, tools, added, fields: parameters },
          before: before && { usage: before.reply.usage, tools: before.request.tools },
        }),
      },
      ask: () => model.complete(request, { idempotencyKey: key, play, signal }),
      usageOf: (answered) => answered.usage,
      check: () => fence.check(),
      signal,
    })
    const finishedAt = new Date().toISOString()
    const describe = async (): Promise<CallRecord> => ({
      format: 'prchain.call/1',
      key,
      digest,
      request: {
        model: name,
        parameters: parameters as Record<string, number>,
        tools: tools ? await store.putBlob(JSON.stringify(tools)) : null,
        prefix,
        ...(elision ? { elision } : {}),
        messages: added,
      },
      reply: JSON.parse(redact(JSON.stringify(reply))) as ChatReply,
      ...{ startedAt, finishedAt, failures },
    })
    const { value, isNew } = await storeSurely({
      what: `the reply of call ${key}`,
      async put() {
        await fence.check()
        const made = await describe()
        return store.putRecord(recordKey.call(key), { ...made, masked: listMasked(made) })
      },
      onFailure: (why) => onUnstored?.(redact(why)),
      wait: ports.wait,
      signal,
    })
    return { reply: agreed(value, digest).reply, isStored: !isNew }
  }

  function agreed(record: CallRecord, digest: string): CallRecord {
    if (record.digest !== digest) throw new DivergedError('call', record.key, record.digest, digest)
    return record
  }
}
