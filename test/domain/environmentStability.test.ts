import fc from 'fast-check'
import { expect, test } from 'vitest'
import { divideRuns } from '../../src/domain/environment/stability.ts'
import type { TestReport, TestResult } from '../../src/formats/environment.ts'

const report = (...tests: TestResult[]): TestReport => ({ status: 'completed', exitCode: 0, tests, output: '' })
const passed = (id: string): TestResult => ({ id, status: 'passed' })
const failed = (id: string, reason: TestResult['reason'] = 'assertion'): TestResult => ({
  id,
  status: 'failed',
  reason,
})

test('what ends otherwise in one of two equal runs is flaky and counts for nothing', () => {
  const runs = [
    { base: report(passed('a'), failed('b'), failed('c')), reference: report(passed('a'), passed('b'), passed('c')) },
    { base: report(passed('a'), failed('b'), passed('c')), reference: report(passed('a'), passed('b'), passed('c')) },
  ]
  expect(divideRuns(runs)).toEqual({
    failToPass: ['b'],
    passToPass: ['a'],
    flaky: ['c'],
    failToPassReasons: { 'missing-name': 0, assertion: 1, other: 0 },
  })
})

test('a test whose file could not be loaded at the base fails for the name that the file lacks', () => {
  const base = report(failed('t/a.py::x', 'other'), {
    id: 't/b.py::t.b',
    status: 'error',
    reason: 'missing-name',
    missing: ['n'],
  })
  const reference = report(passed('t/a.py::x'), passed('t/b.py::y'), passed('t/b.py::z'))
  expect(divideRuns([{ base, reference }]).failToPassReasons).toEqual({ 'missing-name': 2, assertion: 0, other: 1 })
})

test('no test is in two lists, and every stable one that comes to pass has one reason', () => {
  const result = fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'd'),
    status: fc.constantFrom('passed', 'failed', 'error', 'skipped'),
  })
  const some = fc.uniqueArray(result, { selector: ({ id }) => id }).map((tests) => report(...(tests as TestResult[])))
  const run = fc.record({ base: some, reference: some })
  fc.assert(
    fc.property(fc.array(run, { minLength: 1, maxLength: 3 }), (runs) => {
      const { failToPass, passToPass, flaky, failToPassReasons } = divideRuns(runs)
      const all = [...failToPass, ...passToPass, ...flaky]
      expect(new Set(all).size).toBe(all.length)
      expect(Object.values(failToPassReasons).reduce((a, b) => a + b)).toBe(failToPass.length)
      for (const { reference } of runs)
        for (const id of failToPass) expect(reference.tests.find((test) => test.id === id)?.status).toBe('passed')
      for (const { base } of runs)
        for (const id of failToPass) expect(base.tests.find((test) => test.id === id)?.status).not.toBe('passed')
    }),
  )
})
