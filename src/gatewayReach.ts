import { existsSync, readdirSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { DOCTOR } from './activities/reapSandboxes.ts'
import { ConfigError, readHost, type Config } from './config.ts'
import { digestOf } from './domain/digest.ts'
import type { RelayedPlace } from './gateway/relayed.ts'
import type { Gateway } from './gateway/server.ts'
import { createDockerReach, type DockerReach } from './sandbox/dockerReach.ts'
import type { SandboxProvider, SandboxSpec } from './sandbox/port.ts'
import { trySocket } from './sandbox/socketTry.ts'

/** The gateway's socket, by the name under which sandboxes look for it. */
const SOCKET = 'gateway.sock'
/** Ports that systems give to nobody by themselves. */
const FIRST_PORT = 20_000
const PORTS = 10_000
const LOOK_MS = 250
const LEASE_MS = 15 * 60_000

/** How Docker's sandboxes reach the gateway: by its socket in a folder, or over a network. */
export type Reach = 'socket' | 'network'

/** Where the gateway of a store listens on this host: a short path, as sockets need. Throws {@link ConfigError}. */
export function gatewaySocket(config: Config): string {
  if (config.gatewaySocket !== null) return checkSocket(resolve(config.gatewaySocket))
  return join(tmpdir(), `prchain-${digestOfStore(config).slice(0, 16)}`, SOCKET)
}

/** The port at which it listens where it is reached over a network: always the same one, since relays know no other. */
export function gatewayPort(config: Config): number {
  return config.gatewayPort ?? FIRST_PORT + (Number.parseInt(digestOfStore(config).slice(0, 8), 16) % PORTS)
}

/** The place on this host to which relays lead. Throws `SandboxError` when no engine says where that is. */
export async function relayedPlace(config: Config): Promise<RelayedPlace> {
  return { addresses: await tryEngine(config).hostAddresses(), port: gatewayPort(config) }
}

/** What tries the settings' engine. */
export function tryEngine(config: Config): DockerReach {
  return createDockerReach({
    socketPath: config.dockerHost ?? undefined,
    defaultImage: config.environmentBase,
    labels: { owner: DOCTOR, purpose: 'reach' },
  })
}

/** How sandboxes of an engine reach the gateway, as far as a setting or an earlier try says; null when neither does. */
export async function knownReach(config: Config, provider: SandboxProvider): Promise<Reach | null> {
  if (config.gatewayReach !== 'auto') return config.gatewayReach
  const said = await readFile(await memoryOf(config, provider), 'utf8').catch(() => null)
  return said === 'socket' || said === 'network' ? said : null
}

/** What a sandbox is made with, as far as a try needs it. */
export type Tried = Pick<SandboxSpec, 'environment' | 'buildContext'>

/**
 * The same; where nothing says it, a sandbox tries the socket, and that is remembered. One whose image has nothing to try it
 * with is taken to reach it: a self-test says if it does not. Throws `SandboxError`.
 */
export async function findReach(config: Config, provider: SandboxProvider, tried: Tried): Promise<Reach> {
  const known = await knownReach(config, provider)
  if (known !== null) return known
  const lease = new Date(Date.now() + LEASE_MS).toISOString()
  const labels = { owner: DOCTOR, purpose: 'reach', lease }
  const isCrossing = await trySocket(provider, { ...tried, labels, dir: triedFolder(config) })
  if (isCrossing === null) return 'socket'
  const reach = isCrossing ? 'socket' : 'network'
  await writeAside(await memoryOf(config, provider), reach)
  return reach
}

/**
 * The port that a sandbox's relay is to lead to; null where the gateway's socket does. Where it is one, the gateway is told
 * that it is looked for there.
 */
export function composeRelayedPort(
  config: Config,
): (provider: SandboxProvider, tried: Tried) => Promise<number | null> {
  let finding: Promise<Reach> | null = null
  return async (provider, tried) => {
    if (provider.kind !== 'docker') return null
    finding ??= findReach(config, provider, tried)
    const reach = await finding.catch((error: unknown) => {
      finding = null
      throw error
    })
    const sign = signOf(config)
    if (reach === 'network' && !existsSync(sign)) await writeAside(sign, reach)
    if (reach === 'socket') await rm(sign, { force: true })
    return reach === 'network' ? gatewayPort(config) : null
  }
}

/**
 * Has a gateway listen where relays lead: at once where a setting says that they do, and where a try decides, from when a
 * worker of this host's has found it on; `fault` is told when it then cannot. Throws `RelayedPortError`, and `SandboxError`
 * when no engine says where that is.
 */
export async function listenWhereSought(options: {
  config: Config
  gateway: Pick<Gateway, 'listenForRelays'>
  wait: (ms: number, signal: AbortSignal) => Promise<void>
  signal: AbortSignal
  fault: (error: Error) => void
}): Promise<void> {
  const { config, gateway, wait, signal, fault } = options
  const listen = async () => gateway.listenForRelays(await relayedPlace(config))
  if (config.gatewayReach === 'network') await listen()
  if (config.gatewayReach === 'auto')
    void listenWhenSought().catch((error: Error) => (signal.aborted ? null : fault(error)))

  async function listenWhenSought(): Promise<void> {
    for (;;) {
      await wait(LOOK_MS, signal)
      if (!existsSync(signOf(config))) continue
      try {
        return await listen()
      } catch (error) {
        // The engine is away, and so are all sandboxes that would ask.
        if ((error as Error).name !== 'SandboxError') throw error
      }
    }
  }
}

/** Beside the socket, where sandboxes can read it and not write. */
function signOf(config: Config): string {
  return `${gatewaySocket(config)}.network`
}

/** The socket's folder is mounted into sandboxes: nothing else may be in it. */
function checkSocket(path: string): string {
  const name = basename(path)
  const others = existsSync(dirname(path)) ? readdirSync(dirname(path)).filter((one) => !one.startsWith(SOCKET)) : []
  if (name === SOCKET && others.length === 0) return path
  throw new ConfigError(
    name === SOCKET
      ? `gatewaySocket: ${dirname(path)} is mounted into agents’ sandboxes and holds other things (${others.slice(0, 3).join(', ')}); name a folder of its own, as in ${join(dirname(path), 'gateway', SOCKET)}`
      : `gatewaySocket: ${path} is to be named ${SOCKET}, in a folder of its own, which is mounted into agents’ sandboxes`,
  )
}

/** What is tried is what will be: a folder beside the gateway's. */
function triedFolder(config: Config): string {
  return dirname(dirname(gatewaySocket(config)))
}

/** Where it is remembered, for this engine in this version, by its address, and this folder. */
async function memoryOf(config: Config, provider: SandboxProvider): Promise<string> {
  const { id, version } = await provider.describe()
  const what = [id, version, config.dockerHost ?? '', triedFolder(config)].join('\n')
  return join(readHost().cacheDir, 'gateway-reach', digestOf(what).slice('sha256:'.length, 'sha256:'.length + 16))
}

async function writeAside(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const aside = `${path}.${process.pid}`
  await writeFile(aside, text)
  await rename(aside, path)
}

function digestOfStore(config: Config): string {
  return digestOf(resolve(config.store)).slice('sha256:'.length)
}
