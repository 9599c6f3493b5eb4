import { recordKey } from '../domain/identifiers.ts'
import type { ExchangeRecord } from '../formats/exchange.ts'
import type { Store } from '../store/port.ts'

/**
 * Reads all messages of stored exchanges' requests, in order, from them and those that they build on. What was read is
 * kept: of a conversation that is read exchange by exchange, each is fetched once, and each message is in memory once.
 */
export function createMessagesReader(
  store: Pick<Store, 'getRecord'>,
): (record: ExchangeRecord) => Promise<readonly unknown[]> {
  const known = new Map<string, readonly unknown[]>()

  return async (record) => {
    const chain: ExchangeRecord[] = []
    for (let at: ExchangeRecord | null = record; at && !known.has(at.key); at = await fetchPrefix(at)) chain.push(at)
    for (const { key, request } of chain.reverse()) {
      const { prefix, messages } = request
      known.set(key, prefix ? known.get(prefix.key)!.slice(0, prefix.count).concat(messages) : messages)
    }
    return known.get(record.key)!
  }

  async function fetchPrefix({ request: { prefix } }: ExchangeRecord): Promise<ExchangeRecord | null> {
    return prefix && !known.has(prefix.key) ? store.getRecord<ExchangeRecord>(recordKey.exchange(prefix.key)) : null
  }
}
