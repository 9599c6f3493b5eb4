import { hasRealModel } from '../composeModel.ts'
import type { Config } from '../config.ts'
import { gatewaySocket } from '../gatewayReach.ts'
import { runGateway } from '../gateway.ts'
import { findServer } from './session.ts'
import { EXIT, InputError, type Terminal } from './terminal.ts'

/** `prchain gateway`: the gateway alone, for a host without `prchain up`, until it is stopped. Throws {@link InputError} without a model, and where one runs already. */
export async function gateway(options: { config: Config; terminal: Terminal }): Promise<number> {
  const { config, terminal } = options
  const scriptedUrl = config.scriptedUrl ?? (await findServer(config))?.scriptedModelUrl ?? null
  if (!hasRealModel(config) && scriptedUrl === null) {
    throw new InputError(
      'model: there is none to pass calls on to; set OPENAI_BASE_URL and OPENAI_API_KEY for a real one, or PRCHAIN_SCRIPTED_URL to the scripted model that `prchain up` prints',
    )
  }
  const socketPath = gatewaySocket(config)
  await runGateway({
    config,
    scriptedUrl,
    onReady() {
      terminal.say(`gateway at ${socketPath}; Ctrl-C stops it when the calls under way have ended`)
      terminal.emit({ format: 'prchain.gateway-ready/1', status: 'running', socketPath })
    },
  }).catch((error: Error) => {
    const isInput = error.name === 'SocketTakenError' || error.name === 'RelayedPortError'
    throw isInput ? new InputError(error.message, { cause: error }) : error
  })
  return EXIT.ended
}
