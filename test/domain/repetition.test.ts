import { expect, test } from 'vitest'
import { isCircling } from '../../src/domain/repetition.ts'

test.each(['aaaa', 'xyzaaaa', 'ababab', 'abcabcabc', 'zabcdabcdabcd', 'aabaabaab'])('%s goes in a circle', (steps) => {
  expect(isCircling(steps.split(''))).toBe(true)
})

test.each(['', 'aaa', 'aaab', 'abab', 'abcabc', 'abcdeabcdeabcde', 'aaba', 'abcdefgh'])(
  '%s does not go in a circle',
  (steps) => {
    expect(isCircling(steps.split(''))).toBe(false)
  },
)
