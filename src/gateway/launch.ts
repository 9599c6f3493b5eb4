import { exchangeKey, readRound, recordKey } from '../domain/identifiers.ts'
import { countPrefix, digestMessages, type Normalisation } from '../domain/wireRequest.ts'
import type { BlobRef } from '../formats/common.ts'
import type { AnswerRecord, ExchangeRecord, Grant, Hold } from '../formats/exchange.ts'
import { readExchangeMessages } from '../record/exchange.ts'
import { openHold } from '../record/hold.ts'
import type { Ledger } from '../record/ledger.ts'
import type { Store } from '../store/port.ts'

/** How many conversations of a launch are kept in mind, so that a later request is seen to go on with one. */
const KEPT = 8

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
  #store: Store
  #answered = new Map<BlobRef, number>()
  #answers = 0
  #held = new Set<string>()
  #conversations: { key: string; digests: readonly BlobRef[] }[] = []

  private constructor(store: Store, grant: Grant) {
    this.#store = store
    this.grant = grant
    const { rollout, stage, round, launch } = grant
    this.hold = openHold(store, { rollout, stage, round: readRound(round), n: launch })
  }

  /**
   * Opens a launch with what is on record of it, so that a gateway goes on where another ended. Whether the last answer
   * came through before that one died is not known: it is given once more to who asks for it.
   */
  static async open(store: Store, grant: Grant, list: readonly Normalisation[]): Promise<Launch> {
    const launch = new Launch(store, grant)
    const { rollout, stage, round, launch: n } = grant
    const keys = await store.listRecords(recordKey.answers(rollout, stage, readRound(round), n))
    let last: AnswerRecord | null = null
    for (const key of keys) {
      last = (await store.getRecord<AnswerRecord>(key))!
      launch.#answered.set(last.digest, Math.max(launch.#answered.get(last.digest) ?? 0, last.n + 1))
    }
    if (last) launch.#answered.set(last.digest, last.n)
    launch.#answers = keys.length
    const exchange = last && (await store.getRecord<ExchangeRecord>(recordKey.exchange(last.exchange)))
    if (exchange) launch.remember(exchange.key, digestMessages(await readExchangeMessages(store, exchange), list))
    return launch
  }

  /**
   * Claims the answer to a request: the first among its equals that was not given in full and that no client waits for.
   * So a client whose connection broke gets the answer that it missed, and one that asks the same again gets another.
   */
  claim(digest: BlobRef): Claim {
    const { rollout, stage, round } = this.grant
    let n = this.#answered.get(digest) ?? 0
    const place = (at: number) => `${digest} ${at}`
    while (this.#held.has(place(n))) n++
    this.#held.add(place(n))
    const key = exchangeKey(rollout, stage, readRound(round), digest, n)
    return {
      key,
      digest,
      give: () =>
        this.#putAnswer({ format: 'prchain.answer/1', exchange: key, digest, n, at: new Date().toISOString() }),
      settle: (isDelivered) => {
        this.#held.delete(place(n))
        if (isDelivered) this.#answered.set(digest, Math.max(this.#answered.get(digest) ?? 0, n + 1))
      },
    }
  }

  async #putAnswer(answer: AnswerRecord): Promise<void> {
    const { rollout, stage, round, launch } = this.grant
    for (;;) {
      const key = recordKey.answer(rollout, stage, readRound(round), launch, this.#answers++)
      const { isNew } = await this.#store.putRecord(key, answer)
      if (isNew) return
    }
  }

  /** The exchange that a conversation goes on from, and how many of its messages that one has; null for a new conversation. */
  prefixOf(key: string, digests: readonly BlobRef[]): ExchangeRecord['request']['prefix'] {
    let best: { key: string; count: number } | null = null
    for (const known of this.#conversations) {
      if (known.key === key) continue
      const count = countPrefix(known.digests, digests)
      if (count > (best?.count ?? 0)) best = { key: known.key, count }
    }
    return best
  }

  /** Keeps a conversation in mind once its exchange is stored. */
  remember(key: string, digests: readonly BlobRef[]): void {
    this.#conversations = [{ key, digests }, ...this.#conversations.filter((known) => known.key !== key)].slice(0, KEPT)
  }
}
