import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nextOccurrence, occurrencesWithin, parseInterval, parseSchedule } from '../src/index.js'

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

describe('parseSchedule of workdays', () => {
  it('wants a region it has holidays of', () => {
    assert.deepEqual(parseSchedule('every workday in NL at 9:00'), { kind: 'workday', region: 'nl', at: 32_400_000 })
    assert.throws(() => parseSchedule('every workday at 9:00'), RangeError)
    assert.throws(() => parseSchedule('every workday in zz'), RangeError)
  })

  it('does not count them', () => {
    assert.throws(() => parseSchedule('every 2 workday in nl'), RangeError)
  })

  it('leaves regions to them', () => {
    assert.throws(() => parseSchedule('every monday in nl'), RangeError)
    assert.throws(() => parseSchedule('every 2 days in nl'), RangeError)
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

  it('passes over weekends and holidays on workdays', () => {
    assert.equal(next('every workday in nl at 9:00', '2025-03-07T08:00:00Z'), '2025-03-07T09:00:00.000Z')
    assert.equal(next('every workday in nl at 9:00', '2025-03-07T09:00:00Z'), '2025-03-10T09:00:00.000Z')
    assert.equal(next('every workday in nl at 9:00', '2025-12-24T09:00:00Z'), '2025-12-29T09:00:00.000Z')
    assert.equal(next('every workday in us at 9:00', '2025-12-24T09:00:00Z'), '2025-12-26T09:00:00.000Z')
  })

  it('passes over a holiday on the very day one asks', () => {
    assert.equal(next('every workday in nl at 9:00', '2025-04-21T08:00:00Z'), '2025-04-22T09:00:00.000Z')
    assert.equal(next('every workday in us at 17:00', '2025-07-04T00:00:00Z'), '2025-07-07T17:00:00.000Z')
  })

  it('does not promise workdays beyond the holidays it knows', () => {
    assert.equal(next('every workday in nl at 9:00', '2025-12-30T09:00:00Z'), '2025-12-31T09:00:00.000Z')
    assert.throws(() => next('every workday in nl at 9:00', '2025-12-31T09:00:00Z'), RangeError)
  })

  it('does not ask about a day that is over', () => {
    assert.equal(next('every workday in nl at 9:00', '2023-12-29T12:00:00Z'), '2024-01-02T09:00:00.000Z')
  })

  it('starts workdays at midnight unless told when', () => {
    assert.equal(next('every workday in us', '2025-07-03T12:00:00Z'), '2025-07-07T00:00:00.000Z')
  })

  it('works before the epoch', () => {
    assert.equal(next('every day at 09:30', '1969-07-20T20:17:40Z'), '1969-07-21T09:30:00.000Z')
  })

  it('does not guess at other objects', () => {
    assert.throws(() => nextOccurrence({ kind: 'yearly' }, new Date(0)), TypeError)
  })
})

describe('occurrencesWithin', () => {
  const within = (text, interval) =>
    occurrencesWithin(parseSchedule(text), parseInterval(interval)).map((date) => date.toISOString())

  it('counts the start and not the end', () => {
    assert.deepEqual(within('every 12 hours', '2025-03-03/P1D'), [
      '2025-03-03T00:00:00.000Z',
      '2025-03-03T12:00:00.000Z',
    ])
  })

  it('leaves out a holiday on which the interval begins', () => {
    assert.deepEqual(within('every workday in nl at 9:00', '2025-04-21T06:00Z/P2D'), ['2025-04-22T09:00:00.000Z'])
  })

  it('is empty when nothing is due', () => {
    assert.deepEqual(within('every sunday', '2025-03-03/P1D'), [])
    assert.deepEqual(within('every day', '2025-03-03/2025-03-03'), [])
  })
})
