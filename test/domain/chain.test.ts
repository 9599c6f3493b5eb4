import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildChains, buildSingles } from '../../src/domain/chain.ts'
import { chainId } from '../../src/domain/identifiers.ts'
import { buildLinks, holdsChain } from '../../src/domain/link.ts'
import type { Link, Reference } from '../../src/formats/chain.ts'
import { cites, lengths, links, merged, repositories } from './linkArbitrary.ts'

const weak = { cue: 'mentions' } as const
const chainsOf = (
  pulls: Parameters<typeof buildChains>[0],
  cited: readonly Reference[],
  options?: Parameters<typeof buildChains>[2],
) => buildChains(pulls, buildLinks(cited), options).map(({ numbers }) => numbers)

describe('chains', () => {
  test('follow the links in merge order, whatever the numbers', () => {
    const pulls = [
      { number: 9, mergedAt: '2024-01-01T00:00:00Z' },
      ...merged(10),
      { number: 4, mergedAt: '2024-02-01T00:00:00Z' },
    ]
    const [chain] = buildChains(pulls, buildLinks([cites(10, 9), cites(4, 10)]))
    expect(chain).toMatchObject({
      numbers: [9, 10, 4],
      shape: 'path',
      links: [
        { from: 10, to: 9 },
        { from: 4, to: 10 },
      ],
    })
  })

  test('are stars when a stage does not link to the one before it', () => {
    const shapeOf = (...cited: Reference[]) => buildChains(merged(1, 2, 3), buildLinks(cited))[0]!.shape
    expect(shapeOf(cites(2, 1), cites(3, 1))).toBe('star')
    expect(shapeOf(cites(3, 1), cites(3, 2))).toBe('star')
    expect(shapeOf(cites(2, 1), cites(3, 1), cites(3, 2))).toBe('path')
  })

  test('hold several that the newest alone cites', () => {
    expect(chainsOf(merged(1, 2, 3, 4), [cites(4, 1), cites(4, 2), cites(4, 3)])).toEqual([[1, 2, 3, 4]])
  })

  test('are cut where the links are weakest when they would be too long', () => {
    const path = [2, 3, 4, 5, 6, 7].map((from) => cites(from, from - 1, from === 4 ? weak : {}))
    expect(chainsOf(merged(1, 2, 3, 4, 5, 6, 7), path)).toEqual([
      [1, 2, 3],
      [4, 5, 6, 7],
    ])
    expect(chainsOf(merged(1, 2, 3, 4, 5, 6, 7), path, { max: 9 })).toEqual([[1, 2, 3, 4, 5, 6, 7]])
  })

  test('are cut at a stronger link when a pull request would be left over otherwise', () => {
    const path = [2, 3, 4, 5, 6].map((from) => cites(from, from - 1, from === 6 ? weak : {}))
    const chains = chainsOf(merged(1, 2, 3, 4, 5, 6), path)
    expect(chains.flat()).toEqual([1, 2, 3, 4, 5, 6])
    const seven = [2, 3, 4, 5, 6, 7].map((from) => cites(from, from - 1))
    expect(chainsOf(merged(1, 2, 3, 4, 5, 6, 7), seven, { max: 3 }).flat()).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(chainsOf(merged(1, 2, 3, 4, 5, 6, 7), seven, { min: 4 })).toHaveLength(1)
  })

  test('of a hub with more than fit keep those that are linked most strongly', () => {
    const star = [2, 3, 4, 5, 6, 7].map((from) => cites(from, 1, from < 4 ? weak : {}))
    expect(chainsOf(merged(1, 2, 3, 4, 5, 6, 7), star)).toEqual([[1, 4, 5, 6, 7]])
  })

  test('hold what a cut left over when another link ties it', () => {
    const star = [2, 3, 4, 5, 6, 7].map((from) => cites(from, 1))
    expect(chainsOf(merged(1, 2, 3, 4, 5, 6, 7), [...star, cites(7, 6, weak)])).toEqual([
      [1, 2, 3, 4, 5],
      [6, 7],
    ])
  })

  test('no link goes through a pull request that was filtered out or has no merge time', () => {
    expect(chainsOf(merged(1, 3), [cites(2, 1), cites(3, 2)])).toEqual([])
    expect(chainsOf([...merged(1), { number: 2, mergedAt: null }], [cites(2, 1)])).toEqual([])
  })

  test('are not made by contrasts, by what a model refused, or by what no text states unless that was asked for', () => {
    const [link] = buildLinks([cites(2, 1)])
    const no = { isLink: false, reason: 'two concerns', model: 'm', call: 'c' }
    const numbersOf = (one: Link, isDistantAllowed = false) =>
      buildChains(merged(1, 2), [one], { isDistantAllowed }).map(({ numbers }) => numbers)
    expect(chainsOf(merged(1, 2), [cites(2, 1, { cue: 'contrasts' })])).toEqual([])
    expect(numbersOf({ ...link!, judgement: no })).toEqual([])
    expect(numbersOf({ ...link!, judgement: { ...no, isLink: true } })).toEqual([[1, 2]])
    expect(numbersOf({ ...link!, kind: 'distant' })).toEqual([])
    expect(numbersOf({ ...link!, kind: 'distant' }, true)).toEqual([[1, 2]])
  })

  test('of one are each a pull request that was merged', () => {
    expect(buildSingles([...merged(2, 1), { number: 3, mergedAt: null }])).toEqual([
      { numbers: [1], links: [], shape: 'given' },
      { numbers: [2], links: [], shape: 'given' },
    ])
  })

  test('lengths that make no sense are refused', () => {
    expect(() => buildChains([], [], { min: 3, max: 2 })).toThrow(RangeError)
    expect(() => buildChains([], [], { min: 0 })).toThrow('min 0')
  })
})

