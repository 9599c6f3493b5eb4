import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { buildExampleRepository } from '../../examples/repository/build.ts'
import { writeSamples } from '../../src/activities/campaign.ts'
import type { GitRepository } from '../../src/git/port.ts'
import { askCampaign, recordCampaign, startCampaign } from '../../src/cli/run.ts'
import { startEmbedded, type Embedded } from '../../src/cli/embedded.ts'
import { followCampaign, type Followed } from '../../src/cli/follow.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import { composeGit, composeRecordedGitHub, composeStore } from '../../src/compose.ts'
import { composePorts } from '../../src/composePorts.ts'
import { readConfig, toEnvironment, type Config } from '../../src/config.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { StoreRecord } from '../../src/formats/record.ts'
import type { Capture, Rollout, Verdict } from '../../src/formats/rollout.ts'
import { sample, type Sample } from '../../src/formats/sample.ts'
import type { CampaignState } from '../../src/formats/state.ts'
import type { Store } from '../../src/store/port.ts'
import { BASE_IMAGE } from '../docker/engine.ts'

/** A whole prchain of its own: Temporal, scripted model, loopback GitHub, worker, over one temporary store. */
export interface Lab {
  dir: string
  config: Config
  store: Store
  embedded: Embedded
  client: Client
  /** What was said so far. */
  said: string[]
  /** Starts a campaign over the targets, or attaches to it. */
  start(name: string, targets: string[], settings?: Partial<Config>): Promise<void>
  /** Follows a campaign to where following ends. */
  follow(name: string): Promise<Followed>
  /** {@link follow}; throws with all that was said unless the campaign completed. */
  complete(name: string): Promise<CampaignState>
  /** {@link start} and {@link complete}. */
  run(name: string, targets: string[], settings?: Partial<Config>): Promise<CampaignState>
  rollout(id: string): Promise<Rollout>
  /** The verdicts of a rollout's stage, by round. */
  verdicts(id: string, stage: number): Promise<Verdict[]>
  capture(id: string, stage: number, round: number): Promise<Capture>
  samples(name: string): Sample[]
  /** By which an engine lists the containers of a rollout of this lab: others that use it may have campaigns of the same name. */
  containerFilters(rollout: string): Promise<{ label: string[] }>
  /** The scripted model's own counts of what it was asked and answered, by key. */
  counts(): Promise<Record<string, { asked: number; answered: number; lastAskedAt: string }>>
  /** Gives the scripted model other settings while it runs. */
  script(settings: unknown): Promise<void>
  /** The first repository of the mirrors, as workers open it. */
  openRepository(): Promise<GitRepository>
  /** Writes a campaign's samples again from the store. */
  rewriteSamples(name: string): Promise<void>
  /** Starts another worker beside the lab's own, with other variables. */
  startWorker(settings?: Record<string, string>): Promise<ChildProcess>
  stop(): Promise<void>
}

/** The example repository's environment and folders, built once and kept beside the installed packages. */
export async function exampleForTests() {
  const dir = join(import.meta.dirname, '..', '..', 'node_modules', '.cache', 'prchain-test', 'example')
  mkdirSync(dir, { recursive: true })
  return buildExampleRepository({ dir })
}

/** Opens a lab over the example repository whose sandboxes are containers of an engine's, and whose judge alone accepts. */
export async function openDockerLab(
  options: Omit<Parameters<typeof openLab>[0], 'environment'> & { socketPath: string },
): Promise<Lab> {
  const { socketPath, settings, ...rest } = options
  const { environment } = await exampleForTests()
  return openLab({
    ...rest,
    environment: { ...environment, image: BASE_IMAGE },
    settings: {
      ...{ sandbox: 'docker', dockerHost: `unix://${socketPath}`, environmentBase: BASE_IMAGE, accept: 'judge' },
      ...settings,
    },
  })
}

