import { findUnit } from './units.js'

const DATE = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?Z)?$/
const PERIOD = /^P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/
const PERIOD_UNITS = ['week', 'day', 'hour', 'minute', 'second'].map(findUnit)

/**
 * An interval from ISO 8601: two dates, or a date and a period on either side of it, such as
 * `2025-03-03/2025-03-10`, `2025-03-03T09:00Z/PT8H` or `P1W/2025-03-10`. Dates without a time are midnight, and all
 * are UTC. The start belongs to the interval, the end does not. Throws RangeError for anything else, months and years
 * among it: they have no fixed length.
 */
export function parseInterval(text) {
  const sides = text.trim().split('/')
  if (sides.length !== 2) throw new RangeError(`not an interval: ${text}`)
  const [first, second] = sides.map(parseSide)
  if (first === null || second === null || (first.kind === 'period' && second.kind === 'period')) {
    throw new RangeError(`not an interval: ${text}`)
  }
  const start = first.kind === 'date' ? first.ms : second.ms - first.ms
  const end = second.kind === 'date' ? second.ms : first.ms + second.ms
  if (end < start) throw new RangeError(`an interval cannot end before it starts: ${text}`)
  return Object.freeze({ start: new Date(start), end: new Date(end) })
}

/** Whether a date lies in an interval. */
export function contains(interval, date) {
  return interval.start <= date && date < interval.end
}

/** Whether two intervals have any time in common. Those that only touch have none. */
export function overlaps(a, b) {
  return a.start < b.end && b.start < a.end
}

function parseSide(text) {
  const period = PERIOD.exec(text)
  if (period !== null) {
    const ms = PERIOD_UNITS.reduce((sum, unit, index) => sum + Number(period[index + 1] ?? 0) * unit.ms, 0)
    return { kind: 'period', ms }
  }
  const ms = DATE.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(ms) ? null : { kind: 'date', ms }
}
