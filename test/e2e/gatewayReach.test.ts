import { join } from 'node:path'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BASE_IMAGE, dockerForTests } from '../docker/engine.ts'
import { startFarEngine, type FarEngine } from '../docker/farEngine.ts'
import { temporalForTests } from '../temporal/server.ts'
import { toEnvironment } from '../../src/config.ts'
import { prchain } from './command.ts'
import { exampleChain } from './exampleChain.ts'
import { openDockerLab, type Lab } from './lab.ts'

const docker = await dockerForTests()
const server = await temporalForTests()

describe.skipIf(server === null || docker === null)('mini-swe-agent on an engine that carries no sockets', () => {
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
  }, 180_000)
  afterAll(async () => {
    await lab?.stop()
    await engine.close()
  })

  test('reaches the gateway over networks of its sandboxes’ own, which go with them', async () => {
    const client = new Docker({ socketPath: docker!.socketPath })
    const made = new Set<string>()
    const events = (await client.getEvents({
      filters: { type: ['network'], event: ['create'] },
    })) as NodeJS.ReadableStream
    events.on('data', (line: Buffer) => made.add((JSON.parse(line.toString()) as { Actor: { ID: string } }).Actor.ID))
    await lab.run('far', [chain])
    const rollout = await lab.rollout(`far/${chain}/1`)
    expect(rollout).toMatchObject({ ending: 'accepted', settings: { scaffold: 'mini-swe-agent', sandbox: 'docker' } })
    expect(made.size).toBeGreaterThanOrEqual(2)
    const filters = { label: [`prchain.rollout=far/${chain}/1`] }
    expect(await client.listNetworks({ filters })).toEqual([])
    expect(await client.listContainers({ all: true, filters })).toEqual([])

    const said = await prchain(['doctor', '--json'], { dir: lab.dir, env: toEnvironment(lab.config) })
    const { findings } = JSON.parse(said.stdout) as { findings: { what: string; status: string; found: string }[] }
    const { status, found } = findings.find(({ what }) => what === 'gateway')!
    expect({ status, found }).toMatchObject({
      status: 'ok',
      found: expect.stringMatching(
        /^over a network, since its socket does not cross .* leads to port \d+ of this host .* no other port of this host or the engine’s, as was tried; .* at 127\.0\.0\.1, /,
      ),
    })
  }, 300_000)
})
