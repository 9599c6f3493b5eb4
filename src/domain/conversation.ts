import type { ChatRequest, Message } from '../formats/chat.ts'
import type { BlobRef } from '../formats/common.ts'
import { digestOf, digestOfJson } from './digest.ts'

const digests = new WeakMap<Message, BlobRef>()

/**
 * The digest of a chat request. Messages are folded one by one and each message's own digest is kept, so the digest of
 * a conversation that grew by one step costs that step, not the conversation.
 */
export function digestOfRequest(request: ChatRequest): BlobRef {
  const { messages, tools, ...parameters } = request
  let folded: BlobRef = digestOf('')
  for (const message of messages) folded = digestOf(folded + digestOfMessage(message))
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

function digestOfMessage(message: Message): BlobRef {
  const known = digests.get(message)
  if (known) return known
  const digest = digestOfJson(message)
  digests.set(message, digest)
  return digest
}
