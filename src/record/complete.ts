import { digestOfRequest } from '../domain/conversation.ts'
import { recordKey } from '../domain/identifiers.ts'
import type { Redact } from '../domain/redaction.ts'
import type { ChatReply, ChatRequest, Message } from '../formats/chat.ts'
import type { CallRecord } from '../formats/record.ts'
import type { ChatModel, ModelError, Play } from '../model/port.ts'
import type { Store } from '../store/port.ts'
import { DivergedError } from './divergence.ts'
import type { Fence } from './fence.ts'

/** One model call under its key. */
export interface Call {
  key: string
  request: ChatRequest
  /** The recorded call whose messages this request's begin with, so that only what came after is stored again. */
  prefix: { key: string; count: number } | null
  play: Play
  fence: Fence
  signal: AbortSignal
}

/** How often and how patiently a failing provider is asked before {@link ModelUnavailableError}. */
export interface RetryLimits {
  /** Tries in all, the first included. */
  tries: number
  /** The first wait; doubled each time, with up to a fifth of jitter taken off. */
  firstWaitMs: number
  /** No wait is longer, `retry-after` included. */
  longestWaitMs: number
}

/** The provider gave no usable reply within the stated tries. Nothing was stored, so asking again later goes on from here. */
export class ModelUnavailableError extends Error {
  override name = 'ModelUnavailableError'
}

/**
 * `complete(key, request)`: one model call, paid for once. The stored reply is returned when the key has one and the
 * digests agree, else the provider is asked and request and reply are stored before anything is returned.
 * Throws {@link DivergedError}, {@link ModelUnavailableError}, `ModelError` when no retry can help, `FencedError`.
 */
export type Complete = (call: Call) => Promise<{ reply: ChatReply; isStored: boolean }>

/** Makes {@link Complete} over a store and a model. `waitMs` must end early when the signal aborts. */
export function createComplete(ports: {
  store: Store
  model: ChatModel
  redact: Redact
  retry: RetryLimits
  wait: (ms: number, signal: AbortSignal) => Promise<void>
}): Complete {
  const { store, model, redact, retry, wait } = ports

  return async ({ key, request, prefix, play, fence, signal }) => {
    const digest = digestOfRequest(request)
    const stored = await store.getRecord<CallRecord>(recordKey.call(key))
    if (stored) return { reply: agreed(stored, digest).reply, isStored: true }

    await fence.check()
    const startedAt = new Date().toISOString()
    const { reply, failures } = await ask()
    await fence.check()
    const { model: name, messages, tools, ...parameters } = request
    const record: CallRecord = {
      format: 'prchain.call/1',
      key,
      digest,
      request: {
        model: name,
        parameters: parameters as Record<string, number>,
        tools: tools ? await store.putBlob(JSON.stringify(tools)) : null,
        prefix,
        messages: messages.slice(prefix?.count ?? 0) as Message[],
      },
      reply: JSON.parse(redact(JSON.stringify(reply))) as ChatReply,
      startedAt,
      finishedAt: new Date().toISOString(),
      failures,
    }
    const { value, isNew } = await store.putRecord(recordKey.call(key), record)
    return { reply: agreed(value, digest).reply, isStored: !isNew }

    async function ask(): Promise<{ reply: ChatReply; failures: CallRecord['failures'] }> {
      const failures: CallRecord['failures'] = []
      for (;;) {
        try {
          return { reply: await model.complete(request, { idempotencyKey: key, play, signal }), failures }
        } catch (error) {
          const modelError = asModelError(error)
          if (signal.aborted || !modelError?.isRetryable) throw error
          failures.push({ kind: modelError.kind, message: redact(modelError.message), at: new Date().toISOString() })
          if (failures.length >= retry.tries) {
            throw new ModelUnavailableError(
              `${request.model} gave no usable reply to call ${key} in ${failures.length} tries; last: ${redact(modelError.message)}`,
              { cause: error },
            )
          }
          const doubled = retry.firstWaitMs * 2 ** (failures.length - 1)
          const backOffMs = doubled * (1 - Math.random() / 5)
          await wait(Math.min(Math.max(backOffMs, modelError.retryAfterMs ?? 0), retry.longestWaitMs), signal)
          await fence.check()
        }
      }
    }
  }

  function agreed(record: CallRecord, digest: string): CallRecord {
    if (record.digest !== digest) throw new DivergedError('call', record.key, record.digest, digest)
    return record
  }
}

function asModelError(error: unknown): ModelError | null {
  return error instanceof Error && error.name === 'ModelError' ? (error as ModelError) : null
}
