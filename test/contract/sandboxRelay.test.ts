import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { text } from 'node:stream/consumers'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { listenForRelays } from '../../src/gateway/relayed.ts'
import { environment as environmentSchema } from '../../src/formats/environment.ts'
import { createDockerProvider } from '../../src/sandbox/docker.ts'
import { createDockerReach } from '../../src/sandbox/dockerReach.ts'
import type { Sandbox } from '../../src/sandbox/port.ts'
import { launchByNode, launchByPython, readResult } from '../../src/scaffolds/launcher.ts'
import type { LaunchInput } from '../../src/scaffolds/port.ts'
import { runInContainer } from '../docker/container.ts'
import { dockerForTests } from '../docker/engine.ts'

const found = await dockerForTests()
const never = new AbortController().signal
const MEBIBYTE = 1_048_576

/** Asks twice: a first call, and a large one over the same port. */
const PYTHON_CLIENT = `
import urllib.request
def ask(text):
    return urllib.request.urlopen(urllib.request.Request(base + '/said', text.encode()), timeout=60).read().decode()
end(ask('small') + ask('large' * 100000)[:11], None, None)
`
const NODE_CLIENT = `
const ask = (body) => fetch(base + '/said', { method: 'POST', body }).then((answer) => answer.text())
return { status: (await ask('small')) + (await ask('large'.repeat(100_000))).slice(0, 11), fault: null, trajectory: null }
`

