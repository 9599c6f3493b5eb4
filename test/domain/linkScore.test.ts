import { describe, expect, test } from 'vitest'
import { buildLinks, withOverlap } from '../../src/domain/link.ts'
import { LINK_THRESHOLD, scoreLink, scoreReferences } from '../../src/domain/linkScore.ts'
import type { Reference } from '../../src/formats/chain.ts'
import { cites } from './linkArbitrary.ts'

const nothing = { files: [], symbols: [], lines: 0 }

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
    ['what a program wrote', { isBot: true }, false],
  ])('of %s', (_, changes, isLinked) => {
    expect(scoreReferences([cites(2, 1, changes)]) >= LINK_THRESHOLD).toBe(isLinked)
  })

  test('that both close an issue makes no link, in however many texts it stands and whatever the changes have in common', () => {
    const both = { cue: 'mentions', viaIssue: 7, isClosing: true } as const
    const texts = (['title', 'body', 'commit'] as const).map((source) => cites(2, 1, { ...both, source }))
    const overlap = { files: ['src/a.py'], symbols: ['parse'], lines: 3 }
    expect(scoreLink(texts, overlap)).toBeLessThan(LINK_THRESHOLD)
    expect(scoreLink([...texts, cites(2, 1, { cue: 'mentions', source: 'comment' })], overlap)).toBeGreaterThan(0.5)
  })

  test('grows with each further kind of text, by 0.1 at most, and not with more of the same', () => {
    const [body, commit] = [cites(2, 1), cites(2, 1, { source: 'commit' })]
    const more = [cites(2, 1, { source: 'review' }), cites(2, 1, { source: 'comment' })]
    expect(scoreReferences([body])).toBe(0.85)
    expect(scoreReferences([body, { ...body, text: 'again' }])).toBe(0.85)
    expect(scoreReferences([body, commit])).toBe(0.9)
    expect(scoreReferences([body, commit, ...more])).toBe(0.95)
    expect(scoreReferences([body, cites(2, 1, { source: 'closing' })])).toBe(0.85)
  })

  test('is lowered by a contrast, more by the author than by others, and a mention beside it is no link', () => {
    const contrast = (source: Reference['source']) => cites(2, 1, { cue: 'contrasts', source })
    expect(scoreReferences([cites(2, 1), contrast('commit')])).toBe(0.55)
    expect(scoreReferences([cites(2, 1), contrast('comment')])).toBe(0.7)
    expect(scoreReferences([cites(2, 1, { cue: 'mentions' }), contrast('review')])).toBeLessThan(LINK_THRESHOLD)
  })

  test("is nothing after a revert in the author's words, or in the discussion where these do not link", () => {
    const revert = (source: Reference['source']) => cites(2, 1, { cue: 'reverts', source })
    expect(scoreReferences([cites(2, 1), revert('commit')])).toBe(0)
    expect(scoreReferences([cites(2, 1, { cue: 'mentions' }), revert('review')])).toBe(0)
    expect(scoreReferences([cites(2, 1), revert('comment')])).toBe(0.85)
  })

  test('rises with what the two changes have in common and falls when that is nothing', () => {
    const scoreOf = (changes: Partial<Reference>, overlap: Partial<typeof nothing> | null) =>
      scoreLink([cites(2, 1, changes)], overlap && { ...nothing, ...overlap })
    expect(scoreOf({}, null)).toBe(0.85)
    expect(scoreOf({}, { files: ['a.py'] as never[] })).toBe(0.9)
    expect(scoreOf({}, { files: ['a.py'] as never[], symbols: ['f'] as never[], lines: 3 })).toBe(1)
    expect(scoreOf({ cue: 'mentions' }, {})).toBeLessThan(LINK_THRESHOLD)
    expect(scoreOf({ viaIssue: 7 }, {})).toBeGreaterThanOrEqual(LINK_THRESHOLD)
    expect(scoreOf({ cue: 'mentions', source: 'comment' }, { lines: 2 })).toBeGreaterThanOrEqual(LINK_THRESHOLD)
    expect(scoreOf({ cue: 'mentions', source: 'timeline' }, { symbols: ['f'] as never[], lines: 9 })).toBeLessThan(
      LINK_THRESHOLD,
    )
  })

  test('of what nothing speaks for stays 0, whatever the changes have in common', () => {
    const [contrast] = buildLinks([cites(2, 1, { cue: 'contrasts' })])
    expect(contrast).toMatchObject({ from: 2, to: 1, score: 0 })
    expect(withOverlap(contrast!, { files: ['a.py'], symbols: ['f'], lines: 9 }).score).toBe(0)
  })
})
