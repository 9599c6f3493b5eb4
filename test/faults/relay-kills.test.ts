import { join } from 'node:path'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordKey } from '../../src/domain/identifiers.ts'
import { BASE_IMAGE, dockerForTests } from '../docker/engine.ts'
import { startFarEngine, type FarEngine } from '../docker/farEngine.ts'
import { exampleChain } from '../e2e/exampleChain.ts'
import { openDockerLab, until, type Lab } from '../e2e/lab.ts'
import { temporalForTests } from '../temporal/server.ts'

const docker = await dockerForTests()
const server = await temporalForTests()

describe.skipIf(server === null || docker === null)('mini-swe-agent on an engine that carries no sockets', () => {
  const client = new Docker({ socketPath: docker?.socketPath })
  let engine: FarEngine
  let lab: Lab
  let chain: string
  beforeAll(async () => {
    engine = await startFarEngine(docker!.socketPath)
    lab = await openDockerLab({
      temporal: server!.binary,
      socketPath: engine.socketPath,
      settings: {
        scaffold: 'mini-swe-agent',
        gatewaySocket: join(engine.dir, 'gateway', 'gateway.sock'),
        environmentBase: BASE_IMAGE,
      },
    })
    chain = await exampleChain(lab, 2)
  })
  afterAll(async () => {
    await lab?.stop()
    await engine.close()
  })

  test('drives a chain by its relays, through a kill -9 of worker, gateway, relay and sandbox, and nothing is left', async () => {
    await lab.script({ flaws: ['missing-hunk'], latencyMs: 200, extraSteps: 6 })
    await lab.start('far', [chain])
    const id = `far/${chain}/1`
    const filters = await lab.containerFilters(id)
    let seen = 0
    const further = async () => {
      seen = await until(
        'further exchanges',
        async () => {
          const keys = await lab.store.listRecords(recordKey.stages(id))
          const { length } = keys.filter((key) => key.includes('/exchanges/'))
          return length >= seen + 2 && length
        },
        240,
      )
    }
    const kill = async (prefix: string) => {
      const container = await until('a container', async () =>
        (await client.listContainers({ filters })).find(({ Names }) => Names[0]!.startsWith(`/${prefix}`)),
      )
      await client.getContainer(container.Id).kill()
    }
    await further()
    expect(await client.listNetworks({ filters })).toHaveLength(1)
    process.kill(lab.embedded.processes().worker!, 'SIGKILL')
    await further()
    process.kill(lab.embedded.processes().gateway!, 'SIGKILL')
    await further()
    await kill('prchain.relay-')
    await further()
    await kill('prchain-')
    await lab.complete('far')

    const rollout = await lab.rollout(id)
    expect(rollout).toMatchObject({ ending: 'accepted', settings: { scaffold: 'mini-swe-agent', sandbox: 'docker' } })
    expect(rollout.stages.map(({ score }) => score)).toEqual([1, 1])
    expect(await client.listNetworks({ filters })).toEqual([])
    expect(await client.listContainers({ all: true, filters })).toEqual([])
  }, 900_000)
})
