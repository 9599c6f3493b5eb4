import { expect, test } from 'vitest'
import { deriveInterface, introducedNames } from '../../src/domain/interface.ts'
import { findLeaks, maskLeaks } from '../../src/domain/leak.ts'

const added = [
  'class InvalidTag(ValueError):',
  '    if not all(interpreter.split(".")):',
  '        raise InvalidTag(f"empty member in {tag!r}")',
]
const known = new Set(['ValueError', 'interpreter', 'split', 'tag', 'raise', 'class', 'not', 'all', 'empty', 'member'])

test('names that a patch introduces leak, words of English do not', () => {
  const names = introducedNames(added, known)
  expect(names).toEqual(['InvalidTag'])
  expect(findLeaks('Reject empty members and raise InvalidTag.', { names, lines: added })).toEqual([
    { kind: 'name', text: 'InvalidTag' },
  ])
  expect(findLeaks('Reject empty members of a tag set.', { names, lines: added })).toEqual([])
})

test('a line of the patch leaks whatever its white space', () => {
  const told = 'Write\n\n   if not all(interpreter.split("."))   :'
  expect(findLeaks(told, { names: [], lines: ['    if not all(interpreter.split(".")) :'] })).toHaveLength(1)
})

test('what was masked no longer leaks', () => {
  const secret = { names: ['InvalidTag'], lines: added }
  const told = 'Use InvalidTag, and InvalidTagged; then raise InvalidTag(f"empty member in {tag!r}") please'
  const masked = maskLeaks(told, findLeaks(told, secret))
  expect(findLeaks(masked, secret)).toEqual([])
  expect(masked).toContain('InvalidTagged')
})

test('the interface is what tests demand, source brings, and the base lacks', () => {
  const tests = ['with pytest.raises(InvalidTag, match="empty member in"):', '    parse_tag("py3-none-")']
  expect(deriveInterface({ addedTestLines: tests, addedSourceLines: added, knownWords: known })).toEqual({
    names: ['InvalidTag'],
    literals: ['empty member in'],
  })
})
