import { composeGateway } from './composeGateway.ts'
import { readConfig, type Config } from './config.ts'

/**
 * Runs the gateway until it is asked to stop, then waits for the calls under way: they are paid for. Throws
 * `SocketTakenError` when another runs on its socket, and `RelayedPortError` when it cannot listen where it is to be reached
 * over a network.
 */
export async function runGateway(options: {
  config: Config
  scriptedUrl: string | null
  onReady?: () => void
}): Promise<void> {
  const { promise: failed, reject: fault } = Promise.withResolvers<never>()
  const gateway = await composeGateway({ ...options, fault })
  options.onReady?.()
  process.send?.({ kind: 'ready' })
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve())
    process.once('SIGINT', () => resolve())
    // The process that started this one is gone: nobody is left to stop it.
    process.once('disconnect', () => resolve())
  })
  try {
    await Promise.race([stopped, failed])
  } finally {
    await gateway.close()
  }
}

if (import.meta.main) {
  const config = readConfig({ flags: {}, env: process.env, dir: process.cwd() })
  await runGateway({ config, scriptedUrl: config.scriptedUrl })
  process.exit(0)
}
