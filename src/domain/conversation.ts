import type { ChatRequest, Message } from '../formats/chat.ts'
import type { BlobRef } from '../formats/common.ts'
import { digestOf, digestOfJson } from './digest.ts'

/** How a message was folded last: what came before it, and what came out. */
const folds = new WeakMap<Message, { before: BlobRef; after: BlobRef }>()

/**
 * The digest of a chat request. Messages are folded one by one and each message's fold is kept, so the digest of a
 * conversation that grew by one step costs that step, not the conversation.
 */
export function digestOfRequest(request: ChatRequest): BlobRef {
  const { messages, tools, ...parameters } = request
  let folded: BlobRef = digestOf('')
  for (const message of messages) folded = fold(folded, message)
  return digestOfJson({ parameters, tools: tools ? digestOfTools(tools) : null, messages: folded })
}

const toolDigests = new WeakMap<object, BlobRef>()

function digestOfTools(tools: NonNullable<ChatRequest['tools']>): BlobRef {
  const known = toolDigests.get(tools)
  if (known) return known
  const digest = digestOfJson(tools)
  toolDigests.set(tools, digest)
  return digest
}

function fold(before: BlobRef, message: Message): BlobRef {
  const known = folds.get(message)
  if (known?.before === before) return known.after
  const after = digestOf(before + digestOfJson(message))
  folds.set(message, { before, after })
  return after
}
