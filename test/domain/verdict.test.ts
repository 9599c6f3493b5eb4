import { expect, test } from 'vitest'
import fc from 'fast-check'
import { describeTests, divideTests, isAccepted, ruleFor } from '../../src/domain/verdict.ts'
import type { TestReport } from '../../src/formats/environment.ts'

const report = (results: Record<string, 'passed' | 'failed' | 'error' | 'skipped'>): TestReport => ({
  status: 'completed',
  exitCode: 0,
  tests: Object.entries(results).map(([id, status]) => ({ id, status })),
  output: `sha256:${'0'.repeat(64)}`,
})

test('hybrid falls back to the judge without a valid environment, and tests cannot', () => {
  expect(ruleFor('hybrid', true)).toBe('hybrid')
  expect(ruleFor('hybrid', false)).toBe('judge')
  expect(ruleFor('tests', false)).toBeNull()
  expect(ruleFor('judge', true)).toBe('judge')
})

test('a round is accepted by exactly what its rule names', () => {
  const score = fc.option(fc.double({ min: 0, max: 1, noNaN: true }))
  const tests = fc.option(fc.boolean())
  fc.assert(
    fc.property(score, tests, fc.double({ min: 0, max: 1, noNaN: true }), (value, hasPassedTests, threshold) => {
      const judged = value !== null && value >= threshold
      const given = { threshold, score: value, hasPassedTests }
      expect(isAccepted({ rule: 'judge', ...given })).toBe(judged)
      expect(isAccepted({ rule: 'tests', ...given })).toBe(hasPassedTests === true)
      expect(isAccepted({ rule: 'hybrid', ...given })).toBe(judged && hasPassedTests === true)
    }),
  )
})

test('a score at the threshold is accepted', () => {
  expect(isAccepted({ rule: 'judge', threshold: 0.8, score: 0.8, hasPassedTests: null })).toBe(true)
})

test('fail-to-pass tests are those that pass with the reference and did not before, missing ones included', () => {
  const base = report({ a: 'passed', b: 'failed', c: 'error' })
  const reference = report({ a: 'passed', b: 'passed', c: 'passed', d: 'passed', e: 'failed', f: 'skipped' })
  expect(divideTests(base, reference)).toEqual({ failToPass: ['b', 'c', 'd'], passToPass: ['a'] })
})

test('feedback counts hidden tests and names visible ones', () => {
  const told = describeTests({ failToPass: 5, stillFailing: 2, broken: ['tests/test_a.py::test_old'] })
  expect(told).toContain('2 of the 5 tests')
  expect(told).toContain('tests/test_a.py::test_old')
  expect(describeTests({ failToPass: 5, stillFailing: 0, broken: [] })).toBe('')
})
