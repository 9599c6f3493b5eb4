import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createLedger } from '../../src/record/ledger.ts'
import { createFileStore } from '../../src/store/files.ts'
import type { Store } from '../../src/store/port.ts'

interface Tally {
  count: number
}

function openLedger(store: Pick<Store, 'getRecord' | 'putRecord'>) {
  return createLedger<Tally>({
    store,
    format: 'test.tally/1',
    keyOf: (n) => `tallies/${String(n).padStart(6, '0')}`,
    empty: { count: 0 },
  })
}

const openStore = () => createFileStore({ dir: mkdtempSync(join(tmpdir(), 'prchain-ledger-')) })
const add = ({ count }: Tally) => ({ state: { count: count + 1 }, result: count })

/** A ledger whose store cannot write until it is freed. */
function openFullLedger() {
  const store = openStore()
  let isFull = true
  const ledger = openLedger({
    getRecord: store.getRecord,
    putRecord: (key, value) => (isFull ? Promise.reject(new Error('no room')) : store.putRecord(key, value)),
  })
  return { ledger, free: () => void (isFull = false) }
}

test('changes of many processes at once are each made once, in one order', async () => {
  const store = openStore()
  const ledgers = Array.from({ length: 5 }, () => openLedger(store))
  const results = await Promise.all(ledgers.flatMap((ledger) => Array.from({ length: 40 }, () => ledger.change(add))))
  expect(results.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, n) => n))
  expect(await openLedger(store).read()).toEqual({ count: 200 })
})

test('changes that wait are put together, and what changes nothing is not put', async () => {
  const store = openStore()
  const ledger = openLedger(store)
  await Promise.all(Array.from({ length: 50 }, () => ledger.change(add)))
  await ledger.change((state) => ({ state, result: null }))
  expect((await store.listRecords('tallies')).length).toBeLessThanOrEqual(2)
})

test('a change that nobody waits for is put with the next one, or when asked', async () => {
  const store = openStore()
  const ledger = openLedger(store)
  ledger.changeLater((state) => add(state).state)
  expect(await ledger.change(add)).toBe(1)
  expect(await store.listRecords('tallies')).toHaveLength(1)
  ledger.changeLater((state) => add(state).state)
  await ledger.flush()
  expect(await openLedger(store).read()).toEqual({ count: 3 })
})

test('the last of a thousand entries is found in a few reads', async () => {
  const entries = new Map<string, unknown>()
  let reads = 0
  const store: Pick<Store, 'getRecord' | 'putRecord'> = {
    async getRecord<T>(key: string) {
      reads++
      return (entries.get(key) ?? null) as T | null
    },
    async putRecord<T>(key: string, value: T) {
      entries.set(key, value)
      return { isNew: true, value }
    },
  }
  const ledger = openLedger(store)
  for (let n = 0; n < 1_000; n++) await ledger.change(add)
  reads = 0
  expect(await openLedger(store).read()).toEqual({ count: 1_000 })
  expect(reads).toBeLessThanOrEqual(22)
  reads = 0
  await ledger.read()
  expect(reads).toBe(1)
})

test('a store that cannot write fails the changes that waited, and not the next ones', async () => {
  const { ledger, free } = openFullLedger()
  await expect(ledger.change(add)).rejects.toThrow('no room')
  free()
  expect(await ledger.change(add)).toBe(0)
})

test('a change that nobody waits for is put once the store can write again', async () => {
  const { ledger, free } = openFullLedger()
  ledger.changeLater((state) => add(state).state)
  await ledger.flush()
  free()
  await expect.poll(() => ledger.read(), { timeout: 5_000 }).toEqual({ count: 1 })
})
