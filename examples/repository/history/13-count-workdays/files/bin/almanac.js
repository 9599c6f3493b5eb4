#!/usr/bin/env node
import {
  approximateDuration,
  countWorkdays,
  formatDuration,
  formatTimeOfDay,
  parseDuration,
  parseInterval,
  parseSchedule,
  takeOccurrences,
} from '../src/index.js'

const USAGE = `usage: almanac ms TEXT                    milliseconds of a duration
       almanac short TEXT                 a duration in units: 1h 30m
       almanac about TEXT                 a duration as one would say it
       almanac next RULE [DATE [COUNT]]   when a schedule is due after a date, or after now
       almanac workdays INTERVAL REGION   how many workdays an interval has
`

const COMMANDS = {
  ms: ([text]) => String(parseDuration(text)),
  short: ([text]) => formatDuration(parseDuration(text)),
  about: ([text]) => approximateDuration(parseDuration(text)),
  next: ([text, date = new Date().toISOString(), count = '1']) => {
    const dates = takeOccurrences(parseSchedule(text), parseDate(date), Number(count))
    return dates.map(formatDate).join('\n')
  },
  workdays: ([text, region = '']) => String(countWorkdays(parseInterval(text), region)),
}

function parseDate(text) {
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) throw new RangeError(`not a date: ${text}`)
  return date
}

function formatDate(date) {
  const day = date.toISOString().slice(0, 10)
  return `${day} ${formatTimeOfDay(date.getTime() - Date.parse(day))}`
}

const [name, ...args] = process.argv.slice(2)
const command = Object.hasOwn(COMMANDS, name ?? '') ? COMMANDS[name] : null

if (command === null || args.length === 0) {
  process.stderr.write(USAGE)
  process.exitCode = 2
} else {
  try {
    process.stdout.write(`${command(args)}\n`)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    process.stderr.write(`almanac: ${error.message}\n`)
    process.exitCode = 1
  }
}
