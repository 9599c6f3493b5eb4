import { composeStore } from './compose.ts'
import { composePatience, composeProvider } from './composeModel.ts'
import { secretsOf, type Config } from './config.ts'
import { createSecrets } from './domain/redaction.ts'
import { startGateway, type Gateway } from './gateway/server.ts'
import { isSocketTaken } from './gateway/socket.ts'
import { gatewaySocket, listenWhereSought } from './gatewayReach.ts'
import { createExchange } from './record/exchange.ts'
import { findScaffold } from './scaffolds/index.ts'

/** Whether a gateway runs at the settings' socket on this host. */
export function hasGateway(config: Config): Promise<boolean> {
  return isSocketTaken(gatewaySocket(config))
}

/**
 * The gateway over the settings' store and model. Where sandboxes reach it over a network it listens there too, at once or
 * when a worker finds that they do: `fault` is called when it cannot any longer do what it is looked for. Throws
 * `SocketTakenError` and `RelayedPortError`.
 */
export async function composeGateway(options: {
  config: Config
  scriptedUrl: string | null
  fault: (error: Error) => void
}): Promise<Pick<Gateway, 'close'>> {
  const { config, scriptedUrl, fault } = options
  const store = composeStore(config)
  const secrets = createSecrets(secretsOf(config))
  const { redact } = secrets
  const { patience, flush } = composePatience({ config, scriptedUrl, store, redact })
  const gateway = await startGateway({
    store,
    exchange: createExchange({ store, provider: composeProvider(config, scriptedUrl), secrets, ...patience }),
    normalisations: (name) => findScaffold(name)?.normalisations ?? [],
    selfTest: (name) => findScaffold(name)?.selfTest ?? null,
    isStreamedWhole: (name) => findScaffold(name)?.isStreamedWhole ?? false,
    listen: { socketPath: gatewaySocket(config) },
    redact,
    wait: patience.wait,
  })
  const close = () => gateway.close().finally(flush)
  const closing = new AbortController()
  const { signal } = closing
  await listenWhereSought({ config, gateway, wait: patience.wait, signal, fault }).catch(async (error: unknown) => {
    await close()
    throw error
  })
  return {
    close() {
      closing.abort()
      return close()
    },
  }
}
