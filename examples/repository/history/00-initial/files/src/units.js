/** Units of time with a fixed length, largest first. Months and years have none and are left out on purpose. */
export const UNITS = Object.freeze([
  { symbol: 'w', name: 'week', ms: 604_800_000 },
  { symbol: 'd', name: 'day', ms: 86_400_000 },
  { symbol: 'h', name: 'hour', ms: 3_600_000 },
  { symbol: 'm', name: 'minute', ms: 60_000 },
  { symbol: 's', name: 'second', ms: 1_000 },
  { symbol: 'ms', name: 'millisecond', ms: 1 },
])

/** The length of a UTC day. */
export const DAY_MS = 86_400_000

const SHORTHANDS = { hr: 'hour', hrs: 'hour', min: 'minute', mins: 'minute', sec: 'second', secs: 'second' }

const BY_WORD = new Map(
  UNITS.flatMap((unit) => [
    [unit.symbol, unit],
    [unit.name, unit],
    [`${unit.name}s`, unit],
  ]),
)

/** The unit of a word such as `h`, `hrs`, `hour` or `Hours`. Throws RangeError for any other word. */
export function findUnit(word) {
  const lower = word.toLowerCase()
  const unit = BY_WORD.get(SHORTHANDS[lower] ?? lower)
  if (unit === undefined) throw new RangeError(`unknown unit of time: ${word}`)
  return unit
}

/** A count and the name of what is counted: `1 day`, `2 days`. */
export function pluralize(count, name) {
  return `${count} ${name}${count === 1 ? '' : 's'}`
}
