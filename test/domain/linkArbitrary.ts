import fc from 'fast-check'
import type { Reference } from '../../src/formats/chain.ts'
import { buildLinks } from '../../src/domain/link.ts'

/** A reference of a body that says `extends`, with what a test changes of it. */
export function cites(from: number, to: number, changes: Partial<Reference> = {}): Reference {
  return {
    from,
    to,
    source: 'body',
    cue: 'extends',
    viaIssue: null,
    viaText: null,
    isClosing: false,
    text: '',
    url: null,
    author: null,
    isBot: false,
    ...changes,
  }
}

/** Pull requests that were merged in the order of their numbers, a minute apart. */
export function merged(...numbers: number[]): { number: number; mergedAt: string }[] {
  return numbers.map((number) => ({ number, mergedAt: new Date(Date.UTC(2024, 0, 1) + number * 60_000).toISOString() }))
}

const cue = fc.constantFrom<Reference['cue']>('extends', 'fixes', 'sibling', 'mentions', 'contrasts', 'reverts')
const source = fc.constantFrom<Reference['source']>('body', 'commit', 'review', 'comment', 'timeline')

/** Merged pull requests with times that are often the same, and whose order is not that of their numbers. */
export const repositories = fc
  .uniqueArray(fc.record({ number: fc.integer({ min: 1, max: 40 }), day: fc.integer({ min: 1, max: 9 }) }), {
    selector: ({ number }) => number,
    maxLength: 25,
  })
  .map((pulls) => pulls.map(({ number, day }) => ({ number, mergedAt: `2024-01-0${day}T00:00:00Z` })))

/** References, from outside and against merge order as well: nothing may rest on their being right. */
export const references = fc.array(
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

/** Links of such references, with some that no text states and some that a model was asked about. */
export const links = references.chain((cited) =>
  fc.tuple(
    ...buildLinks(cited).map((link) =>
      fc
        .record({ isDistant: fc.boolean(), isLink: fc.constantFrom(null, true, false) })
        .map(({ isDistant, isLink }) => ({
          ...link,
          kind: isDistant ? ('distant' as const) : link.kind,
          judgement: isLink === null ? null : { isLink, reason: '', model: 'm', call: 'c' },
        })),
    ),
  ),
)

/** Shortest and longest chain. */
export const lengths = fc.record({ min: fc.integer({ min: 1, max: 3 }), max: fc.integer({ min: 3, max: 6 }) })
