import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toLine } from '../../src/domain/line.ts'

const sizeInJson = (text: string) => Buffer.byteLength(JSON.stringify(text)) - 2

describe('a text as one line', () => {
  test('is left as it is when it is short, on one line', () => {
    expect(toLine('no usable\nreply\tin 6 tries ', { characters: 40, bytes: 80 })).toBe('no usable reply in 6 tries')
  })

  test('is cut between words and says so', () => {
    expect(toLine('no usable reply in 6 tries', { characters: 20, bytes: 80 })).toBe('no usable reply in…')
    expect(toLine('no usable reply in 6 tries', { characters: 16, bytes: 80 })).toBe('no usable reply…')
  })

  test('without spaces is cut where it has to be', () => {
    expect(toLine('a'.repeat(50), { characters: 10, bytes: 80 })).toBe(`${'a'.repeat(9)}…`)
  })

  test('keeps its bounds for every text, in characters and in bytes of JSON, and splits no character', () => {
    const words = fc.array(
      fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('\u0000', '"', '\\', '\ud800', '語', '👩‍💻')),
    )
    fc.assert(
      fc.property(
        words,
        fc.integer({ min: 4, max: 60 }),
        fc.integer({ min: 8, max: 120 }),
        (given, characters, bytes) => {
          const line = toLine(given.join(' '), { characters, bytes })
          expect(line.length).toBeLessThanOrEqual(characters)
          expect(sizeInJson(line)).toBeLessThanOrEqual(bytes)
          expect(line.isWellFormed()).toBe(true)
          expect(line).not.toMatch(/\p{Cc}/u)
          expect(toLine(line, { characters, bytes })).toBe(line)
        },
      ),
    )
  })
})
