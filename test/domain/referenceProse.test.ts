import fc from 'fast-check'
import { expect, test } from 'vitest'
import { numberSpace, rewriteNumbers } from '../../src/domain/referenceNumber.ts'
import { maskMarkup } from '../../src/domain/referenceProse.ts'
import { splitClauses, splitSentences } from '../../src/domain/referenceSentence.ts'

const pieces = [
  ...[
    '```',
    '~~~',
    '`',
    '``',
    '<!--',
    '-->',
    '> ',
    '    ',
    '\t',
    '- ',
    '* ',
    '1. ',
    '- [ ] ',
    '\n',
    '\n\n',
    '\r\n',
    '# ',
  ],
  ...[
    '#12',
    'a/b#3',
    'acme/tool#4',
    'GH-5',
    'abcdef1234',
    '[#6](',
    'https://github.com/acme/tool/pull/7',
    ')',
    '[',
    ']',
  ],
  ...['word', 'Word', '. ', ', ', ': ', '<pre>', '</pre>', '\\', 'é', '🚀', ' '],
]
const markdown = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3 })), { maxLength: 60 })
  .map((all) => all.join(''))
const lineBreaks = (text: string) => [...text.matchAll(/\n/g)].map(({ index }) => index)
const space = numberSpace({ repository: 'acme/tool', url: 'https://github.com/acme/tool/pull/50' }, () => 8)

test('masking and rewriting keep every offset, and masking only ever blanks', () => {
  fc.assert(
    fc.property(markdown, (text) => {
      const masked = maskMarkup(text)
      const rewritten = rewriteNumbers(masked, space)
      expect([masked.length, rewritten.length]).toEqual([text.length, text.length])
      expect(lineBreaks(masked)).toEqual(lineBreaks(text))
      expect(lineBreaks(rewritten)).toEqual(lineBreaks(text))
      for (let at = 0; at < text.length; at += 1) if (masked[at] !== ' ') expect(masked[at]).toBe(text[at])
    }),
    { numRuns: 300 },
  )
})

test('sentences and clauses lie one after another within their text and lose no word', () => {
  fc.assert(
    fc.property(markdown, (text) => {
      let end = 0
      for (const sentence of splitSentences(text)) {
        expect(text.slice(end, sentence.start).trim()).toBe('')
        expect(sentence.end).toBeGreaterThan(sentence.start)
        end = sentence.end
        const clauses = splitClauses(text.slice(sentence.start, sentence.end))
        expect(clauses.every((clause, index) => index === 0 || clause.start >= clauses[index - 1]!.end)).toBe(true)
      }
      expect(text.slice(end).trim()).toBe('')
    }),
    { numRuns: 300 },
  )
})

test.each([
  ['marks that end a sentence', `${'!'.repeat(60_000)}a`],
  ['dots', `${'.'.repeat(60_000)}a`],
  ['an address that goes on with marks', `https://github.com/${'_'.repeat(60_000)}a`],
  ['tags that are never closed', '<code '.repeat(60_000)],
])('a text of %s takes time that grows with its length', (_, long) => {
  const begunMs = performance.now()
  const prose = rewriteNumbers(maskMarkup(long), space)
  splitSentences(prose, long)
  expect(performance.now() - begunMs).toBeLessThan(2_000)
})
