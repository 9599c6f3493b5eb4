import assert from 'node:assert/strict'
import { it } from 'node:test'
import { formatTimeOfDay, parseTimeOfDay, parseTimesOfDay } from '../src/time-of-day.js'

it('reads a time of day', () => {
  assert.equal(parseTimeOfDay('0:00'), 0)
  assert.equal(parseTimeOfDay('23:59'), 86_340_000)
})

it('refuses times that no clock shows', () => {
  for (const text of ['24:00', '12:60', '12', '12:5', 'noon', '']) {
    assert.throws(() => parseTimeOfDay(text), RangeError, text)
  }
})

it('reads a list of times', () => {
  assert.deepEqual(parseTimesOfDay('17:00, 9:00 and 12:00'), [32_400_000, 43_200_000, 61_200_000])
})

it('writes a time of day, with seconds when there are any', () => {
  assert.equal(formatTimeOfDay(0), '00:00')
  assert.equal(formatTimeOfDay(34_200_000), '09:30')
  assert.equal(formatTimeOfDay(86_399_000), '23:59:59')
})
