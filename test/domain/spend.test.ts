import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EMPTY_ACCOUNT, NO_CEILING, renew, reserve, settle, standing, type Account } from '../../src/domain/account.ts'
import { renderMoney, toMicroUsd } from '../../src/domain/money.ts'
import { close, correct, ease, FRESH_PACE, take } from '../../src/domain/pace.ts'
import { mostOf, plus, priceOf } from '../../src/domain/price.ts'
import type { Prices } from '../../src/formats/price.ts'

const prices: Prices = {
  format: 'prchain.prices/1',
  models: {
    dear: { input: 3_000_000, cachedInput: 300_000, output: 15_000_000, maxOutputTokens: 8_000 },
    plain: { input: 600_000, output: 2_200_000, maxOutputTokens: 100 },
  },
}

describe('the price of a call', () => {
  test('counts cached input apart, and rounds up to a whole micro-dollar', () => {
    const usage = { promptTokens: 1_000, cachedTokens: 400, completionTokens: 10 }
    expect(priceOf(prices, 'dear', usage)).toBe(600 * 3 + 400 * 0.3 + 10 * 15)
    expect(priceOf(prices, 'plain', { promptTokens: 1, cachedTokens: 0, completionTokens: 0 })).toBe(1)
  })

  test('is not known for a model that the table does not name, whatever the name', () => {
    const usage = { promptTokens: 1, cachedTokens: 0, completionTokens: 1 }
    for (const name of ['other', 'constructor', '__proto__']) expect(priceOf(prices, name, usage)).toBeNull()
    expect(priceOf(null, 'dear', usage)).toBeNull()
  })

  test('is never more than what was set aside for it', () => {
    const calls = fc.record({
      model: fc.constantFrom('dear', 'plain'),
      bytes: fc.nat(1_000_000),
      knownTokens: fc.nat(100_000),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      cached: fc.double({ min: 0, max: 1, noNaN: true }),
      maxTokens: fc.option(fc.integer({ min: 1, max: 5_000 })),
      choices: fc.integer({ min: 1, max: 4 }),
      out: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(calls, ({ model, bytes, knownTokens, share, cached, maxTokens, choices, out }) => {
        const most = mostOf(prices, model, { bytes, knownTokens, maxTokens, choices })
        const promptTokens = Math.floor((bytes + knownTokens) * share)
        const output = (maxTokens ?? prices.models[model]!.maxOutputTokens) * choices
        const usage = {
          promptTokens,
          cachedTokens: Math.floor(promptTokens * cached),
          completionTokens: Math.floor(output * out),
        }
        expect(priceOf(prices, model, usage)!).toBeLessThanOrEqual(most.microUsd)
        expect(usage.promptTokens + usage.completionTokens).toBeLessThanOrEqual(most.tokens)
      }),
    )
  })

  test('dollars are whole micro-dollars', () => {
    expect([0.1, 1.005, 20, 0.000001].map(toMicroUsd)).toEqual([100_000, 1_005_000, 20_000_000, 1])
    expect([1_250_000, 1_250_001, 0].map(renderMoney)).toEqual(['$1.25', '$1.250001', '$0.00'])
  })
})

const NOON = '2026-11-21T12:00:00.000Z'

describe('an account', () => {
  const one = (key: string, microUsd: number, holder = 'here', part = '0') => ({
    ...{ key, microUsd, holder, part },
    tokens: microUsd,
    model: 'dear',
    until: '2026-11-21T12:02:00.000Z',
  })
  const ceilings = (whole: number | null, part: number | null) => ({
    whole: { ...NO_CEILING, microUsd: whole },
    part: { ...NO_CEILING, microUsd: part },
    at: NOON,
  })

  test('whatever happens to its calls, what is spent, set aside and unknown passes no ceiling', () => {
    const deeds = fc.array(
      fc.oneof(
        fc.record({
          does: fc.constant('reserve' as const),
          key: fc.nat(9),
          amount: fc.integer({ min: 1, max: 40 }),
          holder: fc.constantFrom('here', 'there'),
          part: fc.constantFrom('0', '1'),
        }),
        fc.record({ does: fc.constant('settle' as const), pick: fc.nat(20), share: fc.option(fc.nat(10)) }),
      ),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(deeds, (all) => {
        let account: Account = EMPTY_ACCOUNT
        for (const [index, deed] of all.entries()) {
          if (deed.does === 'reserve') {
            const reservation = one(String(deed.key), deed.amount, deed.holder, deed.part)
            account = reserve(account, String(index), reservation, ceilings(100, 60)).account
          } else {
            const ids = Object.keys({ ...account.open, ...account.unknown })
            const id = ids[deed.pick % Math.max(1, ids.length)]
            if (id === undefined) continue
            const { microUsd } = (account.open[id] ?? account.unknown[id])!
            const actual = Math.floor((microUsd * (deed.share ?? 0)) / 10)
            account = settle(account, id, deed.share === null ? null : { microUsd: actual, tokens: actual })
          }
          const total = (part: string | null) => {
            const { spent, open, unknown } = standing(account, part, NOON)
            return [spent, open, unknown].reduce(plus).microUsd
          }
          expect(total(null)).toBeLessThanOrEqual(100)
          for (const part of ['0', '1']) expect(total(part)).toBeLessThanOrEqual(60)
        }
      }),
    )
  })

  test('a try whose process died counts in full once its call is tried again by another', () => {
    let { account } = reserve(EMPTY_ACCOUNT, 'a', one('k', 30, 'dead'), ceilings(100, null))
    account = reserve(account, 'b', one('k', 30, 'alive'), ceilings(100, null)).account
    expect(standing(account, null, NOON)).toMatchObject({ open: { microUsd: 30 }, unknown: { microUsd: 30 } })
    account = settle(account, 'b', { microUsd: 5, tokens: 5 })
    expect(standing(account, null, NOON)).toMatchObject({ spent: { microUsd: 5 }, unknown: { microUsd: 30 } })
    // It lived after all.
    account = settle(account, 'a', { microUsd: 6, tokens: 6 })
    expect(standing(account, null, NOON)).toMatchObject({ spent: { microUsd: 11 }, unknown: { microUsd: 0 } })
    expect(settle(account, 'a', { microUsd: 6, tokens: 6 })).toBe(account)
  })

  test('a try whose process fell silent is one of which nobody knows, until its process says that it lives', () => {
    const { account } = reserve(EMPTY_ACCOUNT, 'a', one('k', 30), ceilings(100, null))
    const late = '2026-11-21T12:03:00.000Z'
    expect(standing(account, null, late)).toMatchObject({ open: { microUsd: 0 }, unknown: { microUsd: 30 } })
    const renewed = renew(account, ['a', 'b'], '2026-11-21T12:04:00.000Z')
    expect(standing(renewed, null, late)).toMatchObject({ open: { microUsd: 30 }, unknown: { microUsd: 0 } })
    expect(renew(account, ['b'], late)).toBe(account)
    // As earlier versions put it.
    const { until: _until, ...earlier } = account.open['a']!
    expect(standing({ ...account, open: { a: earlier } }, null, NOON)).toMatchObject({ unknown: { microUsd: 30 } })
  })

  test('does not grow with the tries that a provider counts nothing of', () => {
    let account: Account = EMPTY_ACCOUNT
    for (let n = 0; n < 50; n++) {
      account = reserve(account, `try ${n}`, one(`k${n}`, 10, 'here', String(n % 2)), ceilings(null, null)).account
      account = settle(account, `try ${n}`, null)
    }
    expect(standing(account, null, NOON)).toMatchObject({ spent: { microUsd: 0 }, open: { microUsd: 0 } })
    expect(standing(account, null, NOON).unknown).toEqual({ microUsd: 500, tokens: 500 })
    expect(standing(account, '1', NOON).unknown).toEqual({ microUsd: 250, tokens: 250 })
    expect(Object.keys(account.unknown)).toHaveLength(2)
    expect(settle(account, 'try 3', null)).toBe(account)
  })

  test('says what stands against a ceiling that a call could pass', () => {
    const { account } = reserve(EMPTY_ACCOUNT, 'a', one('k', 60), ceilings(100, 70))
    expect(reserve(account, 'b', one('l', 30), ceilings(100, 70)).shortage).toMatchObject({
      part: '0',
      ceiling: { microUsd: 70 },
      open: { microUsd: 60 },
      most: { microUsd: 30 },
    })
    expect(reserve(account, 'b', one('l', 30, 'here', '1'), ceilings(100, 70)).shortage).toBeNull()
  })
})

describe('the pace of a provider', () => {
  test('no minute, wherever it begins, has more calls than its limit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.array(fc.nat(3_000), { minLength: 1, maxLength: 400 }),
        (requestsPerMinute, gaps) => {
          const limits = { requestsPerMinute, tokensPerMinute: null }
          let [pace, nowMs] = [FRESH_PACE, 1_000_000]
          const made: number[] = []
          for (const gap of gaps) {
            nowMs += gap
            for (;;) {
              const taken = take(pace, { nowMs, tokens: 0 }, limits)
              pace = taken.pace
              if (taken.waitMs === 0) break
              nowMs += Math.ceil(taken.waitMs)
            }
            made.push(nowMs)
          }
          for (const [index, at] of made.entries()) {
            const end = made.findIndex((other) => other >= at + 60_000)
            expect((end === -1 ? made.length : end) - index).toBeLessThanOrEqual(requestsPerMinute)
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  test('tokens are let in as they fit, and put right when they are counted', () => {
    const limits = { requestsPerMinute: null, tokensPerMinute: 6_000 }
    const first = take(FRESH_PACE, { nowMs: 0, tokens: 3_000 }, limits)
    expect(first.waitMs).toBe(0)
    expect(take(first.pace, { nowMs: 0, tokens: 10 }, limits).waitMs).toBeGreaterThan(20_000)
    const right = correct(first.pace, { taken: 3_000, used: 100 }, limits)
    expect(take(right, { nowMs: 0, tokens: 10 }, limits).waitMs).toBe(0)
  })

  test('a provider that wants no calls gets none until then, and then one after the other', () => {
    const limits = { requestsPerMinute: null, tokensPerMinute: null }
    const closed = close(FRESH_PACE, { nowMs: 0, untilMs: 5_000 })
    expect(take(closed, { nowMs: 1_000, tokens: 1 }, limits).waitMs).toBe(4_000)
    // Those that were under way together say the same thing.
    expect(close(closed, { nowMs: 100, untilMs: 4_000 })).toBe(closed)
    const first = take(closed, { nowMs: 5_000, tokens: 1 }, limits)
    expect(first.waitMs).toBe(0)
    expect(take(first.pace, { nowMs: 5_000, tokens: 1 }, limits).waitMs).toBe(closed.apartMs)
    const wider = close(first.pace, { nowMs: 6_000, untilMs: 7_000 })
    expect(wider.apartMs).toBe(2 * closed.apartMs)
    let eased = wider
    for (let n = 0; n < 100; n++) eased = ease(eased)
    expect(eased.apartMs).toBe(0)
    expect(take({ ...eased, nextMs: 9_000 }, { nowMs: 8_000, tokens: 1 }, limits).waitMs).toBe(0)
  })
})
