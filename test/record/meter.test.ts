import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { standing } from '../../src/domain/account.ts'
import { digestOf } from '../../src/domain/digest.ts'
import { linkJudgeCallKey, miningCalls, recordKey } from '../../src/domain/identifiers.ts'
import { plus } from '../../src/domain/price.ts'
import type { Ceilings } from '../../src/formats/budget.ts'
import type { Prices } from '../../src/formats/price.ts'
import { ModelError } from '../../src/model/port.ts'
import { createBooks } from '../../src/record/books.ts'
import { createBudget, type Budget } from '../../src/record/budget.ts'
import { createMeter, sizeOf, type Metered } from '../../src/record/meter.ts'
import { createFileStore } from '../../src/store/files.ts'
import type { Store } from '../../src/store/port.ts'

const PRICES: Prices = {
  format: 'prchain.prices/1',
  models: { m: { input: 1_000_000, output: 10_000_000, maxOutputTokens: 1_000 } },
}
const NONE: Ceilings = { campaignMicroUsd: null, campaignTokens: null, chainMicroUsd: null, stageMicroUsd: null }
const never = new AbortController().signal
const NOON_MS = Date.UTC(2026, 5, 8, 12)
const NOON = new Date(NOON_MS).toISOString()

/** A store with one campaign, `night`, that has prices and ceilings. */
async function openStore(ceilings: Partial<Ceilings> & { dayMicroUsd?: number }): Promise<Store> {
  const store = createFileStore({ dir: mkdtempSync(join(tmpdir(), 'prchain-meter-')) })
  const prices = await store.putBlob(JSON.stringify(PRICES))
  await store.putRecord('campaigns/night/campaign', { settings: { prices } })
  const { dayMicroUsd, ...own } = ceilings
  const books = createBooks(store)
  await books.ceilings('night').change(() => ({ state: { ...NONE, ...own }, result: null }))
  if (dayMicroUsd !== undefined) await books.dayCeiling().change(() => ({ state: { dayMicroUsd }, result: null }))
  return store
}

/** A process that reserves, with a clock that only waiting moves. */
function openProcess(
  store: Store,
  holder: string,
  onWait: () => Promise<void> = async () => {},
): { budget: Budget; waited: number[] } {
  let nowMs = NOON_MS
  const waited: number[] = []
  const wait = async (ms: number) => {
    waited.push(ms)
    nowMs += ms
    await onWait()
  }
  return { budget: createBudget({ store, holder, now: () => new Date(nowMs), wait }), waited }
}

const spending = (chain: number, call: number, most: number, stage = 0) => ({
  key: `night/chain-${chain}/1/stages/${stage}/0/calls/${call}`,
  rollout: `night/chain-${chain}/1`,
  ...{ stage, model: 'm', most: { microUsd: most, tokens: most }, isPriced: true },
})

async function stands(store: Store) {
  const { spent, open, unknown } = standing(await createBooks(store).campaign('night').read(), null, NOON)
  return { spent: spent.microUsd, open: open.microUsd, unknown: unknown.microUsd }
}

