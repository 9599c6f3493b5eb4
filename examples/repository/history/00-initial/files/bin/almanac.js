#!/usr/bin/env node
import { approximateDuration, formatDuration, parseDuration } from '../src/index.js'

const USAGE = `usage: almanac ms TEXT       milliseconds of a duration
       almanac short TEXT    a duration in units: 1h 30m
       almanac about TEXT    a duration as one would say it
`

const COMMANDS = {
  ms: ([text]) => String(parseDuration(text)),
  short: ([text]) => formatDuration(parseDuration(text)),
  about: ([text]) => approximateDuration(parseDuration(text)),
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
