import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { CommandRecord, LifeRecord } from '../../src/formats/record.ts'
import { dockerForTests } from '../docker/engine.ts'
import { temporalForTests } from '../temporal/server.ts'
import { exampleChain } from './exampleChain.ts'
import { exampleForTests, openLab, until, type Lab } from './lab.ts'

const docker = await dockerForTests()
const server = await temporalForTests()

describe.skipIf(docker === null || server === null)('a chain in Docker sandboxes', () => {
  let lab: Lab
  let chain: string
  let engine: Docker
  beforeAll(async () => {
    engine = new Docker({ socketPath: docker!.socketPath })
    const { environment } = await exampleForTests()
    lab = await openLab({
      temporal: server!.binary,
      environment: { ...environment, image: docker!.image },
      settings: { sandbox: 'docker', dockerHost: `unix://${docker!.socketPath}` },
    })
    chain = await exampleChain(lab, 3)
  })
  afterAll(() => lab.stop())

  const containersOf = async (rollout: string) =>
    engine.listContainers({ all: true, filters: await lab.containerFilters(rollout) })

  /** The output of the agent's command before its submit, of a round. */
  async function outputs(id: string, stage: number): Promise<string[]> {
    const keys = await lab.store.listRecords(`${recordKey.stage(id, stage)}/0/commands`)
    const records = await Promise.all(keys.map((key) => lab.store.getRecord<CommandRecord>(key)))
    return records.map((record) => record!.outcome.output ?? '')
  }

  test('ends accepted, and leaves no container', async () => {
    await lab.script({ flaws: ['missing-hunk'] })
    await lab.run('contained', [chain])
    const rollout = await lab.rollout(`contained/${chain}/1`)
    expect(rollout.ending).toBe('accepted')
    expect(await containersOf(rollout.id)).toEqual([])
  })

  test('the agent has no network, one commit, and nothing of the future', async () => {
    const known = (await lab.store.getRecord<{ stages: { resultSha: string }[] }>(recordKey.chain(chain)))!
    const future = known.stages.map((stage) => stage.resultSha)
    const look = [
      'echo "interfaces: $(ls /sys/class/net)"',
      'echo "commits: $(git log --all --oneline | wc -l) refs: $(git for-each-ref | wc -l) dirty: $(git status --short | wc -l)"',
      `for sha in ${future.join(' ')}; do git cat-file -e $sha 2>/dev/null && echo "FUTURE $sha"; done`,
      'echo "unreachable: $(git fsck --unreachable --no-reflogs 2>/dev/null | wc -l)"',
      'timeout 3 bash -c "exec 3<>/dev/tcp/1.1.1.1/53" 2>/dev/null && echo CONNECTED; true',
    ].join('; ')
    await lab.script({ testCommand: look })
    await lab.run('looking', [chain])
    for (const stage of known.stages.keys()) {
      const said = (await outputs(`looking/${chain}/1`, stage)).find((output) => output.includes('interfaces:'))!
      expect(said).toContain('interfaces: lo\n')
      expect(said).toMatch(/commits: 1 refs: 1/)
      expect(said).toContain('unreachable: 0')
      expect(said).not.toMatch(/FUTURE|CONNECTED/)
    }
  })

  test('a sandbox that is lost in mid-stage is rebuilt from the record, once, and the sample says so', async () => {
    await lab.script({ latencyMs: 150, extraSteps: 15, markerFile: '/home/agent/markers' })
    await lab.start('lost', [chain])
    const id = `lost/${chain}/1`
    const recorded = () => lab.store.listRecords(`${recordKey.stage(id, 0)}/0/commands`)
    await until('some commands', async () => (await recorded()).length >= 6)
    const [container] = await containersOf(id)
    await engine.getContainer(container!.Id).remove({ force: true })
    await lab.complete('lost')
    expect((await lab.rollout(id)).ending).toBe('accepted')

    const lives = await lab.store.listRecords(recordKey.lives(id, 0, 'work'))
    expect(lives).toHaveLength(2)
    const second = (await lab.store.getRecord<LifeRecord>(lives[1]!))!
    expect(second.rerun.length).toBeGreaterThanOrEqual(6)
    expect(second.diverged).toEqual([])
    const [line] = lab.samples('lost')
    expect(line!.stages[0]).toMatchObject({ rebuilds: 1, diverged: [] })
    expect(line!.stages[1]).toMatchObject({ rebuilds: 0 })
    const patches = (await lab.rollout(id)).stages.map((stage) => stage.patch)
    expect(patches).toEqual((await lab.rollout(`looking/${chain}/1`)).stages.map((stage) => stage.patch))
  })
})