test('the id of a chain names its mode and its numbers, and stays short enough however many they are', () => {
  expect(chainId('acme/tool', [1, 2])).toBe('acme__tool.1-2')
  expect(chainId('acme/tool', [1, 2], 'semantic')).toBe('acme__tool.1-2')
  expect(chainId('acme/tool', [1, 2], 'temporal')).toBe('acme__tool.temporal.1-2')
  expect(chainId('acme/tool', [1], 'single')).toBe('acme__tool.single.1')
  const many = Array.from({ length: 40 }, (_, index) => 10_000 + index)
  const id = chainId('acme/tool', many, 'semantic')
  expect(id).toMatch(/^acme__tool\.10000-10039\.40\.[0-9a-f]{8}$/)
  expect(chainId('acme/tool', many.with(1, 7), 'semantic')).not.toBe(id)
})

describe('whatever the links are, chains', () => {
  test('keep merge order, use no pull request twice, are as long as allowed, and links connect all of each', () => {
    fc.assert(
      fc.property(repositories, links, lengths, fc.boolean(), (pulls, given, { min, max }, isDistantAllowed) => {
        const mergedAt = new Map(pulls.map((pull) => [pull.number, pull.mergedAt]))
        const chains = buildChains(pulls, given, { min, max, isDistantAllowed })
        const all = chains.flatMap(({ numbers }) => numbers)
        expect(new Set(all).size).toBe(all.length)
        for (const { numbers, links: inside, shape } of chains) {
          expect(numbers.length).toBeGreaterThanOrEqual(min)
          expect(numbers.length).toBeLessThanOrEqual(max)
          const order = numbers.map((number) => `${mergedAt.get(number)!} ${String(number).padStart(3, '0')}`)
          expect(order).toEqual(order.toSorted())
          for (const link of inside) {
            expect(numbers.indexOf(link.to)).toBeGreaterThanOrEqual(0)
            expect(numbers.indexOf(link.to)).toBeLessThan(numbers.indexOf(link.from))
            expect(holdsChain(link, { isDistantAllowed })).toBe(true)
          }
          expect(reachedFrom(numbers[0]!, inside)).toEqual(new Set(numbers))
          const isPath = numbers
            .slice(1)
            .every((number, index) => inside.some(({ from, to }) => from === number && to === numbers[index]))
          expect(shape).toBe(isPath ? 'path' : 'star')
        }
      }),
    )
  })

  test('leave no two over that are linked, and none that is linked to a chain with room', () => {
    fc.assert(
      fc.property(repositories, links, (pulls, given) => {
        const chains = buildChains(pulls, given, { min: 2, max: 5 })
        const chainOf = new Map(chains.flatMap((chain) => chain.numbers.map((number) => [number, chain] as const)))
        for (const { from, to } of usable(given, pulls)) {
          const lengthsOf = [from, to].map((number) => chainOf.get(number)?.numbers.length ?? 0)
          expect(lengthsOf[0] === 0 && lengthsOf[1]! < 5).toBe(false)
          expect(lengthsOf[1] === 0 && lengthsOf[0]! < 5).toBe(false)
        }
      }),
    )
  })

  test('do not depend on the order of pull requests or links, and are the same each time', () => {
    const shuffled = fc
      .tuple(repositories, links)
      .chain(([pulls, given]) =>
        fc.tuple(
          fc.constant({ pulls, given }),
          fc.shuffledSubarray(pulls, { minLength: pulls.length }),
          fc.shuffledSubarray([...given], { minLength: given.length }),
        ),
      )
    fc.assert(
      fc.property(shuffled, ([{ pulls, given }, otherPulls, otherGiven]) => {
        expect(buildChains(otherPulls, otherGiven)).toEqual(buildChains(pulls, given))
      }),
    )
  })
})

/** The links that could have held a chain. */
function usable(given: readonly Link[], pulls: readonly { number: number; mergedAt: string }[]): Link[] {
  const mergedAt = new Map(pulls.map((pull) => [pull.number, pull.mergedAt]))
  const isEarlier = (a: number, b: number) =>
    mergedAt.get(a)! < mergedAt.get(b)! || (mergedAt.get(a) === mergedAt.get(b) && a < b)
  return given.filter(
    (link) => holdsChain(link) && mergedAt.has(link.from) && mergedAt.has(link.to) && isEarlier(link.to, link.from),
  )
}

function reachedFrom(first: number, inside: readonly Link[]): Set<number> {
  const reached = new Set([first])
  for (let before = 0; before < reached.size;) {
    before = reached.size
    for (const { from, to } of inside) {
      if (reached.has(from)) reached.add(to)
      if (reached.has(to)) reached.add(from)
    }
  }
  return reached
}
