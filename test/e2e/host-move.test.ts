import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordKey, workflowId } from '../../src/domain/identifiers.ts'
import type { LifeRecord } from '../../src/formats/record.ts'
import { BASE_IMAGE, dockerForTests, startEngine, stopEngine } from '../docker/engine.ts'
import { temporalForTests } from '../temporal/server.ts'
import { exampleChain } from './exampleChain.ts'
import { openDockerLab, until, type Lab } from './lab.ts'

const docker = await dockerForTests()
const server = await temporalForTests()
const canStartEngines = process.getuid?.() === 0 && docker !== null

describe.skipIf(!canStartEngines || server === null)('a rollout whose host goes away', () => {
  const folder = mkdtempSync(join(tmpdir(), 'prchain-host-'))
  const socketPath = join(folder, 'docker.sock')
  let lab: Lab
  let chain: string

  beforeAll(async () => {
    // The lab's first worker has an engine of its own, as a host of its own would.
    await startEngine(folder, socketPath)
    const image = await new Docker({ socketPath: docker!.socketPath }).getImage(BASE_IMAGE).get()
    for await (const _ of await new Docker({ socketPath }).loadImage(image));
    lab = await openDockerLab({
      temporal: server!.binary,
      socketPath,
      scripted: { latencyMs: 120, extraSteps: 12 },
      isUntested: true,
    })
    chain = await exampleChain(lab, 2)
    await lab.run('calm', [chain])
  }, 180_000)
  afterAll(async () => {
    await lab?.stop()
    await stopEngine(folder)
    execFileSync('sh', ['-c', `umount ${folder}/data 2>/dev/null; true`])
    rmSync(folder, { recursive: true, force: true })
  })

  test('goes on at another host, in a sandbox rebuilt from the record, with the same trees', async () => {
    await lab.start('moved', [chain])
    const id = `moved/${chain}/1`
    await until('some steps', async () => {
      const keys = await lab.store.listRecords(`${recordKey.stage(id, 0)}/0/commands`)
      return keys.length >= 6
    })
    // The worker is gone with its engine. The one that is started next has the other engine, as another host's would.
    const worker = lab.embedded.processes().worker!
    process.kill(worker, 'SIGSTOP')
    await stopEngine(folder)
    lab.config.dockerHost = `unix://${docker!.socketPath}`
    process.kill(worker, 'SIGKILL')
    await lab.complete('moved')

    const lives = await lab.store.listRecords(recordKey.lives(id, 0, 'work'))
    const [first, last] = await Promise.all(
      [lives[0]!, lives.at(-1)!].map(async (key) => (await lab.store.getRecord<LifeRecord>(key))!),
    )
    expect(last!.n).toBeGreaterThan(1)
    expect(last!.place).not.toBe(first!.place)
    const trees = async (name: string) => (await lab.rollout(`${name}/${chain}/1`)).stages.map(({ tree }) => tree)
    expect(await trees('moved')).toEqual(await trees('calm'))
    const { events } = await lab.client.workflow.getHandle(workflowId.chain(id)).fetchHistory()
    const queues = events!.flatMap((event) => event.activityTaskScheduledEventAttributes?.taskQueue?.name ?? [])
    expect(new Set(queues)).toEqual(new Set(['prchain', `prchain.${first!.place}`, `prchain.${last!.place}`]))
  }, 240_000)
})
