import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { buildChains, buildLinks, LINK_THRESHOLD, scoreReferences } from '../../src/domain/chain.ts'
import type { Reference } from '../../src/formats/chain.ts'

function cites(from: number, to: number, changes: Partial<Reference> = {}): Reference {
  return {
    from,
    to,
    source: 'body',
    cue: 'extends',
    viaIssue: null,
    viaText: null,
    text: '',
    url: null,
    author: null,
    isBot: false,
    ...changes,
  }
}

function merged(...numbers: number[]) {
  return numbers.map((number) => ({ number, mergedAt: new Date(Date.UTC(2024, 0, 1) + number * 60_000).toISOString() }))
}

const chainsOf = (...args: Parameters<typeof buildChains>) => buildChains(...args).map(({ numbers }) => numbers)

describe('the score of a pair', () => {
  test.each<[string, Partial<Reference>, boolean]>([
    ['a fix', { cue: 'fixes' }, true],
    ['a sibling through an issue in a review', { cue: 'sibling', viaIssue: 7, source: 'review' }, true],
    ['a mention in a body', { cue: 'mentions' }, true],
    ['a mention in a commit', { cue: 'mentions', source: 'commit' }, true],
    ['a mention in a review', { cue: 'mentions', source: 'review' }, true],
    ['a mention in a comment', { cue: 'mentions', source: 'comment' }, false],
    ['a follow-up in a comment', { source: 'comment' }, true],
    ['the timeline', { cue: 'mentions', source: 'timeline' }, false],
    ['a contrast', { cue: 'contrasts' }, false],
    ['a revert', { cue: 'reverts' }, false],
    ['a backport', { cue: 'backports' }, false],
    ['a release list', { cue: 'releases' }, false],
  ])('of %s', (_, changes, isLinked) => {
    expect(scoreReferences([cites(2, 1, changes)]) >= LINK_THRESHOLD).toBe(isLinked)
  })

  test('grows with each further kind of text, by 0.1 at most, and not with more of the same', () => {
    const [body, commit] = [cites(2, 1), cites(2, 1, { source: 'commit' })]
    const more = [cites(2, 1, { source: 'review' }), cites(2, 1, { source: 'comment' })]
    expect(scoreReferences([body])).toBe(0.85)
    expect(scoreReferences([body, { ...body, text: 'again' }])).toBe(0.85)
    expect(scoreReferences([body, commit])).toBe(0.9)
    expect(scoreReferences([body, commit, ...more])).toBe(0.95)
  })

  test("is nothing when the author's own words oppose it, whatever else is said", () => {
    expect(scoreReferences([cites(2, 1), cites(2, 1, { cue: 'contrasts', source: 'commit' })])).toBe(0)
    expect(
      scoreReferences([cites(2, 1, { cue: 'mentions' }), cites(2, 1, { cue: 'contrasts', source: 'review' })]),
    ).toBe(0)
  })

  test("does not fall because of a question in the discussion when the author's own words link", () => {
    expect(scoreReferences([cites(2, 1), cites(2, 1, { cue: 'contrasts', source: 'comment' })])).toBe(0.85)
  })

  test('is kept for pairs without a link, so that they can be shown', () => {
    expect(buildLinks([cites(2, 1, { cue: 'contrasts' })])).toMatchObject([{ from: 2, to: 1, score: 0 }])
  })
})

