import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildExampleRepository } from '../../examples/repository/build.ts'
import { composeRecordedGitHub, composeSandboxes, storeDir } from '../compose.ts'
import type { Config } from '../config.ts'
import { checkServers, startEmbedded, type Embedded } from './embedded.ts'
import { describeFunnel, followCampaign, type Followed } from './follow.ts'
import { askCampaign, recordCampaign, startCampaign } from './run.ts'
import { findServer, openSession } from './session.ts'
import { EXIT, InputError, type Terminal } from './terminal.ts'

/** Opens nothing: the loopback GitHub takes any, and gives callers without one less. */
const LOOPBACK_TOKEN = 'prchain-demo-no-secret'
const NOTHING = { pullRequests: 0, references: 0, chains: 0, stages: 0, rounds: 0, accepted: 0, samples: 0 }

/**
 * `prchain demo`: the main job, whole, on the embedded default: an example repository, a loopback GitHub, a Temporal dev
 * server, the scripted model, a worker, and a new campaign. Ends when that has; `isKept` leaves the UI up until stopped.
 */
export async function demo(options: {
  config: Config
  env: NodeJS.ProcessEnv
  isKept: boolean
  terminal: Terminal
  signal: AbortSignal
}): Promise<number> {
  const { isKept, terminal, signal } = options
  const given = options.config
  const running = await findServer(given)
  if (running)
    throw new InputError(
      `prchain runs over ${given.store} already (process ${running.pid}); stop it with Ctrl-C where it runs, or give the demo a --store of its own`,
    )
  await checkServers(given)

  const dir = join(storeDir(given), 'demo')
  const example = await buildExampleRepository({ dir })
  const environment = join(dir, 'environment.json')
  writeFileSync(environment, JSON.stringify(example.environment))
  const github = await composeRecordedGitHub(example.recordedDir)
  // The demo never spends: the scripted model plays even where keys are set.
  const config: Config = {
    ...given,
    openaiBaseUrl: null,
    openaiApiKey: null,
    githubToken: LOOPBACK_TOKEN,
    githubApiUrl: github.url,
    mirrors: example.mirrorsDir,
    environment: given.environment ?? environment,
    sandbox: given.sandbox === 'auto' ? await chooseDemoSandbox(given) : given.sandbox,
    scriptedSettings: given.scriptedSettings ?? writeFlaws(dir),
    campaign: given.campaign ?? `demo-${new Date().toISOString().replace(/\D/g, '').slice(0, 17)}`,
  }
  terminal.say(
    `example repository: ${example.repository}, model: scripted (a stand-in), sandboxes: ${SANDBOX_WORDS[config.sandbox]}`,
  )
  let embedded: Embedded | null = null
  try {
    embedded = await startEmbedded({
      config,
      inherited: options.env,
      onLine: (line) => terminal.say(line),
    })
    terminal.say(`Temporal UI: ${embedded.uiUrl}`)
    return await play(embedded)
  } finally {
    await embedded?.stop()
    await github.close()
  }

  async function play({ uiUrl }: Embedded): Promise<number> {
    const asked = await askCampaign({ config, targets: [example.repository], terminal })
    const session = await openSession({ ...config, temporalAddress: null })
    try {
      await recordCampaign(config, asked)
      await startCampaign({ session, config, asked })
      terminal.say(`campaign: ${asked.name}`)
      const followed = await followCampaign({ session, name: asked.name, terminal, signal })
      if (followed.status !== 'completed') {
        const reason = reasonOf(followed)
        terminal.say(`${followed.status}: ${reason}`)
        terminal.say(
          `the same command begins a new demo; to go on with this one: \`prchain up --store ${given.store}\`, then \`prchain status ${asked.name}\``,
        )
        const funnel = 'state' in followed ? (followed.state?.funnel ?? NOTHING) : NOTHING
        terminal.emit({
          format: 'prchain.demo/1',
          status: 'failed',
          reason,
          funnel,
          samplesPath: null,
          temporalUi: uiUrl,
        })
        return followed.status === 'detached' ? EXIT.detached : EXIT.failed
      }
      const { funnel, samplesPath } = followed.state
      terminal.say(describeFunnel(funnel))
      terminal.say(`samples: ${samplesPath}`)
      if (isKept && !signal.aborted) {
        terminal.say(`the Temporal UI stays up at ${uiUrl}; Ctrl-C stops it all`)
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      }
      terminal.emit({ format: 'prchain.demo/1', status: 'completed', funnel, samplesPath, temporalUi: uiUrl })
      return EXIT.ended
    } finally {
      await session.close()
    }
  }
}

function reasonOf(followed: Exclude<Followed, { status: 'completed' }>): string {
  switch (followed.status) {
    case 'detached':
      return 'stopped'
    case 'cancelled':
      return 'it was cancelled'
    case 'failed':
      return followed.reason
    case 'needs-attention':
      return followed.state.parked[0]!.reason
    default:
      return followed satisfies never
  }
}

/** The demo shows a refinement: the agent's first round leaves something out, and its second follows the feedback. */
function writeFlaws(dir: string): string {
  const path = join(dir, 'scripted.json')
  writeFileSync(path, JSON.stringify({ flaws: [{ kind: 'missing-hunk', share: 0.7 }], repair: 'on-feedback' }))
  return path
}

const SANDBOX_WORDS = {
  auto: '',
  docker: 'Docker',
  bubblewrap: 'bubblewrap',
  process: 'plain processes, which do not isolate',
} as const satisfies Record<Config['sandbox'], string>

/** What isolates and needs no image; plain processes where that does not work, since the demo must run everywhere. */
async function chooseDemoSandbox(config: Config): Promise<'bubblewrap' | 'process'> {
  return composeSandboxes(config)('bubblewrap')
    .describe()
    .then(() => 'bubblewrap' as const)
    .catch(() => 'process' as const)
}
