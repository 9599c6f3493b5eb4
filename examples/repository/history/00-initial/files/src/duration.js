import { UNITS, findUnit, pluralize } from './units.js'

const PART = /(\d+(?:\.\d+)?)\s*([a-z]+)/gi
const GAP = /^(?:\s*,?\s*(?:and\s+)?)$/i

/**
 * Milliseconds of a text such as `1h 30m`, `90 minutes`, `1.5 hours` or `2 days, 4 hours and 5 minutes`. A bare
 * whole number counts milliseconds. A leading minus makes all of it negative. Throws RangeError for anything else.
 */
export function parseDuration(text) {
  const trimmed = text.trim()
  if (/^[-+]?\d+$/.test(trimmed)) return Number(trimmed)
  const body = trimmed.replace(/^[-+]\s*/, '')
  let total = 0
  let end = 0
  for (const match of body.matchAll(PART)) {
    if (!GAP.test(body.slice(end, match.index))) throw new RangeError(`not a duration: ${text}`)
    total += Number(match[1]) * findUnit(match[2]).ms
    end = match.index + match[0].length
  }
  if (end === 0 || end !== body.length) throw new RangeError(`not a duration: ${text}`)
  return Math.round(trimmed.startsWith('-') ? -total : total)
}

/**
 * A duration in units from `largest` down to `smallest`, without those that are zero. `style: 'long'` spells the units
 * out. What is smaller than the smallest unit is rounded.
 */
export function formatDuration(ms, { largest = 'w', smallest = 's', style = 'short' } = {}) {
  const units = unitsBetween(largest, smallest)
  const parts = []
  let rest = Math.abs(ms)
  for (const [index, unit] of units.entries()) {
    const isLast = index === units.length - 1
    const count = isLast ? Math.round(rest / unit.ms) : Math.floor(rest / unit.ms)
    rest -= count * unit.ms
    if (count > 0) parts.push(formatPart(count, unit, style))
  }
  if (parts.length === 0) parts.push(formatPart(0, units.at(-1), style))
  return (ms < 0 ? '-' : '') + parts.join(style === 'long' ? ', ' : ' ')
}

function formatPart(count, unit, style) {
  return style === 'long' ? pluralize(count, unit.name) : `${count}${unit.symbol}`
}

function unitsBetween(largest, smallest) {
  const from = UNITS.indexOf(findUnit(largest))
  const to = UNITS.indexOf(findUnit(smallest))
  if (from > to) throw new RangeError(`largest unit ${largest} is smaller than smallest unit ${smallest}`)
  return UNITS.slice(from, to + 1)
}

/** A duration as a stopwatch shows it: `h:mm:ss`, to the nearest second. */
export function formatClock(ms) {
  const size = Math.abs(ms)
  const hours = Math.floor(size / 3_600_000)
  const minutes = Math.floor(size / 60_000) % 60
  const seconds = Math.round((size % 60_000) / 1000)
  const pad = (count) => String(count).padStart(2, '0')
  return `${ms < 0 ? '-' : ''}${hours}:${pad(minutes)}:${pad(seconds)}`
}
