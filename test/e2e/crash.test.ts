import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { recordKey, workflowId } from '../../src/domain/identifiers.ts'
import type { CallRecord } from '../../src/formats/record.ts'
import { temporalForTests } from '../temporal/server.ts'
import { withoutTimes } from './sampleCheck.ts'
import { openLab, until, type Lab } from './lab.ts'
import { exampleChain } from './exampleChain.ts'
import { prchainProcesses } from './processes.ts'

const server = await temporalForTests()
/** In each round, of which the flaw makes two a stage: enough for ten kills with three steps between them. */
const EXTRA_STEPS = 12
const LATENCY_MS = 60

describe.skipIf(server === null)('a rollout through crashes', () => {
  const labs: Lab[] = []
  afterEach(async () => {
    for (const lab of labs.splice(0)) await lab.stop()
  })

  /** A lab whose agent takes further steps, each of which leaves one line in a file outside the sandboxes. */
  async function openMarked(
    length: number,
    isUntested = false,
  ): Promise<{ lab: Lab; markers: () => string[]; markerFile: string; chain: string }> {
    const markerFile = join(tmpdir(), `prchain-markers-${process.pid}-${Date.now()}`)
    const scripted = { latencyMs: LATENCY_MS, extraSteps: EXTRA_STEPS, markerFile, flaws: ['missing-hunk'] }
    const lab = await openLab({ temporal: server!.binary, scripted, settings: { sliceSteps: 20 }, isUntested })
    labs.push(lab)
    const chain = await exampleChain(lab, length)
    const markers = () => {
      try {
        return readFileSync(markerFile, 'utf8').trim().split('\n')
      } catch {
        return []
      }
    }
    return { lab, markers, markerFile, chain }
  }

  /** The accepted patches of a rollout: what a crash must not change. */
  async function patchesOf(lab: Lab, id: string): Promise<string[]> {
    const rollout = await lab.rollout(id)
    expect(rollout.ending).toBe('accepted')
    return rollout.stages.map((stage) => stage.patch)
  }

  /** A campaign's samples file, but for times. */
  function samplesOf(lab: Lab, campaign: string): string {
    const text = readFileSync(join(lab.config.store, 'samples', `${campaign}.jsonl`), 'utf8')
    expect(text).toContain(`"${campaign}/`)
    return withoutTimes(text)
  }

  /** The types of the failures after which the activities of a rollout were tried again. */
  async function lastFailures(lab: Lab, id: string): Promise<string[]> {
    const { events } = await lab.client.workflow.getHandle(workflowId.chain(id)).fetchHistory()
    return events!.flatMap(
      (event) => event.activityTaskStartedEventAttributes?.lastFailure?.applicationFailureInfo?.type ?? [],
    )
  }

  /** Every stored call was asked for the last time before it was stored, and each marker stands once. */
  async function expectNothingTwice(lab: Lab, id: string, markers: string[], kills: number): Promise<void> {
    const counts = await lab.counts()
    let twice = 0
    for (const [key, { asked, lastAskedAt }] of Object.entries(counts)) {
      if (!key.startsWith(`${id}/`)) continue
      const record = await lab.store.getRecord<CallRecord>(recordKey.call(key))
      expect(record, key).not.toBeNull()
      expect(Date.parse(lastAskedAt), `${key} was asked after it was stored`).toBeLessThanOrEqual(
        Date.parse(record!.finishedAt),
      )
      twice += asked - 1
    }
    expect(twice).toBeLessThanOrEqual(kills)
    expect(new Set(markers).size).toBe(markers.length)
  }

  test('ten kill -9 of the worker in the middle of stages cost at most the calls in flight', async () => {
    // A store of its own with the same names, so that what comes of it is comparable to the byte.
    const calm = await openMarked(3)
    const inPeace = calm.lab.run('killed', [calm.chain])
    const { lab, markers, markerFile, chain } = await openMarked(3)
    await lab.start('killed', [chain])
    const id = `killed/${chain}/1`
    let kills = 0
    let seen = markers().length
    while (kills < 10) {
      const reached = seen + 3
      const isOver = await until('three further steps', async () => {
        if (markers().length >= reached) return 'stepped'
        return (await lab.store.getRecord(recordKey.rollout(id))) && 'over'
      })
      if (isOver === 'over') break
      const pid = lab.embedded.processes().worker
      if (pid !== null) {
        process.kill(pid, 'SIGKILL')
        kills++
        await until(
          'another worker',
          () => lab.embedded.processes().worker !== null && lab.embedded.processes().worker !== pid,
        )
      }
      seen = markers().length
    }
    expect(kills).toBe(10)
    await Promise.all([lab.complete('killed'), inPeace])
    expect(await patchesOf(lab, id)).toEqual(await patchesOf(calm.lab, id))
    const samples = samplesOf(lab, 'killed').replaceAll(markerFile, calm.markerFile)
    expect(samples === samplesOf(calm.lab, 'killed'), 'the samples are the same bytes, but for times').toBe(true)
    expect(markers().length).toBe(calm.markers().length)
    await expectNothingTwice(lab, id, markers(), kills)
    expect(await lastFailures(lab, id), 'what a killed worker held was given back').toContain('WorkerDied')
  }, 600_000)

  test('kill -9 of the Temporal server, three times, loses nothing', async () => {
    const { lab, markers, chain } = await openMarked(2, true)
    await lab.start('served', [chain])
    const id = `served/${chain}/1`
    for (let kills = 0, seen = 0; kills < 3; kills++) {
      await until('five further steps', () => markers().length >= seen + 5)
      const pid = lab.embedded.processes().temporal
      process.kill(pid, 'SIGKILL')
      await until('the server again', () => lab.embedded.processes().temporal !== pid)
      seen = markers().length
    }
    await lab.complete('served')
    await patchesOf(lab, id)
    await expectNothingTwice(lab, id, markers(), 3)
  }, 300_000)

  test('a worker frozen for longer than its heartbeat and woken neither commands nor overwrites', async () => {
    const { lab, markers, chain } = await openMarked(2, true)
    await lab.start('frozen', [chain])
    const id = `frozen/${chain}/1`
    await until('some steps', () => markers().length >= 5)
    const frozen = lab.embedded.processes().worker!
    process.kill(frozen, 'SIGSTOP')
    const second = await lab.startWorker()
    const seen = markers().length
    await until('the second worker to go on', () => markers().length >= seen + 5, 90)
    process.kill(frozen, 'SIGCONT')
    await lab.complete('frozen')
    await patchesOf(lab, id)
    await expectNothingTwice(lab, id, markers(), 1)
    second.kill('SIGTERM')
  }, 300_000)

  test('stopping leaves no process behind, of workers, servers and sandboxes', async () => {
    const { lab, markers, chain } = await openMarked(2, true)
    await lab.start('stopped', [chain])
    await until('some steps', () => markers().length >= 3)
    expect(prchainProcesses(lab.dir).length).toBeGreaterThan(0)
    await labs.pop()!.stop()
    expect(prchainProcesses(lab.dir)).toEqual([])
  })
})
