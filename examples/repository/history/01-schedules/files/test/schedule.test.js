import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nextOccurrence, parseSchedule } from '../src/index.js'

function next(text, after) {
  return nextOccurrence(parseSchedule(text), new Date(after)).toISOString()
}

describe('parseSchedule', () => {
  it('ignores case and spacing', () => {
    assert.deepEqual(parseSchedule('  Every   Monday at 8:00 '), parseSchedule('every monday at 08:00'))
  })

  it('counts days for whole days and milliseconds for the rest', () => {
    assert.equal(parseSchedule('every 48 hours').kind, 'daily')
    assert.equal(parseSchedule('every 36 hours').kind, 'interval')
  })

  it('refuses what is no rule', () => {
    for (const text of ['daily', 'every', 'every 0 hours', 'every fortnight', 'every 2 mondays', 'every 2 monday']) {
      assert.throws(() => parseSchedule(text), RangeError, text)
    }
  })

  it('refuses a time of day where there is none', () => {
    assert.throws(() => parseSchedule('every 6 hours at 09:00'), RangeError)
    assert.throws(() => parseSchedule('every day at 24:00'), RangeError)
    assert.throws(() => parseSchedule('every day at noon'), RangeError)
  })
})

describe('nextOccurrence', () => {
  it('aligns intervals with the clock', () => {
    assert.equal(next('every 15 minutes', '2025-03-03T09:07:00Z'), '2025-03-03T09:15:00.000Z')
    assert.equal(next('every 6 hours', '2025-03-03T18:00:00Z'), '2025-03-04T00:00:00.000Z')
  })

  it('gives a later date, never the same', () => {
    assert.equal(next('every day at 09:30', '2025-03-03T09:30:00Z'), '2025-03-04T09:30:00.000Z')
    assert.equal(next('every day at 09:30', '2025-03-03T09:29:59Z'), '2025-03-03T09:30:00.000Z')
  })

  it('counts days from the epoch, whenever one asks', () => {
    assert.equal(next('every 2 days', '2025-03-03T00:00:00Z'), next('every 2 days', '2025-03-03T17:00:00Z'))
  })

  it('finds days of the week', () => {
    assert.equal(next('every monday at 8:00', '2025-03-03T08:00:00Z'), '2025-03-10T08:00:00.000Z')
    assert.equal(next('every weekday at 17:00', '2025-03-07T17:00:00Z'), '2025-03-10T17:00:00.000Z')
  })

  it('works before the epoch', () => {
    assert.equal(next('every day at 09:30', '1969-07-20T20:17:40Z'), '1969-07-21T09:30:00.000Z')
  })

  it('does not guess at other objects', () => {
    assert.throws(() => nextOccurrence({ kind: 'yearly' }, new Date(0)), TypeError)
  })
})
