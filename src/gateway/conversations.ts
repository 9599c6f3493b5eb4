import { countPrefix, digestMessages, type Normalisation } from '../domain/wireRequest.ts'
import type { BlobRef } from '../formats/common.ts'
import type { ExchangeRecord } from '../formats/exchange.ts'

/** How many conversations of a launch are kept in mind. */
const KEPT = 8

interface Conversation {
  key: string
  messages: readonly unknown[]
  digests: readonly BlobRef[]
}

/**
 * The conversations of a launch that were stored last. A request mostly goes on from one of them: what it has of that is
 * neither digested nor stored again.
 */
export class Conversations {
  #list: readonly Normalisation[]
  #known: Conversation[] = []

  /** For requests with these normalisations. */
  constructor(list: readonly Normalisation[]) {
    this.#list = list
  }

  /**
   * The digest of each message. A message that stands in the same place of a known conversation is taken from there, and put
   * in the place of its equal in `messages`, so that a conversation is in memory once.
   */
  digest(messages: unknown[]): BlobRef[] {
    let best: Conversation | null = null
    let shared = 0
    for (const known of this.#known) {
      if (known.messages.length <= shared) continue
      const count = countShared(known.messages, messages)
      if (count > shared) [best, shared] = [known, count]
    }
    for (let at = 0; at < shared; at++) messages[at] = best!.messages[at]
    const rest = digestMessages(messages.slice(shared), this.#list)
    return best ? best.digests.slice(0, shared).concat(rest) : rest
  }

  /** The exchange that a conversation goes on from, and how many of its messages that one has; null for a new conversation. */
  prefixOf(key: string, digests: readonly BlobRef[]): ExchangeRecord['request']['prefix'] {
    let best: { key: string; count: number } | null = null
    for (const known of this.#known) {
      if (known.key === key || known.digests.length <= (best?.count ?? 0)) continue
      const count = countPrefix(known.digests, digests)
      if (count > (best?.count ?? 0)) best = { key: known.key, count }
    }
    return best
  }

  /** Keeps a conversation in mind, once its exchange is stored. */
  remember(key: string, messages: readonly unknown[], digests: readonly BlobRef[]): void {
    this.#known = [{ key, messages, digests }, ...this.#known.filter((known) => known.key !== key)].slice(0, KEPT)
  }
}

function countShared(known: readonly unknown[], messages: readonly unknown[]): number {
  let count = 0
  while (count < known.length && count < messages.length && isSameJson(known[count], messages[count])) count++
  return count
}

function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every(
    (key) =>
      Object.hasOwn(b, key) && isSameJson((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  )
}
