import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { workflowId } from '../../src/domain/identifiers.ts'
import { temporalForTests } from '../temporal/server.ts'
import { openLab, type Lab } from './lab.ts'
import { exampleChain } from './exampleChain.ts'

const server = await temporalForTests()
const STEPS = 1_165
const PAYLOAD_LIMIT_BYTES = 64 * 1024

interface Payload {
  data?: Uint8Array | null
}

describe.skipIf(server === null)('a rollout of 1,165 steps', () => {
  let lab: Lab
  let chain: string
  const markerFile = join(tmpdir(), `prchain-long-${process.pid}-${Date.now()}`)
  beforeAll(async () => {
    lab = await openLab({ temporal: server!.binary, scripted: { markerFile }, settings: { maxSteps: 2_000 } })
    chain = await exampleChain(lab, 2)
  })
  afterAll(() => lab.stop())

  test('adds a few events a slice, and no payload over 64 KiB', async () => {
    await lab.script({ markerFile, chains: { [chain]: { stages: { 0: { extraSteps: STEPS } } } } })
    await lab.run('long', [chain])
    const id = `long/${chain}/1`
    expect(readFileSync(markerFile, 'utf8').trim().split('\n')).toHaveLength(STEPS)

    const history = await lab.client.workflow.getHandle(workflowId.chain(id)).fetchHistory()
    const events = history.events ?? []
    const slices = events.filter(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'runSlice',
    )
    const others = events.filter(
      (event) =>
        event.activityTaskScheduledEventAttributes &&
        event.activityTaskScheduledEventAttributes.activityType?.name !== 'runSlice',
    )
    expect(slices.length).toBeGreaterThanOrEqual(Math.ceil(STEPS / 100))
    expect(slices.length).toBeLessThanOrEqual(Math.ceil(STEPS / 100) + 4)
    // Six events an activity and what the chain tells: far from one a step.
    expect(events.length).toBeLessThan(6 * (slices.length + others.length) + 60)
    const sizes = events.flatMap((event) => payloadSizes(event))
    expect(Math.max(...sizes)).toBeLessThan(PAYLOAD_LIMIT_BYTES)

    const [line] = lab.samples('long')
    expect(line!.stages[0]!.steps).toBeGreaterThan(STEPS)
    console.log(
      `events ${events.length}, slices ${slices.length}, largest payload ${Math.max(...sizes)} B, all payloads ${sizes.reduce((a, b) => a + b, 0)} B`,
    )
  }, 600_000)
})

/** The sizes of all payloads within an event. */
function payloadSizes(value: unknown): number[] {
  if (value === null || typeof value !== 'object') return []
  const { data } = value as Payload
  if (data instanceof Uint8Array) return [data.length]
  return Object.values(value).flatMap(payloadSizes)
}
