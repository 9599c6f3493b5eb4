import type { Message, Tool } from '../formats/chat.ts'

const BYTES_OF_A_TOKEN = 3

/** A request whose tokens the provider has counted: its size as JSON, and the count. */
export interface Counted {
  bytes: number
  tokens: number
}

/**
 * The tokens of a request of so many bytes. What the provider counted last holds for as much of it; beyond that a token
 * is reckoned for every three bytes of JSON begun. A shorter request has its share of the last count.
 */
export function estimateTokens(bytes: number, counted: Counted | null): number {
  if (counted === null) return Math.ceil(bytes / BYTES_OF_A_TOKEN)
  if (bytes < counted.bytes) return Math.ceil((bytes * counted.tokens) / counted.bytes)
  return counted.tokens + Math.ceil((bytes - counted.bytes) / BYTES_OF_A_TOKEN)
}

const sizes = new WeakMap<object, number>()

/** The size of a message, or of a request's tools, as JSON in UTF-8. Kept for each object, which must not change. */
export function bytesOf(part: Message | readonly Tool[]): number {
  const known = sizes.get(part)
  if (known !== undefined) return known
  const bytes = Buffer.byteLength(JSON.stringify(part))
  sizes.set(part, bytes)
  return bytes
}