/** Opens a lab over the example repository, or over other mirrors and recorded data. */
export async function openLab(options: {
  temporal: string
  scripted?: unknown
  settings?: Partial<Config>
  workerEnv?: Record<string, string>
  mirrors?: string
  recorded?: string
  environment?: unknown
  /** For what has nothing to do with a stage's tests: they are not run, and the judge alone accepts. */
  isUntested?: boolean
}): Promise<Lab> {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-lab-'))
  const example = options.mirrors === undefined ? await exampleForTests() : null
  const github = await composeRecordedGitHub(options.recorded ?? example!.recordedDir)
  const scriptedSettings = join(dir, 'scripted.json')
  writeFileSync(scriptedSettings, JSON.stringify(options.scripted ?? {}))
  const { isUntested = false } = options
  const environment = options.environment === null ? null : join(dir, 'environment.json')
  if (environment !== null) writeFileSync(environment, JSON.stringify(options.environment ?? example!.environment))
  const config: Config = {
    ...readConfig({ flags: {}, env: {}, dir }),
    store: join(dir, 'store'),
    temporalCli: options.temporal,
    scriptedSettings,
    githubApiUrl: github.url,
    // Without one GraphQL refuses, and reviews are not to be had.
    githubToken: 'loopback-token-of-the-labs',
    mirrors: options.mirrors ?? copyMirrors(example!.mirrorsDir, dir),
    environment: isUntested ? 'none' : environment,
    accept: isUntested ? 'judge' : null,
    sandbox: 'process',
    resumeEveryMs: 2_000,
    ...options.settings,
  }
  const env = { ...process.env, ...options.workerEnv }
  const workers: ChildProcess[] = []
  const said: string[] = []
  const terminal: Terminal = { isJson: false, say: (line) => void said.push(line), emit: () => {} }
  const embedded = await startEmbedded({
    config,
    inherited: env,
    onLine: terminal.say,
  })
  const connection = await Connection.connect({ address: embedded.address })
  const client = new Client({ connection })
  const store = composeStore(config)
  const scriptedRoot = embedded.scriptedUrl?.replace(/\/v1$/, '') ?? ''

  const lab: Lab = {
    dir,
    config,
    store,
    embedded,
    client,
    said,
    async start(name, targets, settings = {}) {
      const own = { ...config, ...settings, campaign: name }
      const asked = await askCampaign({ config: own, targets, terminal })
      await recordCampaign({ ...config, ...settings }, asked)
      const session = {
        client,
        connection,
        address: embedded.address,
        uiUrl: null,
        scriptedUrl: null,
        close: async () => {},
      }
      await startCampaign({ session, config: own, asked })
    },
    follow: (name) =>
      followCampaign({
        session: { client, address: embedded.address },
        name,
        terminal,
        signal: new AbortController().signal,
      }),
    async run(name, targets, settings) {
      await lab.start(name, targets, settings)
      return lab.complete(name)
    },
    async complete(name) {
      const followed = await lab.follow(name)
      if (followed.status !== 'completed')
        throw new Error(`campaign ${name}: ${JSON.stringify(followed)}\n${said.join('\n')}`)
      return followed.state
    },
    rollout: async (id) => must(await store.getRecord<Rollout>(recordKey.rollout(id)), `rollout ${id}`),
    async verdicts(id, stage) {
      const found: Verdict[] = []
      for (let round = 0; ; round++) {
        const verdict = await store.getRecord<Verdict>(recordKey.round(id, stage, round, 'verdict'))
        if (!verdict) return found
        found.push(verdict)
      }
    },
    capture: async (id, stage, round) =>
      must(await store.getRecord<Capture>(recordKey.round(id, stage, round, 'capture')), `capture of ${id}`),
    samples: (name) =>
      readFileSync(join(config.store, 'samples', `${name}.jsonl`), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => sample.parse(JSON.parse(line))),
    async containerFilters(rollout) {
      const { instance } = (await store.getRecord<StoreRecord>('store'))!
      return { label: [`prchain.owner=${instance}`, `prchain.rollout=${rollout}`] }
    },
    counts: async () =>
      (await (await fetch(`${scriptedRoot}/scripted/counts`)).json()) as Awaited<ReturnType<Lab['counts']>>,
    async script(settings) {
      const answer = await fetch(`${scriptedRoot}/scripted/settings`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(settings),
      })
      if (!answer.ok) throw new Error(`the scripted model refuses these settings: ${await answer.text()}`)
    },
    openRepository: () => composeGit(config).open(example?.repository ?? onlyMirror(config.mirrors!), config.mirrors),
    async rewriteSamples(name) {
      const ports = await composePorts({ config, scriptedUrl: embedded.scriptedUrl, isDraining: () => false })
      await writeSamples(ports, { name })
    },
    async startWorker(settings = {}) {
      const worker = spawn(process.execPath, [join(import.meta.dirname, '..', '..', 'src', 'worker.ts')], {
        env: {
          ...env,
          ...toEnvironment(config),
          PRCHAIN_STORE: config.store,
          TEMPORAL_ADDRESS: embedded.address,
          PRCHAIN_SCRIPTED_URL: embedded.scriptedUrl ?? '',
          ...settings,
        },
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      })
      await once(worker, 'message')
      workers.push(worker)
      return worker
    },
    async stop() {
      for (const worker of workers) worker.kill('SIGKILL')
      await connection.close()
      await embedded.stop()
      await github.close()
    },
  }
  return lab
}

/** Waits until a condition holds, looking often, by default every 20 ms; throws with what was waited for after so many seconds. */
export async function until<T>(
  what: string | (() => Promise<string>),
  look: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  seconds = 60,
  everyMs = 20,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > deadline)
      throw new Error(`${typeof what === 'string' ? what : await what()} did not come about within ${seconds} s`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

/** A lab's own mirrors, so that it may break them. */
function copyMirrors(from: string, dir: string): string {
  const to = join(dir, 'mirrors')
  cpSync(from, to, { recursive: true, verbatimSymlinks: true })
  return to
}

/** The repository of a folder with one mirror. */
function onlyMirror(dir: string): string {
  return readdirSync(dir)[0]!
    .replace(/\.git$/, '')
    .replace('__', '/')
}

function must<T>(value: T | null, what: string): T {
  if (value === null) throw new Error(`${what} is not in the store`)
  return value
}
