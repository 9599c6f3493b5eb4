import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkGateway } from '../../src/cli/doctorGateway.ts'
import { composeSandboxes } from '../../src/compose.ts'
import { composeGateway } from '../../src/composeGateway.ts'
import { readConfig, type Config } from '../../src/config.ts'
import { GREETING } from '../../src/domain/greeting.ts'
import { composeRelayedPort, gatewayPort, gatewaySocket } from '../../src/gatewayReach.ts'
import { BASE_IMAGE, dockerForTests } from '../docker/engine.ts'
import { startFarEngine, type FarEngine } from '../docker/farEngine.ts'
import { until } from '../e2e/lab.ts'

const docker = await dockerForTests()

/** What greets at a port of this host's loopback; null when nothing does. */
function greetingAt(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const client = connect(port, '127.0.0.1')
    client.once('error', () => resolve(null))
    client.once('data', (bytes) => {
      client.destroy()
      resolve(bytes.toString())
    })
  })
}

describe.skipIf(docker === null)('how the gateway is reached, where nobody says', () => {
  let engine: FarEngine
  const faults: Error[] = []
  const settingsOf = (dockerHost: string, more: Partial<Config> = {}): Config => {
    const dir = join(engine.dir, 'store')
    mkdirSync(dir, { recursive: true })
    return {
      ...readConfig({ flags: {}, env: {}, dir }),
      ...{ store: dir, dockerHost: `unix://${dockerHost}`, environmentBase: BASE_IMAGE },
      ...{ gatewaySocket: join(engine.dir, 'gateway', 'gateway.sock') },
      ...more,
    }
  }
  const start = (config: Config) =>
    composeGateway({ config, scriptedUrl: 'http://127.0.0.1:9/v1', fault: (error) => faults.push(error) })
  const relayedPort = (config: Config) =>
    composeRelayedPort(config)(composeSandboxes(config)('docker'), { environment: null })
  beforeAll(async () => {
    engine = await startFarEngine(docker!.socketPath)
  })
  afterAll(() => engine.close())

  test('a socket that crosses is found by trying, and leaves the gateway without a port', async () => {
    const config = settingsOf(docker!.socketPath)
    const gateway = await start(config)
    try {
      expect(await relayedPort(config)).toBeNull()
      expect(existsSync(`${gatewaySocket(config)}.network`)).toBe(false)
      expect(await greetingAt(gatewayPort(config))).toBeNull()
      const [finding, ...others] = await checkGateway(config)
      expect(finding).toMatchObject({ what: 'gateway', status: 'ok' })
      expect(finding!.found).toMatch(
        /gateway\.sock: .* reach this socket in a mounted folder, as was tried; .* no network$/,
      )
      expect(others).toEqual([])
    } finally {
      await gateway.close()
    }
  }, 60_000)

  test('one that does not has the gateway listen for relays, now and when it is started again', async () => {
    const config = settingsOf(engine.socketPath)
    const port = gatewayPort(config)
    const gateway = await start(config)
    try {
      expect(await greetingAt(port)).toBeNull()
      expect(await relayedPort(config)).toBe(port)
      await until('the gateway at its port', async () => (await greetingAt(port)) === GREETING)
    } finally {
      await gateway.close()
    }
    expect(await greetingAt(port)).toBeNull()
    const next = await start(config)
    try {
      await until('the next gateway at its port', async () => (await greetingAt(port)) === GREETING)
    } finally {
      await next.close()
    }
    expect(faults).toEqual([])
  }, 60_000)

  test('doctor says what a network exposes, as was tried', async () => {
    const config = settingsOf(engine.socketPath)
    const [finding] = await checkGateway(config)
    expect(finding).toMatchObject({ what: 'gateway', status: 'ok', fix: '' })
    expect(finding!.found).toMatch(
      /^over a network, since its socket does not cross .*; exposed to an agent: the relay, .* no other port of this host or the engine’s, as was tried; .*; exposed on this host: that port at 127\.0\.0\.1/,
    )
    expect(finding!.found).toContain(`port ${gatewayPort(config)} of this host`)

    engine.showHost()
    const [shown] = await checkGateway(config)
    expect(shown!.found).toMatch(/AND EVERY PORT that listens at \d+\.\d+\.\d+\.\d+.*, as was tried/)
  }, 60_000)

  test('doctor tries nothing for which an image would have to be pulled', async () => {
    const config = settingsOf(engine.socketPath, {
      environmentBase: 'prchain-test-none:nowhere',
      gatewayReach: 'network',
    })
    expect(await checkGateway(config)).toEqual([
      expect.objectContaining({ status: 'optional', found: 'over a network, not tried' }),
    ])
  })

  test('nothing is said of it where no engine answers', async () => {
    expect(await checkGateway(settingsOf('/nonexistent/engine.sock'))).toEqual([])
  })

  test('a port that is taken is refused when it is needed, by its number', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const config = settingsOf(docker!.socketPath, { gatewayPort: port, gatewayReach: 'network' })
    try {
      await expect(start(config)).rejects.toThrow(new RegExp(`at port ${port} of 127.0.0.1.*--gateway-port`))
    } finally {
      other.close()
      rmSync(gatewaySocket(config), { force: true })
    }
  })
})
