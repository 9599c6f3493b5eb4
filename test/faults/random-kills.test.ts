import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { CallRecord } from '../../src/formats/record.ts'
import { exampleChain } from '../e2e/exampleChain.ts'
import { seededRandom } from '../../src/domain/shuffle.ts'
import { openLab, until, type Lab } from '../e2e/lab.ts'
import { temporalForTests } from '../temporal/server.ts'

const KILLS = Number(process.env['PRCHAIN_TEST_KILLS'] ?? 20)
const SEED = Number(process.env['PRCHAIN_TEST_SEED'] ?? 1)

/** Kill -9 at random moments, of worker and Temporal server in turn as the seed says; run by hand (`npm run test:faults`). */
describe('a campaign under random kills', () => {
  let lab: Lab
  const random = seededRandom(SEED)
  beforeAll(async () => {
    const markerFile = join(tmpdir(), `prchain-faults-${process.pid}`)
    const scripted = {
      latencyMs: 40,
      jitterMs: 80,
      extraSteps: 30,
      markerFile,
      flaws: [{ kind: 'missing-hunk', share: 0.5 }],
    }
    lab = await openLab({ temporal: (await temporalForTests())!.binary, scripted, settings: { sliceSteps: 15 } })
  })
  afterAll(() => lab.stop())

  test(`ends with the same accepted patches as in peace, after ${KILLS} kills with seed ${SEED}`, async () => {
    const targets = [await exampleChain(lab, 3), await exampleChain(lab, 2)]
    await lab.run('peace', targets)
    await lab.start('war', targets)
    let kills = 0
    const counted = { worker: 0, temporal: 0 }
    while (kills < KILLS) {
      await pause(500 + random() * 20_000)
      const followed = await Promise.all(
        targets.map((chain) => lab.store.getRecord(recordKey.rollout(`war/${chain}/1`))),
      )
      if (followed.every(Boolean)) break
      const what = random() < 0.7 ? 'worker' : 'temporal'
      const pid = lab.embedded.processes()[what]
      if (pid === null) continue
      process.kill(pid, 'SIGKILL')
      kills++
      counted[what]++
      await until('it to be started again', () => ![null, pid].includes(lab.embedded.processes()[what]), 60)
    }
    await lab.complete('war')
    for (const chain of targets) {
      const patches = async (campaign: string) =>
        (await lab.rollout(`${campaign}/${chain}/1`)).stages.map((stage) => stage.patch)
      expect(await patches('war')).toEqual(await patches('peace'))
    }
    let twice = 0
    for (const [key, { asked, lastAskedAt }] of Object.entries(await lab.counts())) {
      if (!key.startsWith('war/')) continue
      const record = (await lab.store.getRecord<CallRecord>(recordKey.call(key)))!
      expect(Date.parse(lastAskedAt), key).toBeLessThanOrEqual(Date.parse(record.finishedAt))
      twice += asked - 1
    }
    expect(twice).toBeLessThanOrEqual(kills * targets.length)
    console.log(
      `kills: ${counted.worker} of the worker, ${counted.temporal} of Temporal; calls asked twice, all in flight: ${twice}`,
    )
  }, 3_000_000)
})

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
