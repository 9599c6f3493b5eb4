import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addWorkdays, countWorkdays, parseInterval, parseSchedule, takeOccurrences } from '../src/index.js'

describe('countWorkdays', () => {
  const count = (interval, region) => countWorkdays(parseInterval(interval), region)

  it('leaves out weekends and holidays', () => {
    assert.equal(count('2025-03-03/P1W', 'nl'), 5)
    assert.equal(count('2025-04-21/P1W', 'nl'), 4)
    assert.equal(count('2025-04-21/P1W', 'us'), 5)
  })

  it('counts days that an interval only touches', () => {
    assert.equal(count('2025-03-03T23:00Z/PT2H', 'nl'), 2)
    assert.equal(count('2025-03-03/2025-03-03', 'nl'), 0)
  })

  it('does not count on holidays it does not know', () => {
    assert.throws(() => count('2025-12-29/P1W', 'nl'), RangeError)
  })
})

describe('addWorkdays', () => {
  const add = (date, count, region) => addWorkdays(new Date(date), count, region).toISOString()

  it('steps over weekends and holidays, keeping the time of day', () => {
    assert.equal(add('2025-04-17T15:45:00Z', 2, 'nl'), '2025-04-22T15:45:00.000Z')
    assert.equal(add('2025-04-17T15:45:00Z', 2, 'us'), '2025-04-21T15:45:00.000Z')
  })

  it('steps back for a negative number', () => {
    assert.equal(add('2025-04-22T08:00:00Z', -1, 'nl'), '2025-04-18T08:00:00.000Z')
  })

  it('stays for none', () => {
    assert.equal(add('2025-04-21T08:00:00Z', 0, 'nl'), '2025-04-21T08:00:00.000Z')
  })

  it('refuses half a workday', () => {
    assert.throws(() => add('2025-04-22T08:00:00Z', 0.5, 'nl'), RangeError)
  })
})

describe('takeOccurrences', () => {
  it('gives as many dates as asked for', () => {
    const rule = parseSchedule('every workday in us at 9:00')
    const dates = takeOccurrences(rule, new Date('2025-07-03T10:00:00Z'), 2)
    assert.deepEqual(
      dates.map((date) => date.toISOString()),
      ['2025-07-07T09:00:00.000Z', '2025-07-08T09:00:00.000Z'],
    )
    assert.deepEqual(takeOccurrences(rule, new Date('2025-07-03T10:00:00Z'), 0), [])
  })

  it('refuses a number of dates that cannot be', () => {
    for (const count of [-1, 1.5, Number.NaN, Infinity]) {
      assert.throws(() => takeOccurrences(parseSchedule('every day'), new Date(0), count), RangeError)
    }
  })
})