describe('a budget', () => {
  test('50 chains in three processes never pass the campaign’s ceiling, and spend what fits under it', async () => {
    const ceiling = 10_000
    const store = await openStore({ campaignMicroUsd: ceiling })
    const processes = ['one', 'two', 'three'].map((name) => openProcess(store, name).budget)
    let [paid, refused, most] = [0, 0, 0]
    const books = createBooks(store)
    await Promise.all(
      Array.from({ length: 50 }, async (_, chain) => {
        const budget = processes[chain % 3]!
        for (let call = 0; call < 20; call++) {
          const cost = 10 + ((chain * 7 + call * 13) % 50)
          const set = await budget.reserve(spending(chain, call, cost * 2), never).catch((error: Error) => {
            expect(error.name).toBe('CeilingReachedError')
            return null
          })
          if (!set) {
            refused++
            return
          }
          await new Promise((resolve) => setImmediate(resolve))
          set.settle({ microUsd: cost, tokens: cost })
          paid += cost
          const { spent, open, unknown } = standing(await books.campaign('night').read(), null, NOON)
          most = Math.max(most, [spent, open, unknown].reduce(plus).microUsd)
        }
      }),
    )
    await Promise.all(processes.map((budget) => budget.flush()))
    expect(paid).toBeLessThanOrEqual(ceiling)
    expect(most).toBeLessThanOrEqual(ceiling)
    expect(refused).toBe(50)
    // No call that would have fitted was refused: the dearest is set aside at 118.
    expect(paid).toBeGreaterThan(ceiling - 120)
    expect(await stands(store)).toEqual({ spent: paid, open: 0, unknown: 0 })
  })

  test('stage, chain and day have ceilings of their own, and nothing stays set aside of a call that one refuses', async () => {
    const store = await openStore({ campaignMicroUsd: 1_000, chainMicroUsd: 300, stageMicroUsd: 200, dayMicroUsd: 450 })
    const { budget } = openProcess(store, 'one')
    const pay = async (chain: number, call: number, stage: number) => {
      const set = await budget.reserve(spending(chain, call, 150, stage), never)
      set.settle({ microUsd: 150, tokens: 150 })
    }
    await pay(1, 0, 0)
    await expect(pay(1, 1, 0)).rejects.toThrow(
      'the ceiling of the stage is reached: $0.000150 of $0.000200 spent; the next call may cost $0.000150. Raise it: prchain resume night --budget-usd-stage N',
    )
    await pay(1, 2, 1)
    await expect(pay(1, 3, 2)).rejects.toThrow('--budget-usd-chain')
    await pay(2, 0, 0)
    await expect(pay(3, 0, 0)).rejects.toThrow('the ceiling of the day is reached')
    await budget.flush()
    expect(await stands(store)).toEqual({ spent: 450, open: 0, unknown: 0 })
  })

  test('a ceiling that is raised lets the same call through, without a restart', async () => {
    const store = await openStore({ campaignTokens: 100 })
    const { budget } = openProcess(store, 'one')
    await expect(budget.reserve(spending(1, 0, 150), never)).rejects.toThrow(
      '0 tokens of 100 tokens spent; the next call may cost 150 tokens. Raise it: prchain resume night --budget-tokens N',
    )
    await createBooks(store)
      .ceilings('night')
      .change((state) => ({ state: { ...state, campaignTokens: 200 }, result: null }))
    await budget.reserve(spending(1, 0, 150), never)
    expect(await stands(store)).toMatchObject({ open: 150 })
  })

  test('a ceiling that is raised while a call waits for others lets it through at the next look', async () => {
    const store = await openStore({ campaignMicroUsd: 200 })
    await openProcess(store, 'one').budget.reserve(spending(1, 0, 150), never)
    const { budget, waited } = openProcess(store, 'two', () =>
      createBooks(store)
        .ceilings('night')
        .change((state) => ({ state: { ...state, campaignMicroUsd: 1_000 }, result: undefined })),
    )
    await budget.reserve(spending(2, 0, 100), never)
    expect(waited).toHaveLength(1)
  })

  test('waits for calls under way that may come cheaper, and not for those of which nobody will know', async () => {
    const store = await openStore({ campaignMicroUsd: 200 })
    const one = openProcess(store, 'one')
    const first = await one.budget.reserve(spending(1, 0, 150), never)
    const two = openProcess(store, 'two', async () => {
      first.settle({ microUsd: 20, tokens: 20 })
      await one.budget.flush()
    })
    const set = await two.budget.reserve(spending(2, 0, 100), never)
    expect(two.waited).toHaveLength(1)
    set.settle(null)
    await two.budget.flush()
    expect(await stands(store)).toEqual({ spent: 20, open: 0, unknown: 100 })
    await expect(two.budget.reserve(spending(3, 0, 90), never)).rejects.toThrow('of which nobody knows')
    expect(two.waited).toHaveLength(1)
  })

  test('a process that lives is waited for, however slow its call; one that fell silent is not, and is called unknown', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const store = await openStore({ campaignMicroUsd: 200 })
    let nowMs = NOON_MS
    let waits = 0
    const wait = async () => void waits++
    const open = (holder: string) => createBudget({ store, holder, now: () => new Date(nowMs), wait })
    const [slow, other] = [open('slow'), open('other')]
    const set = await slow.reserve(spending(1, 0, 150), never)
    const account = () => createBooks(store).campaign('night').read()
    const until = async () => Object.values((await account()).open)[0]!.until!
    for (let n = 0; n < 10; n++) {
      nowMs += 30_000
      vi.advanceTimersByTime(30_000)
      await expect.poll(until).toBe(new Date(nowMs + 120_000).toISOString())
    }
    await expect(other.reserve(spending(2, 0, 100), never)).rejects.toThrow('set aside for calls under way')
    expect(waits).toBeGreaterThan(0)
    waits = 0
    nowMs += 120_000
    await expect(other.reserve(spending(2, 1, 100), never)).rejects.toThrow(
      '$0.00 of $0.000200 spent, $0.000150 for calls of which nobody knows what they cost;',
    )
    expect(waits).toBe(0)
    // It was frozen, and wakes.
    set.settle({ microUsd: 20, tokens: 20 })
    await slow.flush()
    await other.reserve(spending(2, 2, 100), never)
    expect(await stands(store)).toEqual({ spent: 20, open: 100, unknown: 0 })
  })

  test('a process that died after its reply was stored is settled from the record', async () => {
    const store = await openStore({ campaignMicroUsd: 200 })
    const call = spending(1, 0, 150)
    await openProcess(store, 'dead').budget.reserve(call, never)
    await store.putRecord(`rollouts/${call.key}`, {
      reply: { usage: { promptTokens: 10, completionTokens: 1, cachedTokens: 0 } },
    })
    await openProcess(store, 'alive').budget.reserve(spending(2, 0, 150), never)
    expect(await stands(store)).toEqual({ spent: 20, open: 150, unknown: 0 })
  })
})

