import { describe, expect, test } from 'vitest'
import { hasMarker, shortenConflicts } from '../../src/domain/conflict.ts'
import { renderOpening, renderRebase, renderRebaseFeedback } from '../../src/domain/opening.ts'
import { findUndisclosed, missingNames, undisclosedFiles } from '../../src/domain/undisclosed.ts'
import type { TestReport } from '../../src/formats/environment.ts'
import type { CarryOver } from '../../src/formats/carryOver.ts'
import type { Queries } from '../../src/formats/rollout.ts'

const side = { mode: '100644', object: 'a'.repeat(40) }
const conflict = (path: string, kind: CarryOver['conflicts'][number]['kind']) => ({
  path,
  kind,
  base: side,
  ours: side,
  theirs: side,
})
const carryOver: CarryOver = {
  policy: 'substitute',
  upstreamTests: ['tests/a.py'],
  undisclosedTests: [],
  movedUpstream: [{ path: 'src/b.py', kind: 'modified', added: 1, removed: 0 } as never],
  conflicts: [conflict('src/a.py', 'content'), conflict('src/gone.py', 'deleted-upstream')],
  decidedBy: null,
  survivingShare: 1,
}
const queries: Queries = {
  format: 'prchain.queries/1',
  overview: 'where it leads',
  stages: [0, 1].map((number) => ({
    number: number + 1,
    query: 'do it',
    interface: { names: [], literals: [] },
    masked: [],
  })),
  prompts: `sha256:${'0'.repeat(64)}`,
}
const report = (tests: TestReport['tests']): TestReport => ({ status: 'completed', exitCode: 1, tests, output: '' })

describe('the words of carry-over', () => {
  test('a conflict marker is one at the beginning of a line, of carry-over’s own labels', () => {
    expect(hasMarker('a\n<<<<<<< upstream\nb\n')).toBe(true)
    expect(hasMarker('a\n>>>>>>> yours')).toBe(true)
    expect(hasMarker('a\n||||||| 3f2a1b0\nold\n=======\nnew\n')).toBe(true)
    expect(hasMarker('| a ||||||| b |\n')).toBe(false)
    expect(hasMarker('a\n=======\nTitle\n=======\n')).toBe(false)
    expect(hasMarker('see `<<<<<<< upstream` in the docs')).toBe(false)
  })

  test('the rebase round names every collision and its kind, and what moved upstream', () => {
    const text = renderRebase(carryOver)
    expect(text).toContain('src/a.py: upstream and you changed the same lines')
    expect(text).toContain('src/gone.py: upstream deleted it and you changed it')
    expect(text).toContain('src/b.py (modified)')
  })

  test('its feedback names the files with markers and the tests that broke', () => {
    expect(renderRebaseFeedback({ markers: ['x.py'], broken: [], hasRun: false })).toContain('- x.py')
    expect(renderRebaseFeedback({ markers: [], broken: ['t::a'], hasRun: true })).toContain('- `t::a`')
    expect(renderRebaseFeedback({ markers: [], broken: [], hasRun: false })).toContain('does not load')
  })

  test.each([
    ['upstream', "upstream's were kept"],
    ['agent', 'yours were kept'],
    ['rebase', 'as you reconciled it'],
  ] as const)('a conflict decided by %s is told in the message that opens the stage', (decidedBy, words) => {
    const opening = renderOpening({
      stage: 1,
      queries,
      carryOver: { ...carryOver, decidedBy },
      overview: 'first',
      hasInterface: true,
    })
    expect(opening).toContain(words)
    if (decidedBy !== 'rebase') expect(opening).toContain('- src/a.py')
  })

  test('a reason names ten paths and counts the rest', () => {
    const many = Array.from({ length: 13 }, (_, index) => conflict(`f${index}.py`, 'content'))
    expect(shortenConflicts(many)).toMatch(/f9\.py and 3 more$/)
  })
})

describe('tests that fail for names that no query disclosed', () => {
  const failing = report([
    { id: 'tests/a.py::one', status: 'failed', reason: 'missing-name', missing: ['humans_helper'] },
    { id: 'tests/a.py::two', status: 'failed', reason: 'missing-name', missing: ['humans_helper', 'told_name'] },
    { id: 'tests/a.py::three', status: 'failed', reason: 'assertion' },
    { id: 'tests.b', status: 'error', reason: 'missing-name', missing: ['humans_helper'] },
    { id: 'tests/c.py::four', status: 'passed' },
  ])
  const isUndisclosed = (name: string) => name === 'humans_helper'

  test('are those whose every missing name was disclosed nowhere', () => {
    expect(missingNames(failing)).toEqual(['humans_helper', 'told_name'])
    expect(findUndisclosed(failing, isUndisclosed).map(({ id }) => id)).toEqual(['tests/a.py::one', 'tests.b'])
  })

  test('a file is left out only when every test of it is one of them, a file that does not load included', () => {
    const undisclosed = findUndisclosed(failing, isUndisclosed)
    const paths = ['tests/a.py', 'tests/b.py', 'tests/c.py', 'tests/none.py']
    expect(undisclosedFiles(failing, { paths, undisclosed })).toEqual([
      { path: 'tests/b.py', names: ['humans_helper'] },
    ])
  })
})
