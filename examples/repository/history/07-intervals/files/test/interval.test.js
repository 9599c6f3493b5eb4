import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { contains, overlaps, parseInterval } from '../src/index.js'

function bounds(text) {
  const { start, end } = parseInterval(text)
  return [start.toISOString(), end.toISOString()]
}

describe('parseInterval', () => {
  it('reads two dates', () => {
    assert.deepEqual(bounds('2025-03-03/2025-03-10'), ['2025-03-03T00:00:00.000Z', '2025-03-10T00:00:00.000Z'])
  })

  it('reads a period on either side', () => {
    assert.deepEqual(bounds('2025-03-03T09:00Z/PT8H30M'), ['2025-03-03T09:00:00.000Z', '2025-03-03T17:30:00.000Z'])
    assert.deepEqual(bounds('P1W2D/2025-03-10'), ['2025-03-01T00:00:00.000Z', '2025-03-10T00:00:00.000Z'])
  })

  it('refuses what is none', () => {
    const refused = ['', '2025-03-03', 'P1D/P1D', '2025-03-03/', '2025-03-03/P', '2025-03-03/PT', '2025-03-03/P1M']
    for (const text of [...refused, '2025-03-10/2025-03-03', '2025-13-01/2025-14-01', '3 March/4 March']) {
      assert.throws(() => parseInterval(text), RangeError, text)
    }
  })
})

describe('contains and overlaps', () => {
  const week = parseInterval('2025-03-03/P1W')

  it('take the start in and leave the end out', () => {
    assert.equal(contains(week, week.start), true)
    assert.equal(contains(week, week.end), false)
    assert.equal(overlaps(week, parseInterval('2025-03-10/P1D')), false)
    assert.equal(overlaps(week, parseInterval('2025-03-09T23:59Z/P1D')), true)
  })
})
