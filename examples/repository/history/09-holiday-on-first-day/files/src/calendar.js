import { readFileSync } from 'node:fs'
import { DAY_MS } from './units.js'

/**
 * `data/holidays.bin`: the letters `HOL1`, then for each region its two letters, a count, and that many days. Counts
 * and days are unsigned 16 bit, big-endian; days count from 2020-01-01.
 */
const MAGIC = 'HOL1'
const FIRST_DAY = Date.UTC(2020, 0, 1) / DAY_MS
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
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
    const years = new Set([...days].map((day) => new Date(day * DAY_MS).getUTCFullYear()))
    regions.set(region, { days, years })
  }
  return regions
}

/** The number of a weekday by its English name, from 0 for Sunday, or null when it is none. */
export function parseWeekday(word) {
  const index = WEEKDAYS.indexOf(word.toLowerCase())
  return index === -1 ? null : index
}

/** Whether a date falls on Saturday or Sunday, in UTC. */
export function isWeekend(date) {
  return date.getUTCDay() === 0 || date.getUTCDay() === 6
}

/** A region's code in lower case. Throws RangeError for a region whose holidays we do not have. */
export function requireRegion(region) {
  const code = region.toLowerCase()
  if (!HOLIDAYS.has(code))
    throw new RangeError(`no holidays of ${region}; there are ${[...HOLIDAYS.keys()].join(', ')}`)
  return code
}

/**
 * Whether a date falls on a public holiday of a region, in UTC. Throws RangeError for an unknown region, and for a year
 * whose holidays we do not have: "no holiday" would be a guess.
 */
export function isHoliday(date, region) {
  const { days, years } = HOLIDAYS.get(requireRegion(region))
  const year = date.getUTCFullYear()
  if (!years.has(year)) throw new RangeError(`no holidays of ${year} in ${region}; there are ${[...years].join(', ')}`)
  return days.has(Math.floor(date.getTime() / DAY_MS))
}

/** Whether a date is neither in a weekend nor on a public holiday of a region. Throws as {@link isHoliday}. */
export function isWorkday(date, region) {
  return !isWeekend(date) && !isHoliday(date, region)
}