describe.skipIf(!found)('a Docker sandbox that no socket of the host crosses into', { timeout: 120_000 }, () => {
  const socketPath = found?.socketPath ?? ''
  const docker = new Docker({ socketPath })
  const image = found?.image ?? ''
  const limits = { memoryBytes: 256 * MEBIBYTE, diskBytes: 64 * MEBIBYTE, cpus: 1, pids: 64 }
  const provider = createDockerProvider({ socketPath, defaultImage: image, ...limits })
  const reach = createDockerReach({ socketPath, defaultImage: image, labels: { owner: 'relay-test' } })
  const owner = `relay-${randomUUID().slice(0, 8)}`
  const names = [`${owner}.1`, `${owner}.2`]
  const environment = environmentSchema.parse({ format: 'prchain.environment/1', image, test: { command: 'true' } })
  let sandbox: Sandbox
  let port: number
  let gateway: Server

  const say = async (script: string, where = sandbox) => {
    const { output } = await where.exec(randomUUID(), { script, timeoutMs: 60_000 }, never)
    return output.toString()
  }
  /** Which of these, each `host:port`, take a connection from the sandbox. */
  const reached = async (places: string[]) => {
    const tries = places.map((place) => {
      const file = `/dev/tcp/${place.replace(':', '/')}`
      return `(timeout 2 bash -c 'exec 3<>${file}' 2>/dev/null && echo ${place}) &`
    })
    return (await say(`${tries.join('\n')}\nwait`)).split('\n').filter((line) => line !== '')
  }
  const make = (name: string) => provider.create({ name, labels: { owner }, environment, relayedPort: port })
  const left = async () => {
    const filters = { label: [`prchain.owner=${owner}`] }
    const containers = await docker.listContainers({ all: true, filters })
    return [...containers, ...(await docker.listNetworks({ filters }))].length
  }
  async function startGateway(): Promise<Server> {
    const server = createServer((asked, answer) => void text(asked).then((body) => answer.end(`heard ${body} `)))
    const listening = await listenForRelays({ addresses: await reach.hostAddresses(), port }, (socket) =>
      server.emit('connection', socket),
    )
    const close = server.close.bind(server)
    return Object.assign(server, {
      close() {
        for (const each of listening) each.close()
        server.closeAllConnections()
        return close()
      },
    })
  }
  const launch = (language: 'Python' | 'Node', isSelfTest = false) => {
    const input = { gateway: sandbox.relay!, isSelfTest, programs: '' } as LaunchInput
    const { script, stdin } =
      language === 'Python'
        ? launchByPython(PYTHON_CLIENT, { ...input, interpreter: 'python3' })
        : launchByNode(NODE_CLIENT, { ...input, interpreter: 'node' })
    return sandbox
      .exec(randomUUID(), { script, stdin, timeoutMs: 60_000 }, never)
      .then(({ output }) => readResult(output.toString()) ?? { fault: output.toString() })
  }

  beforeAll(async () => {
    const free = createServer().listen(0, '0.0.0.0')
    await once(free, 'listening')
    port = (free.address() as AddressInfo).port
    free.close()
    await once(free, 'close')
    gateway = await startGateway()
    sandbox = await make(names[0]!)
  }, 60_000)
  afterAll(async () => {
    gateway?.close()
    for (const name of names) await provider.remove(name)
  })

  it.each(['Python', 'Node'] as const)('gives a call to the gateway through its relay, from %s', async (language) => {
    expect(await launch(language)).toMatchObject({ status: 'heard small heard large', fault: null })
  })

  it('holds a call while the gateway is gone', async () => {
    gateway.close()
    expect(await launch('Python', true)).not.toMatchObject({ status: expect.stringContaining('heard') })
    const held = launch('Python')
    gateway = await startGateway()
    expect(await held).toMatchObject({ status: 'heard small heard large' })
  })

  it('reaches nothing else: no port of the host’s, no other sandbox, no name, nothing outside', async () => {
    const server = createServer().listen(0, '0.0.0.0')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const hosts = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .filter(({ family, internal }) => family === 'IPv4' && !internal)
      .map(({ address }) => `${address}:${(server.address() as AddressInfo).port}`)
    expect(hosts.length).toBeGreaterThan(0)

    const other = await make(names[1]!)
    const serving = other.exec('serve', { script: 'python3 -m http.server 8080', timeoutMs: 30_000 }, never)
    const refused = expect(serving).rejects.toMatchObject({ kind: 'lost' })
    const own = `until (exec 3<>/dev/tcp/127.0.0.1/8080) 2>/dev/null; do sleep 0.05; done`
    await runInContainer(docker.getContainer(`prchain-${other.name}`), ['bash', '-c', own])
    const placesOf = async (name: string) => {
      const { NetworkSettings } = await docker.getContainer(name).inspect()
      return Object.values(NetworkSettings.Networks).map(({ IPAddress }) => `${IPAddress}:8080`)
    }
    const others = [...(await placesOf(`prchain-${other.name}`)), ...(await placesOf(`prchain.relay-${other.name}`))]
    const relay = await placesOf(`prchain.relay-${sandbox.name}`)
    const places = await reached([...hosts, ...others, '1.1.1.1:53', ...relay])
    // Of its own relay one side alone.
    expect(places).toHaveLength(1)
    expect(relay).toContain(places[0])
    await provider.remove(other.name)
    await refused

    expect(await say('timeout 5 getent hosts example.org && echo resolved; true')).toBe('')
    expect(await say('grep -v " lo$" /proc/net/if_inet6; true')).toBe('')
  })

  it('has its relay started again by whoever looks for it', async () => {
    const relay = docker.getContainer(`prchain.relay-${sandbox.name}`)
    await relay.kill()
    const again = await provider.find(sandbox.name)
    expect(again?.life).toBe(sandbox.life)
    expect(await launch('Python')).toMatchObject({ status: 'heard small heard large' })
    const { Id } = await relay.inspect()
    await docker.getContainer(Id).remove({ force: true })
    expect(await provider.find(sandbox.name)).toBeNull()
  })

  it('leaves neither network nor relay, whole or half made', async () => {
    await provider.remove(names[0]!)
    expect(await left()).toBe(0)
    const labels = { 'prchain.owner': owner, 'prchain.name': names[0]! }
    for (const Name of ['prchain.half', 'prchain.half'])
      await docker.createNetwork({ Name, Internal: true, CheckDuplicate: false, Labels: labels })
    expect(await provider.list({ owner })).toEqual([{ name: names[0], labels: { owner, name: names[0] } }])
    await provider.remove(names[0]!)
    expect(await left()).toBe(0)
  })
})
