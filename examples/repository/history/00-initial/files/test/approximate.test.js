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

  it('says now within a second', () => {
    assert.equal(approximateDistance(now, now), 'now')
    assert.equal(approximateDistance(now.getTime() + 999, now), 'now')
  })
})
