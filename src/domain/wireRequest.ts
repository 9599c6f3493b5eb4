import type { BlobRef } from '../formats/common.ts'
import { digestOf, digestOfJson } from './digest.ts'

/** A request for a chat completion as a scaffold sends it. */
export type WireRequest = Record<string, unknown> & { messages: unknown[] }

/**
 * What differs between two runs of a scaffold under the same script and says nothing of the work: it is made the same
 * for the key alone. The request goes on as it was sent.
 */
export interface Normalisation {
  /** What varies, and why it does not matter. */
  what: string
  /** Found in the texts of messages. */
  pattern: RegExp
  replacement: string
}

/** Members of a message that clients add by themselves, differently from version to version. */
const CLIENT_MEMBERS = ['provider_specific_fields', 'function_call']

/** The digest of each message of a request, normalised. */
export function digestMessages(messages: readonly unknown[], list: readonly Normalisation[]): BlobRef[] {
  return messages.map((message) => digestOfJson(normalise(message, list)))
}

/** The digest of a request whose messages have these digests. The model is the one that is asked, whatever the scaffold names. */
export function digestOfWireRequest(request: WireRequest, messages: readonly BlobRef[], model: string): BlobRef {
  return digestOfJson({ ...request, model, messages: digestOf(messages.join('\n')) })
}

/** How many messages of `later` are all of `earlier`, when it is the first part of it; else 0. */
export function countPrefix(earlier: readonly BlobRef[], later: readonly BlobRef[]): number {
  if (earlier.length === 0 || earlier.length > later.length) return 0
  return earlier.every((digest, index) => later[index] === digest) ? earlier.length : 0
}

function normalise(message: unknown, list: readonly Normalisation[]): unknown {
  if (typeof message !== 'object' || message === null) return message
  const entries = Object.entries(message).filter(([name]) => !CLIENT_MEMBERS.includes(name))
  return Object.fromEntries(entries.map(([name, value]) => [name, name === 'content' ? ofContent(value, list) : value]))
}

function ofContent(content: unknown, list: readonly Normalisation[]): unknown {
  if (typeof content === 'string') {
    return list.reduce((text, { pattern, replacement }) => text.replaceAll(pattern, replacement), content)
  }
  if (!Array.isArray(content)) return content
  return content.map((part: unknown) => {
    const text = (part as { text?: unknown } | null)?.text
    return typeof text === 'string' ? { ...(part as object), text: ofContent(text, list) } : part
  })
}
