import Docker from 'dockerode'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { ExchangeRecord, LaunchRecord } from '../../src/formats/exchange.ts'
import { dockerForTests } from '../docker/engine.ts'
import { temporalForTests } from '../temporal/server.ts'
import { exampleChain } from './exampleChain.ts'
import { openDockerLab, until, type Lab } from './lab.ts'

const docker = await dockerForTests()
const server = await temporalForTests()

describe.skipIf(server === null || docker === null)('SII-CLI’s adapter, with the bridge of our tests', () => {
  let lab: Lab
  let chain: string
  const client = new Docker({ socketPath: docker?.socketPath })
  beforeAll(async () => {
    lab = await openDockerLab({
      temporal: server!.binary,
      socketPath: docker!.socketPath,
      settings: { scaffold: 'sii-cli', siiCliPath: join(import.meta.dirname, '..', 'siiBridge') },
      // What a machine of an operator of SII-CLI's may have set.
      workerEnv: { SII_USERNAME: 'operator', SII_PASSWORD: 'sii-password' },
    })
    chain = await exampleChain(lab, 2)
  }, 180_000)
  afterAll(() => lab.stop())

  test('drives a chain from end to end, refused, told and repaired, through four deaths, and nothing stored is asked twice', async () => {
    await lab.script({ flaws: ['missing-hunk'], latencyMs: 100, extraSteps: 3, markerFile: '/home/agent/markers' })
    await lab.start('killed', [chain])
    const id = `killed/${chain}/1`
    let seen = 0
    const further = async () => {
      seen = await until(
        'further exchanges',
        async () => {
          const { length } = await exchangesOf(id)
          return length >= seen + 2 && length
        },
        120,
      )
    }
    await further()
    process.kill(lab.embedded.processes().worker!, 'SIGKILL')
    await further()
    process.kill(lab.embedded.processes().gateway!, 'SIGKILL')
    await further()
    process.kill(await bridgeOf(id), 'SIGKILL')
    await further()
    await bridgeOf(id)
    await client.getContainer((await containersOf(id))[0]!).kill()
    await lab.complete('killed')

    const rollout = await lab.rollout(id)
    expect(rollout).toMatchObject({ ending: 'accepted', settings: { scaffold: 'sii-cli' } })
    const rounds = rollout.stages.reduce((sum, stage) => sum + stage.rounds, 0)
    expect(rounds).toBeGreaterThan(2)
    // The same as the humans', whatever was killed.
    expect(rollout.stages.map(({ score }) => score)).toEqual([1, 1])
    const launches = await recordsOf<LaunchRecord>(id, '/launches/')
    // One for each round, and one more after each of the two deaths that it cannot survive.
    expect(launches).toHaveLength(rounds + 2)
    expect(new Set(launches.map(({ version }) => version))).toEqual(new Set(['prchain-test-sii-bridge@0.1.0']))

    const counts = await lab.counts()
    let twice = 0
    for (const { key, finishedAt } of await exchangesOf(id)) {
      const { asked, lastAskedAt } = counts[key]!
      expect(Date.parse(lastAskedAt), `${key} was asked after it was stored`).toBeLessThanOrEqual(
        Date.parse(finishedAt),
      )
      twice += asked - 1
    }
    // The call in flight at the gateway's death, and no other.
    expect(twice).toBeLessThanOrEqual(1)
    expect(await containersOf(id)).toEqual([])

    const [sample] = lab.samples('killed')
    expect(sample).toMatchObject({ scaffold: 'sii-cli', isScripted: true })
    expect(sample!.segments.map((at) => sample!.messages[at]!.role)).toEqual(
      Array.from({ length: rounds }, () => 'system'),
    )
    expect(JSON.stringify(sample)).not.toMatch(/prchain-[0-9a-f]{48}|sii-password/)
    for (const [stage, { rounds: played }] of rollout.stages.entries()) {
      const capture = await lab.capture(id, stage, played - 1)
      expect(capture.leftOut).toContainEqual({ path: '.sii/', reason: 'scaffold' })
    }
  }, 400_000)

  test('asks the same under the same script, with nothing on its list', async () => {
    await lab.script({ flaws: ['missing-hunk'] })
    const digestsOf = async (campaign: string) => {
      await lab.run(campaign, [chain])
      const exchanges = await exchangesOf(`${campaign}/${chain}/1`)
      return exchanges.map(({ key, digest }) => [key.slice(campaign.length), digest])
    }
    const digests = await digestsOf('once')
    expect(digests.length).toBeGreaterThan(10)
    expect(await digestsOf('again')).toEqual(digests)
  }, 300_000)

  async function recordsOf<T>(rollout: string, part: string): Promise<T[]> {
    const keys = await lab.store.listRecords(recordKey.stages(rollout))
    return Promise.all(
      keys.filter((key) => key.includes(part)).map(async (key) => (await lab.store.getRecord<T>(key))!),
    )
  }

  const exchangesOf = (rollout: string) => recordsOf<ExchangeRecord>(rollout, '/exchanges/')

  /** The process of a rollout's bridge, which there is none of between rounds. */
  function bridgeOf(rollout: string): Promise<number> {
    return until('a bridge', async () => {
      const [container] = await containersOf(rollout)
      if (!container) return null
      const top = client.getContainer(container).top({ ps_args: '-eo pid,args' }) as Promise<{ Processes: string[][] }>
      // One that is on its way out has none.
      const { Processes } = await top.catch(() => ({ Processes: [] }))
      return Number(Processes.find(([, args]) => args!.endsWith('/bridge.ts'))?.[0])
    })
  }

  async function containersOf(rollout: string): Promise<string[]> {
    const list = await client.listContainers({ filters: await lab.containerFilters(rollout) })
    return list.map(({ Id }) => Id)
  }
})