test('a call without a price is let through by no ceiling in dollars, and by those in tokens', async () => {
  const day = await openStore({ dayMicroUsd: 1_000_000 })
  await expect(
    openProcess(day, 'one').budget.reserve({ ...spending(1, 0, 0), isPriced: false }, never),
  ).rejects.toThrow('was begun without a price of "m"')
  const tokens = await openStore({ campaignTokens: 1_000 })
  await openProcess(tokens, 'one').budget.reserve({ ...spending(1, 0, 5), isPriced: false }, never)
})

test('the judge of a mining’s links is counted by its own table, and held to the day’s ceiling', async () => {
  const store = await openStore({ dayMicroUsd: 1_000 })
  const calls = miningCalls('acme/tool', 0)
  await store.putRecord(recordKey.linkJudge(calls), { prices: await store.putBlob(JSON.stringify(PRICES)) })
  const { budget } = openProcess(store, 'one')
  expect(await budget.pricesOf(calls)).toEqual(PRICES)
  expect(await budget.pricesOf(miningCalls('acme/tool', 1))).toBeNull()
  const call = (n: number, isPriced = true) => ({
    ...spending(0, 0, 600, -1),
    ...{ key: linkJudgeCallKey(calls, { from: 2, to: 1 }, n), rollout: calls, isPriced },
  })
  const reserved = await budget.reserve(call(0), never)
  reserved.settle({ microUsd: 600, tokens: 600 })
  await expect(budget.reserve(call(1), never)).rejects.toThrow('then mine again')
  await expect(budget.reserve(call(1, false), never)).rejects.toThrow('Mine again with --prices')
})

test('a call that waits for a ceiling puts nothing on record while it looks, and takes no turn', async () => {
  const store = await openStore({ dayMicroUsd: 100, chainMicroUsd: 10_000_000 })
  const { budget } = openProcess(store, 'one')
  const meter = createMeter({
    ...{ store, budget, provider: 'p', limits: { requestsPerMinute: 1, tokensPerMinute: null } },
    ...{ now: () => new Date(Date.UTC(2026, 5, 8, 12)), wait: () => Promise.reject(new Error('it waits for a turn')) },
  })
  const call = { ...spending(1, 0, 0), bytes: 10_000, knownTokens: 0, maxTokens: null, choices: 1 }
  for (let n = 0; n < 5; n++) await expect(meter(call, never)).rejects.toThrow('the ceiling of the day is reached')
  await budget.flush()
  expect([...(await store.listRecords('accounts')), ...(await store.listRecords('paces'))]).toEqual([])
})

