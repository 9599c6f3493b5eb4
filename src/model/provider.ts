import { setTimeout as sleep } from 'node:timers/promises'
import { fetchPatiently } from './patientFetch.ts'
import { isClosingEvent, isEventStream, readWireReply, type WireReply } from '../domain/wireReply.ts'
import { playHeaders } from './playHeaders.ts'
import { ModelError, type CallOptions, type Provider, type ProviderReply, type ReplyPart } from './port.ts'
import { isFreeRefusal, kindOfRefusal, readRetryAfter, wasNeverSent } from './refusal.ts'

const EVENT_END = /\r?\n\r?\n/
const MOST_ERROR_CHARACTERS = 20_000

/** A provider at an OpenAI-compatible endpoint, sent each request as it is. Only a scripted one is told the play. */
export function createProvider(options: {
  baseUrl: string
  apiKey: string
  isScripted: boolean
  /** From the request to the end of the reply. */
  timeoutMs: number
}): Provider {
  const { baseUrl, apiKey, isScripted, timeoutMs } = options
  const url = `${baseUrl.replace(/\/$/, '')}/chat/completions`

  return {
    isScripted,
    async send(body, call) {
      const deadline = AbortSignal.timeout(timeoutMs)
      const signal = AbortSignal.any([call.signal, deadline])
      const inTime = (error: unknown, kind: 'unavailable' | 'cut'): unknown => {
        if (call.signal.aborted) return call.signal.reason
        if (deadline.aborted)
          return new ModelError('timeout', `no reply within ${timeoutMs} ms`, null, { cause: error })
        return new ModelError(kind, describe(error), null, { cause: error, isFree: wasNeverSent(error) })
      }
      const response = await fetchPatiently(url, {
        method: 'POST',
        headers: headersOf(call),
        body: JSON.stringify(body),
        signal,
      }).catch((error: unknown) => {
        throw inTime(error, 'unavailable')
      })
      const contentType = response.headers.get('content-type') ?? 'application/json'
      if (!response.ok) throw await refusalOf(response, contentType)
      return receive(
        contentType,
        read(response, (error) => inTime(error, 'cut')),
      )
    },
  }

  function headersOf(call: CallOptions): Record<string, string> {
    return {
      'content-type': 'application/json',
      authorization: `Bearer ${apiKey}`,
      'idempotency-key': call.idempotencyKey,
      ...(isScripted ? playHeaders(call.play) : {}),
    }
  }
}

/** Splits a body into events where it is streamed, and holds it against what a reply must be. */
function receive(contentType: string, body: AsyncIterable<Uint8Array>): ProviderReply {
  let reply: WireReply | null = null
  return {
    contentType,
    parts: parts(),
    read() {
      if (reply === null) throw new Error('the reply has not ended yet')
      return reply
    },
  }

  async function* parts(): AsyncGenerator<ReplyPart> {
    const decoder = new TextDecoder()
    let [whole, rest, isClosing] = ['', '', !isEventStream(contentType)]
    for await (const bytes of body) {
      const text = decoder.decode(bytes, { stream: true })
      whole += text
      rest += text
      if (!isEventStream(contentType)) continue
      for (let end = EVENT_END.exec(rest); end !== null; end = EVENT_END.exec(rest)) {
        const event = rest.slice(0, end.index + end[0].length)
        rest = rest.slice(event.length)
        isClosing ||= isClosingEvent(event)
        yield { text: event, isClosing }
      }
    }
    if (rest !== '') yield { text: rest, isClosing: true }
    const read = readWireReply(contentType, whole)
    if ('fault' in read) throw new ModelError(read.kind, read.fault)
    reply = read
  }
}

async function* read(response: Response, translate: (error: unknown) => unknown): AsyncGenerator<Uint8Array> {
  if (response.body === null) return
  try {
    for await (const chunk of response.body) yield chunk as Uint8Array
  } catch (error) {
    throw translate(error)
  }
}

async function refusalOf(response: Response, contentType: string): Promise<ModelError> {
  const { status } = response
  const read = new AbortController()
  const late = sleep(10_000, '', { signal: read.signal }).catch(() => '')
  const whole = await Promise.race([response.text().catch(() => ''), late])
  read.abort()
  const text = whole.slice(0, MOST_ERROR_CHARACTERS)
  const message = `${status} ${text.slice(0, 500)}`
  const answer = { status, contentType, text }
  const kind = kindOfRefusal(status, text)
  const isPassing = kind === 'busy' || kind === 'unavailable'
  return new ModelError(kind, message, isPassing ? readRetryAfter(response.headers) : null, {
    answer,
    isFree: isFreeRefusal(status),
  })
}

function describe(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? `${message}: ${cause.message}` : message
}
