import { isWorkday, parseWeekday, requireRegion } from './calendar.js'
import { parseTimeOfDay } from './clock.js'
import { DAY_MS, findUnit } from './units.js'

const RULE = /^every (?:(\d+) )?([a-z]+)(?: in ([a-z]+))?(?: at (\S+))?$/
const MONDAY_TO_FRIDAY = Object.freeze([1, 2, 3, 4, 5])

/**
 * A rule from a text such as `every 15 minutes`, `every 2 days at 09:30`, `every monday at 8:00`,
 * `every weekday at 17:00` or, without the holidays of a region, `every workday in nl at 9:00`. Rules of days run at
 * midnight unless they say when. All times are UTC. Throws RangeError for a text that is no rule.
 */
export function parseSchedule(text) {
  const match = RULE.exec(text.trim().toLowerCase().replace(/\s+/g, ' '))
  if (match === null) throw new RangeError(`not a schedule: ${text}`)
  const [, count = '1', word, region, time] = match
  const at = time === undefined ? 0 : parseTimeOfDay(time)

  if (word === 'workday') return parseWorkdays(text, count, { region, at })
  if (region !== undefined) throw new RangeError(`only workdays have a region: ${text}`)
  const weekday = parseWeekday(word)
  if (word === 'weekday') return parseWeekly(text, count, { weekdays: MONDAY_TO_FRIDAY, at })
  if (weekday !== null) return parseWeekly(text, count, { weekdays: Object.freeze([weekday]), at })

  const everyMs = Number(count) * findUnit(word).ms
  if (everyMs === 0) throw new RangeError(`a schedule cannot repeat every 0: ${text}`)
  if (everyMs % DAY_MS === 0) return Object.freeze({ kind: 'daily', everyDays: everyMs / DAY_MS, at })
  if (time !== undefined) throw new RangeError(`only whole days have a time of day: ${text}`)
  return Object.freeze({ kind: 'interval', everyMs })
}

function parseWeekly(text, count, { weekdays, at }) {
  if (count !== '1') throw new RangeError(`days of the week cannot be counted: ${text}`)
  return Object.freeze({ kind: 'weekly', weekdays, at })
}

function parseWorkdays(text, count, { region, at }) {
  if (count !== '1') throw new RangeError(`workdays cannot be counted: ${text}`)
  if (region === undefined) throw new RangeError(`workdays need a region, such as "every workday in nl": ${text}`)
  return Object.freeze({ kind: 'workday', region: requireRegion(region), at })
}

/**
 * The first date after another on which a rule is due. Intervals and days are counted from 1970-01-01T00:00Z, so that
 * the answer does not depend on when one asks.
 */
export function nextOccurrence(rule, after) {
  switch (rule.kind) {
    case 'interval':
      return new Date((Math.floor(after.getTime() / rule.everyMs) + 1) * rule.everyMs)
    case 'daily':
      return nextDay(rule, after, (day) => (day / DAY_MS) % rule.everyDays === 0)
    case 'weekly':
      return nextDay(rule, after, (day) => rule.weekdays.includes(new Date(day).getUTCDay()))
    case 'workday':
      return nextDay(rule, after, (day) => isWorkday(new Date(day), rule.region))
    default:
      throw new TypeError(`not a rule of parseSchedule: ${JSON.stringify(rule)}`)
  }
}

/** All dates on which a rule is due within an interval, in order. The interval's start counts, its end does not. */
export function occurrencesWithin(rule, { start, end }) {
  const dates = []
  let date = nextOccurrence(rule, new Date(start.getTime() - 1))
  while (date < end) {
    dates.push(date)
    date = nextOccurrence(rule, date)
  }
  return dates
}

function nextDay(rule, after, isDue) {
  let day = startOfDay(after)
  while (day + rule.at <= after.getTime() || !isDue(day)) day += DAY_MS
  return new Date(day + rule.at)
}

function startOfDay(date) {
  return Math.floor(date.getTime() / DAY_MS) * DAY_MS
}
