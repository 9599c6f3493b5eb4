import { UNITS, pluralize, roundToUnit } from './units.js'

const SHORTEST_MS = 1000

/**
 * A duration as one would say it, in the largest unit that fits: `about 2 hours`. Its sign does not matter. Anything
 * below a second is `less than a second`.
 */
export function approximateDuration(ms) {
  const size = Math.abs(ms)
  if (size < SHORTEST_MS) return 'less than a second'
  return `about ${countInLargestUnit(size)}`
}

/**
 * Where a date lies as seen from another: `in 3 days`, `2 hours ago`, or `now` within a second. Both are dates or
 * milliseconds since the epoch.
 */
export function approximateDistance(date, now) {
  const ms = Number(date) - Number(now)
  const size = Math.abs(ms)
  if (size < SHORTEST_MS) return 'now'
  const words = countInLargestUnit(size)
  return ms < 0 ? `${words} ago` : `in ${words}`
}

/** Rounding may fill the unit above, so the unit is chosen again for what was rounded: 59.7 minutes are 1 hour. */
function countInLargestUnit(size) {
  const largestIn = (ms) => UNITS.find((unit) => ms >= unit.ms)
  const rounded = roundToUnit(size, largestIn(size))
  const unit = largestIn(rounded)
  return pluralize(Math.round(rounded / unit.ms), unit.name)
}
