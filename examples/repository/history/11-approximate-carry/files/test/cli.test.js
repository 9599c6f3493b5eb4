import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
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
