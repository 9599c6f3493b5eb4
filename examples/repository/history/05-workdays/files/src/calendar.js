import { readFileSync } from 'node:fs'
import { DAY_MS } from './units.js'
import { isWeekend } from './weekday.js'

/**
 * `data/holidays.bin`: the letters `HOL1`, then for each region its two letters, a count, and that many days. Counts
 * and days are unsigned 16 bit, big-endian; days count from 2020-01-01.
 */
const MAGIC = 'HOL1'
const FIRST_DAY = Date.UTC(2020, 0, 1) / DAY_MS
const HOLIDAYS = decodeHolidays(readFileSync(new URL('../data/holidays.bin', import.meta.url)))

function decodeHolidays(bytes) {
  if (bytes.toString('latin1', 0, 4) !== MAGIC) throw new Error('data/holidays.bin does not begin with HOL1')
  const regions = new Map()
  let offset = MAGIC.length
  while (offset < bytes.length) {
    const region = bytes.toString('latin1', offset, offset + 2)
    const count = bytes.readUInt16BE(offset + 2)
    offset += 4
    const days = new Set()
    for (let n = 0; n < count; n += 1, offset += 2) days.add(FIRST_DAY + bytes.readUInt16BE(offset))
    regions.set(region, days)
  }
  return regions
}

/** A region's code in lower case. Throws RangeError for a region whose holidays we do not have. */
export function requireRegion(region) {
  const code = region.toLowerCase()
  if (!HOLIDAYS.has(code))
    throw new RangeError(`no holidays of ${region}; there are ${[...HOLIDAYS.keys()].join(', ')}`)
  return code
}

/** Whether a date falls on a public holiday of a region, in UTC. Throws RangeError for an unknown region. */
export function isHoliday(date, region) {
  return HOLIDAYS.get(requireRegion(region)).has(Math.floor(date.getTime() / DAY_MS))
}

/** Whether a date is neither in a weekend nor on a public holiday of a region. Throws as {@link isHoliday}. */
export function isWorkday(date, region) {
  return !isWeekend(date) && !isHoliday(date, region)
}
