import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { openEngine, translateError, type DockerEngine } from './dockerEngine.ts'
import { DockerFrames } from './dockerFrames.ts'
import { hasImage, type BuildOptions } from './dockerImage.ts'
import { partLabels, removeParts, unfinishedName } from './dockerParts.ts'
import { makeRelay, provideRelayImage, RELAY_ADDRESS } from './dockerRelay.ts'
import { AGENT_ID } from './dockerContainer.ts'

const LEASE_MS = 15 * 60_000

/** What was seen from a network that leads to a relay alone. */
export interface SeenFromNetwork {
  /** Whether the relay leads to this host. */
  isReached: boolean
  /** The addresses of this host and its engine that answer there all the same, beside the relay. */
  exposed: string[]
}

/** How processes in an engine's containers reach those of this host. */
export interface DockerReach {
  /** Whether the image that tries are made with is at hand; else it is pulled first. */
  isPrepared(): Promise<boolean>
  /** What a container on a network like a sandbox's sees of this host. */
  tryNetwork(): Promise<SeenFromNetwork>
  /**
   * The addresses of this host at which relays reach a process here: its loopback, to which engines in a virtual machine
   * lead, and the engine's bridge where it is on this host.
   */
  hostAddresses(): Promise<string[]>
}

const CONNECT_TO_HOSTS = `
use IO::Socket::INET;
for (@ARGV) {
  next if fork;
  my $socket = IO::Socket::INET->new(PeerAddr => $_, Timeout => 2) or exit;
  my $word = <$socket>;
  print "$_ $word" if defined $word;
  exit;
}
1 while wait > 0;
`

/** Tries what an engine's containers reach, by containers that are removed again; `labels` are theirs, for a reaper. */
export function createDockerReach(
  options: BuildOptions & { socketPath?: string | undefined; labels: Record<string, string> },
): DockerReach {
  const engine = openEngine(options.socketPath)
  const { docker } = engine
  const translated = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw translateError(engine, what, error)
    }
  }
  const labels = () => ({ ...options.labels, lease: new Date(Date.now() + LEASE_MS).toISOString() })

  return {
    isPrepared: () =>
      translated('looking for an image', () => hasImage(engine, options.defaultImage ?? '').catch(() => false)),
    async tryNetwork() {
      const word = randomBytes(8).toString('hex')
      const server = createServer((socket) => socket.on('error', () => {}).end(`${word}\n`)).listen(0, '0.0.0.0')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      try {
        const bridge = await translated('asking for the engine’s bridge', () => bridgeAddresses(engine))
        const others = [...new Set([...bridge, ...ownAddresses()])].map((address) => `${address}:${port}`)
        const said = await probe('trying a network', CONNECT_TO_HOSTS, [RELAY_ADDRESS, ...others], port)
        const reached = others.concat(RELAY_ADDRESS).filter((each) => said.includes(`${each} ${word}\n`))
        return {
          isReached: reached.includes(RELAY_ADDRESS),
          exposed: reached.filter((each) => each !== RELAY_ADDRESS).map((each) => each.replace(/:\d+$/, '')),
        }
      } finally {
        await close(server)
      }
    },
    hostAddresses: () =>
      translated('asking for the engine’s bridge', async () => {
        const own: string[] = []
        for (const address of await bridgeAddresses(engine)) if (await isOwn(address)) own.push(address)
        return ['127.0.0.1', ...own]
      }),
  }

  /** What a script of Perl says in a container with a relay. */
  async function probe(what: string, script: string, argv: readonly string[], port: number): Promise<string> {
    const image = await provideRelayImage(engine, options)
    const name = `reach-${randomBytes(6).toString('hex')}`
    const run = async () => {
      const network = await makeRelay(engine, { name, labels: labels(), image, port })
      const container = await docker.createContainer({
        name: unfinishedName(name),
        Image: image,
        Entrypoint: ['perl'],
        Cmd: ['-e', script, ...argv],
        User: `${AGENT_ID}:${AGENT_ID}`,
        Labels: partLabels(name, labels()),
        Healthcheck: { Test: ['NONE'] },
        HostConfig: {
          NetworkMode: network,
          CapDrop: ['ALL'],
          SecurityOpt: ['no-new-privileges'],
          ReadonlyRootfs: true,
          LogConfig: { Type: 'none', Config: {} },
        },
      })
      const stream = await container.attach({ stream: true, stdout: true, stderr: true })
      const said = new DockerFrames()
      stream.pipe(said)
      await container.start()
      return Buffer.concat((await said.toArray()) as Buffer[]).toString('utf8')
    }
    return translated(what, async () => {
      try {
        return await run()
      } finally {
        await removeParts(engine, name)
      }
    })
  }
}

/** The addresses of the bridge that relays are on beside their sandbox's network. */
async function bridgeAddresses({ docker }: DockerEngine): Promise<string[]> {
  const { IPAM } = (await docker.getNetwork('bridge').inspect()) as { IPAM?: { Config?: { Gateway?: string }[] } }
  return (IPAM?.Config ?? []).flatMap(({ Gateway }) => (Gateway === undefined ? [] : [Gateway]))
}

/** Whether an address is this host's: a bridge that has no container yet is in no list of those that are up. */
async function isOwn(address: string): Promise<boolean> {
  const server = createServer().listen(0, address)
  try {
    await once(server, 'listening')
    await close(server)
    return true
  } catch {
    return false
  }
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  await closed
}
