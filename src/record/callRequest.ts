import { noteFor } from '../domain/elision.ts'
import { recordKey } from '../domain/identifiers.ts'
import type { ChatRequest, Message, Tool } from '../formats/chat.ts'
import type { CallRecord } from '../formats/record.ts'
import type { Store } from '../store/port.ts'

/**
 * The whole request of a recorded call as the model saw it, made from the store alone: the messages of the calls that it
 * builds on, with what each left out, then its own. Throws when a call that it builds on is not in the store.
 */
export async function readCallRequest(
  store: Pick<Store, 'getRecord' | 'getBlob'>,
  record: CallRecord,
): Promise<ChatRequest> {
  const calls = [record]
  for (let prefix = record.request.prefix; prefix !== null; prefix = calls.at(-1)!.request.prefix) {
    const before = await store.getRecord<CallRecord>(recordKey.call(prefix.key))
    if (!before) throw new Error(`the call ${prefix.key}, which ${record.key} builds on, is not in the store`)
    calls.push(before)
  }
  const messages: Message[] = []
  for (const { request } of calls.toReversed()) {
    messages.length = request.prefix?.count ?? 0
    for (const { from, to, note } of (request.elision?.leftOut ?? []).toReversed()) {
      messages.splice(from, to - from, noteFor({ message: messages[from]! }, note))
    }
    messages.push(...request.messages)
  }
  const { model, parameters, tools } = record.request
  const sent = tools === null ? {} : { tools: JSON.parse((await store.getBlob(tools)).toString('utf8')) as Tool[] }
  return { model, messages, ...sent, ...parameters }
}
