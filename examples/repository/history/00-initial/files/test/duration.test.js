import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatClock, formatDuration, parseDuration } from '../src/index.js'

describe('parseDuration', () => {
  it('reads units by symbol and by name', () => {
    assert.equal(parseDuration('1h 30m'), 5_400_000)
    assert.equal(parseDuration('90 minutes'), 5_400_000)
    assert.equal(parseDuration('1.5 hours'), 5_400_000)
    assert.equal(parseDuration('2 hrs'), 7_200_000)
  })

  it('joins parts by commas and by and', () => {
    assert.equal(parseDuration('1 day, 2 hours and 5 minutes'), 93_900_000)
  })

  it('takes a bare number for milliseconds', () => {
    assert.equal(parseDuration(' 250 '), 250)
    assert.equal(parseDuration('-250'), -250)
  })

  it('lets a leading minus make all of it negative', () => {
    assert.equal(parseDuration('-1h 30m'), -5_400_000)
  })

  it('refuses what is no duration', () => {
    for (const text of ['', 'soon', '1h later', '3 fortnights', '1h / 2m']) {
      assert.throws(() => parseDuration(text), RangeError, text)
    }
  })
})

describe('formatDuration', () => {
  it('leaves out units that are zero', () => {
    assert.equal(formatDuration(93_600_000), '1d 2h')
    assert.equal(formatDuration(0), '0s')
  })

  it('spells units out on request', () => {
    assert.equal(formatDuration(5_460_000, { style: 'long' }), '1 hour, 31 minutes')
  })

  it('keeps to the units asked for', () => {
    assert.equal(formatDuration(93_600_000, { largest: 'h' }), '26h')
    assert.equal(formatDuration(5_430_000, { smallest: 'm' }), '1h 31m')
    assert.throws(() => formatDuration(1, { largest: 's', smallest: 'h' }), RangeError)
  })

  it('puts the sign in front', () => {
    assert.equal(formatDuration(-61_000), '-1m 1s')
  })
})

describe('formatClock', () => {
  it('pads minutes and seconds', () => {
    assert.equal(formatClock(3_661_000), '1:01:01')
    assert.equal(formatClock(-5_000), '-0:00:05')
  })

  it('lets the hours grow', () => {
    assert.equal(formatClock(360_000_000), '100:00:00')
  })
})
