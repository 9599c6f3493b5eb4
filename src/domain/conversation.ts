import type { ChatRequest, Message } from '../formats/chat.ts'
import type { BlobRef } from '../formats/common.ts'
import { digestOf, digestOfJson } from './digest.ts'

/**
 * The digest of a chat request. Messages are folded one by one, and what a message came to after the ones before it is
 * kept, so the digest of a conversation that grew by one step costs that step, not the conversation.
 */
export function digestOfRequest(request: ChatRequest): BlobRef {
  const { messages, tools, ...parameters } = request
  let folded: BlobRef = digestOf('')
  for (const message of messages) folded = foldMessage(folded, message)
  return digestOfJson({ parameters, tools: tools ? digestOfTools(tools) : null, messages: folded })
}

interface Fold {
  own: BlobRef
  before: BlobRef
  after: BlobRef
}

const folds = new WeakMap<Message, Fold>()

function foldMessage(before: BlobRef, message: Message): BlobRef {
  const known = folds.get(message)
  if (known?.before === before) return known.after
  const own = known?.own ?? digestOfJson(message)
  const after = digestOf(before + own)
  folds.set(message, { own, before, after })
  return after
}

const toolDigests = new WeakMap<object, BlobRef>()

function digestOfTools(tools: NonNullable<ChatRequest['tools']>): BlobRef {
  const known = toolDigests.get(tools)
  if (known) return known
  const digest = digestOfJson(tools)
  toolDigests.set(tools, digest)
  return digest
}
