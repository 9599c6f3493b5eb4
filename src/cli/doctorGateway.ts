import { composeSandboxes } from '../compose.ts'
import type { Config } from '../config.ts'
import {
  findReach,
  gatewayPort,
  gatewaySocket,
  knownReach,
  relayedPlace,
  tryEngine,
  type Reach,
} from '../gatewayReach.ts'
import type { Finding } from './doctor.ts'

const WHAT = 'gateway'

/**
 * How Docker's sandboxes reach the gateway, and what that exposes. Tries the socket where nobody has, and the network where
 * it is used, with an image that is at hand. Nothing is said where no engine answers: other sandboxes share the host's
 * sockets.
 */
export async function checkGateway(config: Config): Promise<Finding[]> {
  const provider = composeSandboxes(config)('docker')
  const engine = tryEngine(config)
  const isThere = await provider.describe().then(
    () => true,
    () => false,
  )
  if (!isThere) return []
  try {
    const known = await knownReach(config, provider)
    if (known === 'socket') return [overSocket(config)]
    if (!(await engine.isPrepared())) return [untried(config, known)]
    if ((known ?? (await findReach(config, provider, { environment: null }))) === 'socket') return [overSocket(config)]
    return [await overNetwork(config)]
  } catch (error) {
    if ((error as Error).name !== 'SandboxError') throw error
    return [{ what: WHAT, status: statusOf(config), found: (error as Error).message, fix: '' }]
  }
}

function overSocket(config: Config): Finding {
  const by = config.gatewayReach === 'auto' ? 'as was tried' : 'as --gateway-reach says'
  const found = `${gatewaySocket(config)}: scaffolds in Docker reach this socket in a mounted folder, ${by}; their sandboxes have no network`
  return { what: WHAT, status: 'ok', found, fix: '' }
}

function untried(config: Config, known: Reach | null): Finding {
  const found =
    known === 'network'
      ? 'over a network, not tried'
      : 'not tried yet whether its socket crosses into the containers of this engine'
  const fix = `a run with a scaffold that is not native tries it; the image ${config.environmentBase} is not here yet`
  return { what: WHAT, status: 'optional', found, fix }
}

async function overNetwork(config: Config): Promise<Finding> {
  const { addresses } = await relayedPlace(config)
  const { isReached, exposed } = await tryEngine(config).tryNetwork()
  const why =
    config.gatewayReach === 'network'
      ? 'as --gateway-reach says'
      : 'since its socket does not cross into containers of this engine'
  const seen =
    exposed.length === 0
      ? 'no other port of this host or the engine’s, as was tried'
      : `AND EVERY PORT that listens at ${exposed.join(', ')}, as was tried`
  const found = [
    `over a network, ${why}: each sandbox of a scaffold that is not native has an internal one of its own, with a relay on it`,
    `exposed to an agent: the relay, which leads to port ${gatewayPort(config)} of this host and wants a round’s token, its name by the engine’s DNS, ${seen}; no other sandbox and nothing outside`,
    `exposed on this host: that port at ${addresses.join(', ')}, to its processes and to any container of the engine, for a token`,
  ].join('; ')
  if (isReached) return { what: WHAT, status: 'ok', found, fix: '' }
  const fix = `let containers reach this host at ${addresses.join(', ')} (a firewall?), or give --gateway-reach socket where sockets cross`
  return {
    what: WHAT,
    status: statusOf(config),
    found: `over a network, ${why}, but a relay does not reach this host`,
    fix,
  }
}

/** What only some scaffolds need is missing when it was asked for by name. */
function statusOf(config: Config): Finding['status'] {
  return config.gatewayReach === 'network' ? 'missing' : 'optional'
}
