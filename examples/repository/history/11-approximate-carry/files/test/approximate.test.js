import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { approximateDistance, approximateDuration } from '../src/index.js'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

describe('approximateDuration', () => {
  it('speaks in the largest unit that fits', () => {
    assert.equal(approximateDuration(2 * HOUR + 10 * MINUTE), 'about 2 hours')
    assert.equal(approximateDuration(DAY), 'about 1 day')
    assert.equal(approximateDuration(31 * MINUTE), 'about 31 minutes')
  })

  it('moves on to the next unit when rounding fills one', () => {
    assert.equal(approximateDuration(59 * MINUTE + 40_000), 'about 1 hour')
    assert.equal(approximateDuration(23 * HOUR + 45 * MINUTE), 'about 1 day')
    assert.equal(approximateDuration(59_700), 'about 1 minute')
    assert.equal(approximateDuration(6 * DAY + 20 * HOUR), 'about 1 week')
  })

  it('stays with the unit when rounding does not', () => {
    assert.equal(approximateDuration(59 * MINUTE + 20_000), 'about 59 minutes')
    assert.equal(approximateDuration(90 * MINUTE), 'about 2 hours')
  })

  it('does not care about the sign', () => {
    assert.equal(approximateDuration(-3 * DAY), 'about 3 days')
  })

  it('has a word for next to nothing', () => {
    assert.equal(approximateDuration(400), 'less than a second')
  })
})

describe('approximateDistance', () => {
  const now = new Date('2025-03-03T12:00:00Z')

  it('looks ahead and back', () => {
    assert.equal(approximateDistance(new Date('2025-03-06T12:00:00Z'), now), 'in 3 days')
    assert.equal(approximateDistance(new Date('2025-03-03T10:00:00Z'), now), '2 hours ago')
  })

  it('moves on to the next unit in both directions', () => {
    assert.equal(approximateDistance(now.getTime() + 23.7 * HOUR, now), 'in 1 day')
    assert.equal(approximateDistance(now.getTime() - 59.6 * MINUTE, now), '1 hour ago')
  })

  it('says now within a second', () => {
    assert.equal(approximateDistance(now, now), 'now')
    assert.equal(approximateDistance(now.getTime() + 999, now), 'now')
  })
})
