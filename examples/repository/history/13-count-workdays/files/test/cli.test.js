import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'

const BIN = fileURLToPath(new URL('../bin/almanac.js', import.meta.url))

function almanac(...args) {
  return spawnSync(process.execPath, [BIN, ...args], { encoding: 'utf8' })
}

it('prints milliseconds', () => {
  assert.equal(almanac('ms', '1h 30m').stdout, '5400000\n')
})

it('prints short and approximate durations', () => {
  assert.equal(almanac('short', '90 minutes').stdout, '1h 30m\n')
  assert.equal(almanac('about', '130 minutes').stdout, 'about 2 hours\n')
})

it('rounds an approximate duration into the next unit', () => {
  assert.equal(almanac('about', '23h 59m').stdout, 'about 1 day\n')
})

it('prints when a schedule is due next', () => {
  const rule = 'every workday in nl at 9:00 and 17:30'
  assert.equal(
    almanac('next', rule, '2025-04-18T12:00Z', '3').stdout,
    '2025-04-18 17:30\n2025-04-22 09:00\n2025-04-22 17:30\n',
  )
  assert.equal(almanac('next', 'every 20 seconds', '2025-04-18T12:00Z').stdout, '2025-04-18 12:00:20\n')
  assert.match(almanac('next', 'every day at 9:00').stdout, /^\d{4}-\d\d-\d\d 09:00\n$/)
})

it('counts workdays', () => {
  assert.equal(almanac('workdays', '2025-04-14/P2W', 'nl').stdout, '9\n')
})

it('fails on dates, counts and regions it does not know', () => {
  assert.equal(almanac('next', 'every day', 'tomorrow').status, 1)
  assert.equal(almanac('next', 'every day', '2025-04-18', 'all').status, 1)
  assert.equal(almanac('workdays', '2025-04-14/P2W').status, 1)
  assert.equal(almanac('workdays', '2031-04-14/P2W', 'nl').status, 1)
})

it('lists every command in its usage', () => {
  assert.match(almanac().stderr, /almanac next .*\n.*almanac workdays /)
})

it('is executable', () => {
  assert.notEqual(statSync(BIN).mode & 0o111, 0)
})

it('says what it did not understand, and fails', () => {
  const { status, stderr } = almanac('ms', 'soon')
  assert.equal(status, 1)
  assert.match(stderr, /soon/)
})

it('shows its usage when asked for nothing it knows', () => {
  for (const args of [[], ['dance'], ['ms'], ['toString', '1h']]) {
    const { status, stderr } = almanac(...args)
    assert.equal(status, 2)
    assert.match(stderr, /^usage: almanac/)
  }
})
