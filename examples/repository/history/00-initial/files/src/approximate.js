import { UNITS, pluralize } from './units.js'

const SHORTEST_MS = 1000

/**
 * A duration as one would say it, in the largest unit that fits: `about 2 hours`. Its sign does not matter. Anything
 * below a second is `less than a second`.
 */
export function approximateDuration(ms) {
  const size = Math.abs(ms)
  if (size < SHORTEST_MS) return 'less than a second'
  const unit = UNITS.find((candidate) => size >= candidate.ms)
  return `about ${pluralize(Math.round(size / unit.ms), unit.name)}`
}

/**
 * Where a date lies as seen from another: `in 3 days`, `2 hours ago`, or `now` within a second. Both are dates or
 * milliseconds since the epoch.
 */
export function approximateDistance(date, now) {
  const ms = Number(date) - Number(now)
  const size = Math.abs(ms)
  if (size < SHORTEST_MS) return 'now'
  const unit = UNITS.find((candidate) => size >= candidate.ms)
  const words = pluralize(Math.round(size / unit.ms), unit.name)
  return ms < 0 ? `${words} ago` : `in ${words}`
}
