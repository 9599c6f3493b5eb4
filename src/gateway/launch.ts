import { exchangeKey, readRound, recordKey } from '../domain/identifiers.ts'
import { readWireReply } from '../domain/wireReply.ts'
import { digestMessages, digestOfWireRequest, type Normalisation, type WireRequest } from '../domain/wireRequest.ts'
import { isEcho } from '../domain/wireTrace.ts'
import type { BlobRef } from '../formats/common.ts'
import type { AnswerRecord, ExchangeRecord, Grant, Hold } from '../formats/exchange.ts'
import { readExchangeBody } from '../record/exchange.ts'
import { createMessagesReader } from '../record/exchangeMessages.ts'
import { openHold } from '../record/hold.ts'
import type { Ledger } from '../record/ledger.ts'
import type { Store } from '../store/port.ts'
import { Conversations } from './conversations.ts'

/** The place of one request among the equal ones of a launch, held by one client. */
export interface Claim {
  key: string
  digest: BlobRef
  /** Puts the answer on record: its end is about to be sent. */
  give(): Promise<void>
  /** The client was given all of the answer, or went away before. */
  settle(isDelivered: boolean): void
}

/**
 * One launch of a scaffold, as the gateway sees it: which of its requests were answered, so that an equal one is known for
 * a repetition, and what conversations it has, so that only what is new of them is stored.
 */
export class Launch {
  readonly grant: Grant
  /** Whether its requests are held. */
  readonly hold: Ledger<Hold>
  readonly conversations: Conversations
  #store: Store
  #answered = new Map<BlobRef, number>()
  /** The place that was last claimed among equal requests. */
  #claimed = new Map<BlobRef, number>()
  #answers = 0
  #held = new Set<string>()
  /** Answers of which nobody has shown yet that they came through, by exchange. */
  #open = new Map<string, Pick<AnswerRecord, 'exchange' | 'digest' | 'n'>>()

  private constructor(store: Store, grant: Grant, list: readonly Normalisation[]) {
    this.#store = store
    this.grant = grant
    this.conversations = new Conversations(list)
    const { rollout, stage, round, launch } = grant
    this.hold = openHold(store, { rollout, stage, round: readRound(round), n: launch })
  }

  /**
   * Opens a launch with what is on record of it, so that a gateway goes on where another ended. Whether the last answer
   * came through before that one died, and those that were under way with it, is not known: they are given once more to
   * who asks for them. One that this gateway had open before knows it: `undelivered` are those that did not.
   */
  static async open(options: {
    store: Store
    grant: Grant
    normalisations: readonly Normalisation[]
    undelivered: readonly string[] | null
  }): Promise<Launch> {
    const { store, grant, normalisations: list, undelivered } = options
    const launch = new Launch(store, grant, list)
    const { rollout, stage, round, launch: n } = grant
    const keys = await store.listRecords(recordKey.answers(rollout, stage, readRound(round), n))
    const answers = await Promise.all(keys.map(async (key) => (await store.getRecord<AnswerRecord>(key))!))
    for (const answer of answers) launch.#count(answer)
    launch.#answers = keys.length
    const last = answers.at(-1)
    if (!last) return launch
    const open = new Set(undelivered ?? [last.exchange, ...last.open])
    for (const answer of answers) {
      if (!open.has(answer.exchange)) continue
      launch.#open.set(answer.exchange, answer)
      launch.#answered.set(answer.digest, Math.min(launch.#answered.get(answer.digest)!, answer.n))
    }
    const exchange = await store.getRecord<ExchangeRecord>(recordKey.exchange(last.exchange))
    if (exchange) {
      const messages = await createMessagesReader(store)(exchange)
      launch.conversations.remember(exchange.key, messages, digestMessages(messages, list))
    }
    return launch
  }

  /** The answers of which it is not known that they came through, by exchange. */
  undelivered(): string[] {
    return [...this.#open.keys()]
  }

  /**
   * Claims the answer to a request: the first among its equals that was not given in full and that no client waits for.
   * So a client whose connection broke gets the answer that it missed, and one that asks the same again gets another. One
   * that says itself that it tries again is given what was last claimed, which may have been lost on its way.
   */
  claim(digest: BlobRef, isRetry: boolean): Claim {
    const { rollout, stage, round } = this.grant
    const place = (at: number) => `${digest} ${at}`
    const last = isRetry ? this.#claimed.get(digest) : undefined
    let n = last === undefined || this.#held.has(place(last)) ? (this.#answered.get(digest) ?? 0) : last
    while (this.#held.has(place(n))) n++
    this.#held.add(place(n))
    this.#claimed.set(digest, n)
    const key = exchangeKey(rollout, stage, readRound(round), digest, n)
    return {
      key,
      digest,
      give: async () => {
        const open = [...this.#open.keys()].filter((other) => other !== key)
        this.#open.set(key, { exchange: key, digest, n })
        const at = new Date().toISOString()
        await this.#putAnswer({ format: 'prchain.answer/1', exchange: key, digest, n, open, at })
      },
      settle: (isDelivered) => {
        this.#held.delete(place(n))
        if (isDelivered) this.#close({ exchange: key, digest, n })
      },
    }
  }

  /** A request that goes on from an open answer shows that it came through: who asks for that again gets another. */
  async acknowledge(request: WireRequest, digests: readonly BlobRef[]): Promise<void> {
    if (this.#open.size === 0) return
    const at = request.messages.findLastIndex((message) => (message as { role?: unknown } | null)?.role === 'assistant')
    if (at < 1) return
    const digest = digestOfWireRequest(request, digests.slice(0, at), this.grant.model)
    for (const open of this.#open.values()) {
      if (open.digest === digest && (await this.#isEchoed(open.exchange, request.messages[at]))) this.#close(open)
    }
  }

  async #isEchoed(key: string, sent: unknown): Promise<boolean> {
    const exchange = await this.#store.getRecord<ExchangeRecord>(recordKey.exchange(key))
    if (!exchange) return false
    const body = await readExchangeBody(this.#store, exchange)
    const reply = readWireReply(exchange.response.contentType, body.toString('utf8'))
    return !('fault' in reply) && isEcho(reply, sent)
  }

  #close(answer: Pick<AnswerRecord, 'exchange' | 'digest' | 'n'>): void {
    this.#open.delete(answer.exchange)
    this.#count(answer)
  }

  #count({ digest, n }: Pick<AnswerRecord, 'digest' | 'n'>): void {
    this.#answered.set(digest, Math.max(this.#answered.get(digest) ?? 0, n + 1))
  }

  async #putAnswer(answer: AnswerRecord): Promise<void> {
    const { rollout, stage, round, launch } = this.grant
    for (;;) {
      const key = recordKey.answer(rollout, stage, readRound(round), launch, this.#answers++)
      const { isNew } = await this.#store.putRecord(key, answer)
      if (isNew) return
    }
  }
}
