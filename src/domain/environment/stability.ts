import type { TestReport } from '../../formats/environment.ts'
import { divideTests } from '../verdict.ts'
import type { FailureReason } from './failureReason.ts'

/** One run of a stage's tests on B_t and on H_t. */
export interface StudyRun {
  base: TestReport
  reference: TestReport
}

/** How a stage's tests divide over all runs. Each list is sorted. */
export interface Division {
  failToPass: string[]
  passToPass: string[]
  /** Tests that ended otherwise in one of two equal runs. */
  flaky: string[]
  failToPassReasons: Record<FailureReason, number>
}

/** Divides the tests of equal runs: what is not the same in each is flaky, and no part of the rest. */
export function divideRuns(runs: readonly StudyRun[]): Division {
  const flaky = new Set([
    ...differing(runs.map(({ base }) => base)),
    ...differing(runs.map(({ reference }) => reference)),
  ])
  const first = runs[0]!
  const { failToPass, passToPass } = divideTests(first.base, first.reference)
  const stable = failToPass.filter((id) => !flaky.has(id))
  return {
    failToPass: stable,
    passToPass: passToPass.filter((id) => !flaky.has(id)),
    flaky: [...flaky].sort(),
    failToPassReasons: countReasons(first.base, stable),
  }
}

/** Ids whose status is not the same in all reports. */
function differing(reports: readonly TestReport[]): string[] {
  const statuses = reports.map((report) => new Map(report.tests.map(({ id, status }) => [id, status])))
  const ids = new Set(statuses.flatMap((map) => [...map.keys()]))
  return [...ids].filter((id) => new Set(statuses.map((map) => map.get(id))).size > 1)
}

/** A test that the report lacks was never reached: its file could not be loaded, and says why in its own place. */
function countReasons(base: TestReport, ids: readonly string[]): Record<FailureReason, number> {
  const reasons = new Map(base.tests.map(({ id, reason }) => [id, reason]))
  const unloaded = base.tests.filter(({ reason, status }) => reason === 'missing-name' && status !== 'passed')
  const counts: Record<FailureReason, number> = { 'missing-name': 0, assertion: 0, other: 0 }
  for (const id of ids) {
    const own = reasons.get(id)
    const file = id.split('::')[0]!
    const loading =
      unloaded.find((test) => test.id.startsWith(file)) ?? unloaded.find((test) => test.status === 'error')
    counts[reasons.has(id) ? (own ?? 'other') : loading ? 'missing-name' : 'other']++
  }
  return counts
}
