import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { LifeRecord } from '../../src/formats/record.ts'
import { BASE_IMAGE, dockerForTests, startEngine, stopEngine } from '../docker/engine.ts'
import { temporalForTests } from '../temporal/server.ts'
import { exampleChain } from './exampleChain.ts'
import { openDockerLab, until, type Lab } from './lab.ts'

const docker = await dockerForTests()
const server = await temporalForTests()
const canStartEngines = process.getuid?.() === 0 && docker !== null

/** Each step leaves a line; before each submit, lines that stand there twice go into a file of the work tree. */
const COUNTING = {
  latencyMs: 60,
  extraSteps: 12,
  markerFile: '/home/agent/markers',
  testCommand: 'sort /home/agent/markers | uniq -d > twice.txt; git -c core.pager=cat diff --stat | tail -n 1',
}

describe.skipIf(!canStartEngines || server === null).each([
  { engine: 'an engine', isLiveRestored: false },
  { engine: 'an engine with live-restore', isLiveRestored: true },
])('a rollout on $engine that dies', ({ isLiveRestored }) => {
  const folder = mkdtempSync(join(tmpdir(), 'prchain-engine-'))
  const socketPath = join(folder, 'docker.sock')
  let lab: Lab
  let chain: string
  let client: Docker

  beforeAll(async () => {
    await startEngine(folder, socketPath, { isLiveRestored })
    client = new Docker({ socketPath })
    const image = await new Docker({ socketPath: docker!.socketPath }).getImage(BASE_IMAGE).get()
    const loading = await client.loadImage(image)
    for await (const _ of loading);
    lab = await openDockerLab({
      temporal: server!.binary,
      socketPath,
      scripted: COUNTING,
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

  const steps = async (id: string, stage: number) =>
    (await lab.store.listRecords(`${recordKey.stage(id, stage)}/0/commands`)).length

  const containersOf = async (id: string) =>
    client.listContainers({ all: true, filters: await lab.containerFilters(id) })

  async function containerOf(id: string): Promise<{ pid: number; shim: number }> {
    const [found] = await until('a container', async () => {
      const list = await containersOf(id)
      return list.some(({ State }) => State === 'running') && list
    })
    const { State } = await client.getContainer(found!.Id).inspect()
    return { pid: State.Pid, shim: parentOf(State.Pid) }
  }

  /** Further steps after those that are there. */
  async function further(id: string, stage: number, count = 4): Promise<void> {
    const from = await steps(id, stage)
    await until('further steps', async () => (await steps(id, stage)) >= from + count, 90)
  }

  async function killEngine(): Promise<void> {
    const pid = Number(readFileSync(join(folder, 'dockerd.pid'), 'utf8'))
    process.kill(pid, 'SIGKILL')
    await until('the end of the engine', () => !isAlive(pid))
    await startEngine(folder, socketPath, { isLiveRestored })
  }

  async function expectAsInPeace(id: string): Promise<LifeRecord[]> {
    const ended = await lab.rollout(id)
    expect(ended.ending).toBe('accepted')
    const calm = await lab.rollout(`calm/${chain}/1`)
    expect(ended.stages.map(({ tree, patch }) => ({ tree, patch }))).toEqual(
      calm.stages.map(({ tree, patch }) => ({ tree, patch })),
    )
    const repository = await lab.openRepository()
    for (const { tree } of ended.stages) expect((await repository.readFile(tree, 'twice.txt'))!.toString()).toBe('')
    expect(await containersOf(id)).toEqual([])
    const keys = await lab.store.listRecords(recordKey.lives(id, 0, 'work'))
    return Promise.all(keys.map(async (key) => (await lab.store.getRecord<LifeRecord>(key))!))
  }

  const testWithoutRestoring = isLiveRestored ? () => {} : test
  testWithoutRestoring(
    'in its container, then in its shim: each command once in a life, the same trees, nothing left',
    async () => {
      await lab.start('parts', [chain])
      const id = `parts/${chain}/1`
      await until('some steps', async () => (await steps(id, 0)) >= 5)
      process.kill((await containerOf(id)).pid, 'SIGKILL')
      await further(id, 0)
      process.kill((await containerOf(id)).shim, 'SIGKILL')
      await lab.complete('parts')
      const lives = await expectAsInPeace(id)
      expect(lives.length).toBeGreaterThanOrEqual(2)
      expect(lives.flatMap(({ differing }) => differing)).toEqual([])
    },
    180_000,
  )

  test('itself: each command once in a life, the same trees, nothing left', async () => {
    await lab.start('engine', [chain])
    const id = `engine/${chain}/1`
    await until('some steps', async () => (await steps(id, 0)) >= 5)
    await killEngine()
    await lab.complete('engine')
    const lives = await expectAsInPeace(id)
    // A live-restored container went on without its engine: its sandbox has one life.
    if (isLiveRestored) expect(lives).toHaveLength(1)
    else expect(lives.length).toBeGreaterThanOrEqual(2)
  }, 180_000)
})

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return Number(stat.slice(stat.lastIndexOf(') ') + 2).split(' ')[1])
}

function isAlive(pid: number): boolean {
  return readdirSync('/proc').includes(String(pid)) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
}