describe('chains', () => {
  test('follow the links in merge order, whatever the numbers', () => {
    const pulls = [
      { number: 9, mergedAt: '2024-01-01T00:00:00Z' },
      ...merged(10),
      { number: 4, mergedAt: '2024-02-01T00:00:00Z' },
    ]
    const [chain] = buildChains(pulls, [cites(10, 9), cites(4, 10)])
    expect(chain).toMatchObject({
      numbers: [9, 10, 4],
      shape: 'path',
      links: [
        { from: 10, to: 9 },
        { from: 4, to: 10 },
      ],
    })
  })

  test('are stars when a stage links past the one before it', () => {
    expect(buildChains(merged(1, 2, 3), [cites(2, 1), cites(3, 1)])).toMatchObject([
      { numbers: [1, 2, 3], shape: 'star' },
    ])
    expect(buildChains(merged(1, 2, 3), [cites(2, 1), cites(3, 1), cites(3, 2)])).toMatchObject([{ shape: 'path' }])
  })

  test('begin anew when they are full, and the next joins the piece it links to', () => {
    const path = [2, 3, 4, 5, 6, 7].map((from) => cites(from, from - 1))
    expect(chainsOf(merged(1, 2, 3, 4, 5, 6, 7), path)).toEqual([
      [1, 2, 3, 4, 5],
      [6, 7],
    ])
    expect(chainsOf(merged(1, 2, 3, 4, 5, 6, 7), path, { max: 3 })).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ])
    expect(chainsOf(merged(1, 2, 3, 4, 5, 6, 7), path, { max: 9 })).toEqual([[1, 2, 3, 4, 5, 6, 7]])
    expect(chainsOf(merged(1, 2, 3, 4, 5, 6, 7), path, { min: 3 })).toEqual([[1, 2, 3, 4, 5]])
  })

  test('a pull request that links to two goes with the stronger link, then with the newer', () => {
    const weak = { cue: 'mentions' } as const
    expect(chainsOf(merged(1, 2, 3), [cites(3, 1), cites(3, 2, weak)])).toEqual([[1, 3]])
    expect(chainsOf(merged(1, 2, 3), [cites(3, 1), cites(3, 2)])).toEqual([[2, 3]])
  })

  test('no link goes through a pull request that was filtered out or has no merge time', () => {
    expect(buildChains(merged(1, 3), [cites(2, 1), cites(3, 2)])).toEqual([])
    expect(buildChains([...merged(1), { number: 2, mergedAt: null }], [cites(2, 1)])).toEqual([])
  })

  test('lengths that make no sense are refused', () => {
    expect(() => buildChains([], [], { min: 3, max: 2 })).toThrow(RangeError)
    expect(() => buildChains([], [], { min: 0 })).toThrow('min 0')
  })

  const cue = fc.constantFrom<Reference['cue']>('extends', 'fixes', 'sibling', 'mentions', 'contrasts', 'reverts')
  const source = fc.constantFrom<Reference['source']>('body', 'commit', 'review', 'comment', 'timeline')
  const repository = fc
    .uniqueArray(fc.record({ number: fc.integer({ min: 1, max: 40 }), day: fc.integer({ min: 1, max: 9 }) }), {
      selector: ({ number }) => number,
      maxLength: 25,
    })
    .map((pulls) => pulls.map(({ number, day }) => ({ number, mergedAt: `2024-01-0${day}T00:00:00Z` })))
  // Numbers from outside and against merge order as well: nothing may rest on the references being right.
  const references = fc.array(
    fc
      .record({
        from: fc.integer({ min: 1, max: 40 }),
        to: fc.integer({ min: 1, max: 40 }),
        cue,
        source,
        text: fc.string({ maxLength: 2 }),
      })
      .map(({ from, to, ...changes }) => cites(from, to, changes)),
    { maxLength: 80 },
  )
  const lengths = fc.record({ min: fc.integer({ min: 1, max: 3 }), max: fc.integer({ min: 3, max: 6 }) })

  test('keep merge order, use no pull request twice, and link each stage to an earlier one of the chain', () => {
    fc.assert(
      fc.property(repository, references, lengths, (pulls, cited, { min, max }) => {
        const mergedAt = new Map(pulls.map((pull) => [pull.number, pull.mergedAt]))
        const chains = buildChains(pulls, cited, { min, max })
        const all = chains.flatMap(({ numbers }) => numbers)
        expect(new Set(all).size).toBe(all.length)
        for (const { numbers, links, shape } of chains) {
          expect(numbers.length).toBeGreaterThanOrEqual(min)
          expect(numbers.length).toBeLessThanOrEqual(max)
          const order = numbers.map((number) => `${mergedAt.get(number)!} ${String(number).padStart(3, '0')}`)
          expect(order).toEqual(order.toSorted())
          for (const { from, to, score } of links) {
            expect(numbers.indexOf(to)).toBeGreaterThanOrEqual(0)
            expect(numbers.indexOf(to)).toBeLessThan(numbers.indexOf(from))
            expect(score).toBeGreaterThanOrEqual(LINK_THRESHOLD)
          }
          for (const number of numbers.slice(1)) expect(links.map(({ from }) => from)).toContain(number)
          if (shape === 'path') {
            for (const [index, number] of numbers.slice(1).entries()) {
              expect(links.some(({ from, to }) => from === number && to === numbers[index])).toBe(true)
            }
          }
        }
      }),
    )
  })

  test('do not depend on the order of pull requests or references', () => {
    const shuffled = fc
      .tuple(repository, references)
      .chain(([pulls, cited]) =>
        fc.tuple(
          fc.constant({ pulls, cited }),
          fc.shuffledSubarray(pulls, { minLength: pulls.length }),
          fc.shuffledSubarray(cited, { minLength: cited.length }),
        ),
      )
    fc.assert(
      fc.property(shuffled, ([{ pulls, cited }, otherPulls, otherCited]) => {
        expect(buildChains(otherPulls, otherCited)).toEqual(buildChains(pulls, cited))
      }),
    )
  })
})
