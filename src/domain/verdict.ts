import type { TestReport } from '../formats/environment.ts'

/** The rule by which a round is accepted. */
export type AcceptRule = 'judge' | 'tests' | 'hybrid'

/**
 * The rule that holds for a stage: `hybrid` needs a valid environment and is `judge` without one. Null when the asked
 * rule cannot be kept: `tests` without a valid environment.
 */
export function ruleFor(asked: AcceptRule, hasValidEnvironment: boolean): AcceptRule | null {
  if (hasValidEnvironment) return asked
  return asked === 'tests' ? null : 'judge'
}

/** Whether a round is accepted: the judge's score at or over the threshold, the tests passed, or both. */
export function isAccepted(options: {
  rule: AcceptRule
  threshold: number
  score: number | null
  hasPassedTests: boolean | null
}): boolean {
  const { rule, threshold, score, hasPassedTests } = options
  const isJudgedWell = score !== null && score >= threshold
  switch (rule) {
    case 'judge':
      return isJudgedWell
    case 'tests':
      return hasPassedTests === true
    case 'hybrid':
      return isJudgedWell && hasPassedTests === true
    default:
      return rule satisfies never
  }
}

/** The ids of the tests of a report that passed. */
export function passedTests(report: TestReport): Set<string> {
  return new Set(report.tests.filter((test) => test.status === 'passed').map((test) => test.id))
}

/** How a stage's tests divide, by B_t with the stage's tests on it and by H_t. Sorted. */
export function divideTests(base: TestReport, reference: TestReport): { failToPass: string[]; passToPass: string[] } {
  const before = passedTests(base)
  const after = [...passedTests(reference)].sort()
  return { failToPass: after.filter((id) => !before.has(id)), passToPass: after.filter((id) => before.has(id)) }
}

/** What the agent is told of its tests: counts of the hidden ones, names of those that it can see. */
export function describeTests(options: {
  failToPass: number
  stillFailing: number
  broken: readonly string[]
}): string {
  const { failToPass, stillFailing, broken } = options
  const lines: string[] = []
  if (stillFailing > 0)
    lines.push(`${stillFailing} of the ${failToPass} tests that this request is measured by still fail.`)
  if (broken.length > 0) {
    const shown = broken.slice(0, 10).map((id) => `- ${id}`)
    const rest = broken.length > 10 ? [`- and ${broken.length - 10} more`] : []
    lines.push('These tests passed before your changes and fail now:', ...shown, ...rest)
  }
  return lines.join('\n')
}
