import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { converse, tellReply } from '../../bench/replay/conversation.ts'
import { playNative } from '../../bench/replay/native.ts'
import { createSecrets } from '../../src/domain/redaction.ts'
import { readWireReply } from '../../src/domain/wireReply.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { AnswerRecord, ExchangeRecord } from '../../src/formats/exchange.ts'
import { startGateway } from '../../src/gateway/server.ts'
import { createExchange } from '../../src/record/exchange.ts'
import { createMessagesReader } from '../../src/record/exchangeMessages.ts'
import { issueToken } from '../../src/record/grants.ts'
import { createFileStore } from '../../src/store/files.ts'
import type { Store } from '../../src/store/port.ts'
import { openMeter } from './meterFixture.ts'

const CALLS = 60
const SIZE = { calls: CALLS, charactersPerCall: 8_000 }

/** A store that counts how often a record or a blob is read. */
function openStore(): { dir: string; store: Store; reads: () => number } {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-long-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  const files = createFileStore({ dir })
  let reads = 0
  const store: Store = {
    ...files,
    getRecord(key) {
      reads++
      return files.getRecord(key)
    },
    getBlob(ref) {
      reads++
      return files.getBlob(ref)
    },
  }
  return { dir, store, reads: () => reads }
}

function bytesOf(dir: string): number {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(dir, name)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0)
}

test('a long rollout of the native agent reads two records a step to be taken up again, and keeps less than three times its conversation', async () => {
  const { dir, store, reads } = openStore()
  const played = await playNative({ store, ...SIZE, mayAsk: true })
  const before = reads()
  const replayed = await playNative({ store, ...SIZE, mayAsk: false })
  expect(replayed).toMatchObject({ status: 'ended', steps: CALLS })
  expect(replayed).toMatchObject({ conversation: (played as { conversation: unknown }).conversation })
  // A call and a command each, and the round's end.
  expect(reads() - before).toBeLessThanOrEqual(2 * CALLS + 1)
  const messages = (replayed as { conversation: { message: unknown }[] }).conversation.map(({ message }) => message)
  expect(bytesOf(dir)).toBeLessThan(3 * JSON.stringify(messages).length)
})

test('a long rollout over the gateway keeps less than three times its conversation, and reads each exchange once to be told', async () => {
  const { dir, store, reads } = openStore()
  const secrets = createSecrets({ openaiApiKey: 'sk-a-key-of-no-use' })
  const { redact } = secrets
  const wait = async () => {}
  const exchange = createExchange({
    store,
    provider: {
      isScripted: true,
      async send(body) {
        const text = tellReply((body as { messages: unknown[] }).messages, SIZE.charactersPerCall)
        const contentType = 'application/json'
        const read = readWireReply(contentType, text)
        if ('fault' in read) throw new Error(read.fault)
        return {
          contentType,
          parts: (async function* () {
            yield { text, isClosing: true }
          })(),
          read: () => read,
        }
      },
    },
    ...{ redact, secrets, wait, meter: openMeter(store) },
    retry: { tries: 1, firstWaitMs: 1, longestWaitMs: 1 },
  })
  const gateway = await startGateway({
    ...{ store, exchange, redact, wait, listen: { port: 0 } },
    normalisations: () => [],
    selfTest: () => null,
  })
  onTestFinished(() => gateway.close())
  const rollout = 'night/acme__tool.1-2/1'
  const place = { rollout, chain: 'acme__tool.1-2', stage: 0, round: '0', launch: 1, scaffold: 'test', model: 'bench' }
  const { replies } = await converse({ url: gateway.baseUrl!, token: await issueToken(store, place), ...SIZE })
  expect(replies).toHaveLength(CALLS)

  const given = () => store.listRecords(recordKey.answers(rollout, 0, 0, 1))
  while ((await given()).length < CALLS) await sleep(5)
  const answers = await Promise.all((await given()).map(async (key) => (await store.getRecord<AnswerRecord>(key))!))
  const records: ExchangeRecord[] = []
  for (const answer of answers)
    records.push((await store.getRecord<ExchangeRecord>(recordKey.exchange(answer.exchange)))!)
  const before = reads()
  const messagesOf = createMessagesReader(store)
  let last: readonly unknown[] = []
  for (const record of records) last = await messagesOf(record)
  expect(reads()).toBe(before)
  expect(last).toHaveLength(2 * CALLS)
  // From its end alone, each exchange that it builds on is read once.
  expect(await createMessagesReader(store)(records.at(-1)!)).toEqual(last)
  expect(reads() - before).toBe(CALLS - 1)
  expect(bytesOf(dir)).toBeLessThan(3 * JSON.stringify(last).length)
})
