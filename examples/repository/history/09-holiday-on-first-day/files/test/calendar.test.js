import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isHoliday, isWorkday } from '../src/index.js'

const on = (day) => new Date(`${day}T12:00:00Z`)

describe('isHoliday', () => {
  it('knows the holidays of each region', () => {
    assert.equal(isHoliday(on('2025-05-29'), 'nl'), true)
    assert.equal(isHoliday(on('2025-05-29'), 'us'), false)
    assert.equal(isHoliday(on('2025-07-04'), 'us'), true)
    assert.equal(isHoliday(on('2025-12-26'), 'nl'), true)
  })

  it('covers the whole day in UTC and no more', () => {
    assert.equal(isHoliday(new Date('2024-12-25T00:00:00Z'), 'us'), true)
    assert.equal(isHoliday(new Date('2024-12-25T23:59:59.999Z'), 'us'), true)
    assert.equal(isHoliday(new Date('2024-12-26T00:00:00Z'), 'us'), false)
  })

  it('takes regions in any case and refuses unknown ones', () => {
    assert.equal(isHoliday(on('2025-05-05'), 'NL'), true)
    assert.throws(() => isHoliday(on('2025-05-05'), 'zz'), RangeError)
  })

  it('refuses years it has no holidays of', () => {
    assert.equal(isHoliday(on('2025-12-31'), 'nl'), false)
    assert.throws(() => isHoliday(on('2023-12-25'), 'us'), RangeError)
    assert.throws(() => isHoliday(on('2026-01-01'), 'nl'), RangeError)
  })
})

describe('isWorkday', () => {
  it('leaves out weekends and holidays', () => {
    assert.equal(isWorkday(on('2025-03-07'), 'nl'), true)
    assert.equal(isWorkday(on('2025-03-08'), 'nl'), false)
    assert.equal(isWorkday(on('2025-04-21'), 'nl'), false)
  })

  it('does not call a day a workday for want of holidays', () => {
    assert.throws(() => isWorkday(on('2026-01-05'), 'us'), RangeError)
  })
})
