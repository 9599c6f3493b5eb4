import type { Config } from '../config.ts'
import { checkServers, startEmbedded } from './embedded.ts'
import { findServer } from './session.ts'
import { EXIT, InputError, type Terminal } from './terminal.ts'

/** `prchain up`: Temporal dev server, search attributes, schedule, scripted model where no real one is named, worker; until stopped. */
export async function up(options: {
  config: Config
  env: NodeJS.ProcessEnv
  terminal: Terminal
  signal: AbortSignal
}): Promise<number> {
  const { config, env, terminal, signal } = options
  const running = await findServer(config)
  if (running)
    throw new InputError(
      `prchain runs over ${config.store} already (process ${running.pid}, Temporal at ${running.temporal.address}): use it as it is, stop it with Ctrl-C where it runs, or name another --store`,
    )
  await checkServers(config)
  const embedded = await startEmbedded({ config, inherited: env, onLine: (line) => terminal.say(line) })
  try {
    terminal.say(`Temporal: ${embedded.address}`)
    terminal.say(`Temporal UI: ${embedded.uiUrl}`)
    if (embedded.scriptedUrl)
      terminal.say(
        `model: scripted, a stand-in, at ${embedded.scriptedUrl}; set OPENAI_BASE_URL and OPENAI_API_KEY for a real one`,
      )
    terminal.say('ready; Ctrl-C stops it all, and a restart goes on')
    terminal.emit({
      format: 'prchain.up/1',
      status: 'ready',
      address: embedded.address,
      temporalUi: embedded.uiUrl,
      scriptedUrl: embedded.scriptedUrl,
      processes: embedded.processes(),
    })
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
    terminal.say('stopping: the worker hands over')
  } finally {
    await embedded.stop()
  }
  return EXIT.ended
}
