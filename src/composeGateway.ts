import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { composeStore, storeDir } from './compose.ts'
import { composePatience, composeProvider } from './composeModel.ts'
import { ConfigError, secretsOf, type Config } from './config.ts'
import { digestOf } from './domain/digest.ts'
import { createSecrets } from './domain/redaction.ts'
import { startGateway, type Gateway } from './gateway/server.ts'
import { isSocketTaken } from './gateway/socket.ts'
import { createExchange } from './record/exchange.ts'
import { findScaffold } from './scaffolds/index.ts'

/** The gateway's socket, by the name under which sandboxes look for it. */
const SOCKET = 'gateway.sock'

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

/** Where the gateway of a store listens on this host: a short path, as sockets need. */
export function gatewaySocket(config: Config): string {
  if (config.gatewaySocket !== null) return checkSocket(resolve(config.gatewaySocket))
  return join(tmpdir(), `prchain-${digestOf(storeDir(config)).slice('sha256:'.length, 'sha256:'.length + 16)}`, SOCKET)
}

/** Whether a gateway runs at the settings' socket on this host. */
export function hasGateway(config: Config): Promise<boolean> {
  return isSocketTaken(gatewaySocket(config))
}

/** The gateway over the settings' store and model. */
export async function composeGateway(options: { config: Config; scriptedUrl: string | null }): Promise<Gateway> {
  const { config, scriptedUrl } = options
  const store = composeStore(config)
  const secrets = createSecrets(secretsOf(config))
  const { redact } = secrets
  const { patience, flush } = composePatience({ config, scriptedUrl, store, redact })
  const gateway = await startGateway({
    store,
    exchange: createExchange({ store, provider: composeProvider(config, scriptedUrl), secrets, ...patience }),
    normalisations: (name) => findScaffold(name)?.normalisations ?? [],
    selfTest: (name) => findScaffold(name)?.selfTest ?? null,
    listen: { socketPath: gatewaySocket(config) },
    redact,
    wait: patience.wait,
  })
  return { ...gateway, close: () => gateway.close().finally(flush) }
}