test('the size of a request counts tools again when they are others than those of the call before', () => {
  const usage = { promptTokens: 100, completionTokens: 10, cachedTokens: 0 }
  const tools = [{ type: 'function', function: { name: 'one' } }]
  const request = { messages: ['a', 'b'], added: ['b'], tools, fields: {} }
  const before = (ref: string | null) => ({ usage, tools: ref as ReturnType<typeof digestOf> | null })
  const same = sizeOf({ ...request, before: before(digestOf(JSON.stringify(tools))) })
  const other = sizeOf({ ...request, before: before(null) })
  expect(same.knownTokens).toBe(110)
  expect(other.bytes - same.bytes).toBe(JSON.stringify(tools).length)
  expect(sizeOf({ ...request, before: null }).knownTokens).toBe(0)
})

describe('a meter', () => {
  const call = (n: number): Metered => ({
    key: `night/chain-1/1/stages/0/0/calls/${n}`,
    rollout: 'night/chain-1/1',
    ...{ stage: 0, model: 'm', bytes: 100, knownTokens: 0, maxTokens: 10, choices: 1 },
  })

  /** Meters of several processes, under one clock. */
  function openMeters(store: Store, count: number, limits: { requestsPerMinute: number | null }) {
    let nowMs = NOON_MS
    const now = () => new Date(nowMs)
    const waits: number[] = []
    const wait = async (ms: number) => {
      waits.push(ms)
      nowMs += ms
    }
    const meters = Array.from({ length: count }, (_, n) =>
      createMeter({
        ...{ store, now, wait, provider: 'p', limits: { ...limits, tokensPerMinute: null } },
        budget: createBudget({ store, holder: String(n), now, wait }),
      }),
    )
    return { meters, waits, nowMs: () => nowMs }
  }

  test('what a provider wants to wait, all workers wait', async () => {
    const store = await openStore({})
    const { meters, waits } = openMeters(store, 2, { requestsPerMinute: null })
    const end = await meters[0]!(call(0), never)
    end({ error: new ModelError('busy', '429', 7_000, { isFree: true }) })
    // Its own next call is behind that change; the other process reads it then.
    await meters[0]!(call(0), never)
    expect(waits).toEqual([7_000])
    await meters[1]!(call(1), never)
    expect(waits).toEqual([7_000, 10])
  })

  test('a limit of calls a minute holds for all processes together', async () => {
    const store = await openStore({})
    const { meters, nowMs } = openMeters(store, 3, { requestsPerMinute: 30 })
    const startedMs = nowMs()
    for (let n = 0; n < 90; n++) await meters[n % 3]!(call(n), never)
    expect(nowMs() - startedMs).toBeGreaterThanOrEqual(2 * 60_000)
    expect(nowMs() - startedMs).toBeLessThan(4 * 60_000)
  })

  test('a try that the provider surely did nothing for costs nothing; one that broke off counts in full', async () => {
    const store = await openStore({})
    const { meters } = openMeters(store, 1, { requestsPerMinute: null })
    const meter = meters[0]!
    const free = [
      new ModelError('busy', '429', null, { isFree: true }),
      new ModelError('unavailable', '503', null, { isFree: true }),
    ]
    for (const error of free) (await meter(call(0), never))({ error })
    const lost = [new ModelError('cut', 'broke off'), new ModelError('timeout', 'too long'), new Error('aborted')]
    for (const error of lost) (await meter(call(0), never))({ error })
    ;(await meter(call(0), never))({ usage: { promptTokens: 0, completionTokens: 0, cachedTokens: 0 } })
    ;(await meter(call(0), never))({ usage: { promptTokens: 50, completionTokens: 5, cachedTokens: 0 } })
    const most = 100 + 1_000 + 10 * 10
    await meter(call(1), never)
    expect(await stands(store)).toEqual({ spent: 100, open: most, unknown: 4 * most })
  })
})
