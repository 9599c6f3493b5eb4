import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildChains, mergeOrder } from '../../src/domain/chain.ts'
import { buildTemporal } from '../../src/domain/temporal.ts'
import { links, merged, repositories } from './linkArbitrary.ts'

const compare = (a: number, b: number) => a - b

describe('chains of neighbours in time', () => {
  test('are as many and as long as the semantic ones, overlap nowhere, and are neighbours in merge order', () => {
    fc.assert(
      fc.property(repositories, links, fc.nat(), (pulls, given, seed) => {
        const wanted = buildChains(pulls, given).map(({ numbers }) => numbers.length)
        const chains = buildTemporal(pulls, { lengths: wanted, seed })
        expect(chains.map(({ numbers }) => numbers.length).sort(compare)).toEqual(wanted.sort(compare))
        const order = mergeOrder(pulls)
        let end = -1
        for (const { numbers } of chains) {
          const start = order.indexOf(numbers[0]!)
          expect(start).toBeGreaterThan(end)
          end = start + numbers.length - 1
          expect(numbers).toEqual(order.slice(start, end + 1))
        }
      }),
    )
  })

  test('follow from the seed, not from the order of the input', () => {
    const pulls = merged(...Array.from({ length: 30 }, (_, index) => index + 1))
    const laid = (seed: number, given = pulls) => buildTemporal(given, { lengths: [2, 3, 5], seed })
    expect(laid(1, pulls.toReversed())).toEqual(laid(1))
    expect(laid(2)).not.toEqual(laid(1))
    expect(laid(1)[0]).toMatchObject({ links: [], shape: 'given' })
  })

  test('are refused where there are too few pull requests', () => {
    expect(() => buildTemporal(merged(1, 2), { lengths: [3], seed: 0 })).toThrow(RangeError)
  })
})
