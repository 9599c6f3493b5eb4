import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, open, rename } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { prettifyError, ZodError } from 'zod'
import { resolveChain, storeChain } from './activities/chainRecord.ts'
import type { Ports } from './activities/ports.ts'
import type { EnvironmentBuild } from './activities/stageEnvironment.ts'
import { ConfigError, readHost, secretsOf, type Config } from './config.ts'
import { digestOf } from './domain/digest.ts'
import { createSecrets, type Redact } from './domain/redaction.ts'
import type { Chain, ChainImport } from './formats/chain.ts'
import type { StoreRecord } from './formats/record.ts'
import type { PullRequest } from './formats/pullRequest.ts'
import { createGitHost } from './git/host.ts'
import { resolveStage } from './git/reference.ts'
import type { GitHost } from './git/port.ts'
import { startGateway, type Gateway } from './gateway/server.ts'
import { isSocketTaken } from './gateway/socket.ts'
import { createGitHub } from './github/octokit.ts'
import { startRecordedGitHub } from './github/recorded.ts'
import type { GitHub } from './github/port.ts'
import { createOpenAiModel } from './model/openai.ts'
import type { ChatModel, Provider } from './model/port.ts'
import { createProvider } from './model/provider.ts'
import { loadPrompts } from './prompts/prompts.ts'
import { createBooks, type Books } from './record/books.ts'
import { createBudget } from './record/budget.ts'
import { createComplete } from './record/complete.ts'
import { createExchange } from './record/exchange.ts'
import { createExec } from './record/exec.ts'
import { createMeter } from './record/meter.ts'
import type { Patience } from './record/patience.ts'
import { createBubblewrapProvider } from './sandbox/bubblewrap.ts'
import { createDockerProvider } from './sandbox/docker.ts'
import type { SandboxProvider } from './sandbox/port.ts'
import { createProcessProvider } from './sandbox/process.ts'
import { findScaffold, SCAFFOLDS } from './scaffolds/index.ts'
import type { Programs } from './scaffolds/port.ts'
import { startScriptedModel } from './scripted/server.ts'
import { scriptedSettings, type ScriptedSettings } from './scripted/settings.ts'
import { createFileStore } from './store/files.ts'
import type { Store } from './store/port.ts'
import { createToolchains } from './toolchains/host.ts'
import type { OperatorProgram, Toolchains } from './toolchains/port.ts'

/** The gateway's socket, by the name under which sandboxes look for it. */
const SOCKET = 'gateway.sock'
const LONGEST_RETRY_WAIT_MS = 60_000
const MEBIBYTE = 1024 * 1024
const FILE_LIMIT_BYTES = 10 * MEBIBYTE
/** Where the build step of an environment finds the operator's certificates, below its context's `.prchain/`. */
const CERTIFICATES_IN_BUILD = 'ca.pem'

/** Whether the settings name a real model endpoint; without one the scripted model plays. */
export function hasRealModel(config: Config): boolean {
  return config.openaiBaseUrl !== null || config.openaiApiKey !== null
}

/** The folder of the store, absolute. */
export function storeDir(config: Config): string {
  return resolve(config.store)
}

/** The artifact store of the settings. */
export function composeStore(config: Config): Store {
  return createFileStore({ dir: storeDir(config) })
}

/** What the store's campaigns may spend, and what they spent. */
export function composeBooks(config: Config): Books {
  return createBooks(composeStore(config))
}

/** Git repositories: mirrors where given, else clones in the store's cache. */
export function composeGit(config: Config): GitHost {
  const { path, network } = readHost()
  return createGitHost({
    cacheDir: join(storeDir(config), 'cache'),
    cloneUrl: (repository) => `${config.githubServerUrl.replace(/\/$/, '')}/${repository}.git`,
    environment: { ...(path === '' ? {} : { PATH: path }), ...network },
  })
}

/** GitHub's API. */
export function composeGitHub(config: Config): GitHub {
  return createGitHub({
    apiUrl: config.githubApiUrl,
    token: config.githubToken,
    serverUrl: config.githubServerUrl,
    callsPerMinute: config.githubRpm,
  })
}

/** A sandbox provider by kind. */
export function composeSandboxes(config: Config): (kind: SandboxProvider['kind']) => SandboxProvider {
  const made: Partial<Record<SandboxProvider['kind'], SandboxProvider>> = {}
  const host = readHost()
  const limits = {
    memoryBytes: config.sandboxMemoryMb * MEBIBYTE,
    diskBytes: config.sandboxDiskMb * MEBIBYTE,
    cpus: config.sandboxCpus,
    pids: config.sandboxPids,
  }
  const make = {
    docker: () =>
      createDockerProvider({
        ...limits,
        socketPath: config.dockerHost ?? undefined,
        defaultImage: config.environmentBase,
        startsAtOnce: config.sandboxStarts,
        buildArguments: host.build,
        buildFiles:
          config.environmentCertificates === null
            ? []
            : [{ path: CERTIFICATES_IN_BUILD, bytes: readFileSync(config.environmentCertificates) }],
      }),
    bubblewrap: () =>
      createBubblewrapProvider({ ...limits, dir: join(storeDir(config), 'bubblewrap'), path: host.path }),
    process: () => createProcessProvider({ dir: join(storeDir(config), 'sandboxes'), path: host.path }),
  }
  return (kind) => (made[kind] ??= make[kind]())
}

/** The chat model: a real endpoint where the settings name one, else the scripted model at `scriptedUrl`. */
function composeModel(config: Config, scriptedUrl: string | null): ChatModel {
  return createOpenAiModel({ ...endpointOf(config, scriptedUrl), isStreaming: config.modelStream })
}

/** The same endpoint, for requests that are passed on as they are. */
function composeProvider(config: Config, scriptedUrl: string | null): Provider {
  return createProvider(endpointOf(config, scriptedUrl))
}

function endpointOf(config: Config, scriptedUrl: string | null) {
  const timeoutMs = config.modelTimeoutMs
  if (hasRealModel(config)) {
    const baseUrl = config.openaiBaseUrl ?? 'https://api.openai.com/v1'
    return { baseUrl, apiKey: config.openaiApiKey ?? 'none', isScripted: false, timeoutMs }
  }
  if (scriptedUrl === null) {
    throw new Error(
      'no model: set OPENAI_BASE_URL and OPENAI_API_KEY, or run under `prchain up`, which has the scripted model',
    )
  }
  return { baseUrl: scriptedUrl, apiKey: 'scripted', isScripted: true, timeoutMs }
}

/** How images of environments are built on this host. */
export function composeEnvironmentBuild(config: Config): EnvironmentBuild {
  return {
    baseImage: config.environmentBase,
    network: config.environmentNetwork,
    argumentNames: Object.keys(readHost().build).sort(),
    hasCertificates: config.environmentCertificates !== null,
  }
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

/** Retries, pace and ceilings of model calls. `flush` puts on record what calls cost that have just ended. */
function composePatience(options: { config: Config; scriptedUrl: string | null; store: Store; redact: Redact }): {
  patience: Patience
  flush: () => Promise<void>
} {
  const { config, scriptedUrl, store, redact } = options
  const { baseUrl, apiKey } = endpointOf(config, scriptedUrl)
  const wait: Patience['wait'] = (ms, signal) => sleep(ms, undefined, { signal })
  const now = () => new Date()
  const holder = `${hostname()}/${process.pid}/${randomBytes(4).toString('hex')}`
  const budget = createBudget({ store, holder, now, wait })
  const meter = createMeter({
    ...{ store, budget, now, wait },
    provider: digestOf(`${baseUrl}\n${apiKey}`).slice('sha256:'.length, 'sha256:'.length + 16),
    limits: { requestsPerMinute: config.modelRpm, tokensPerMinute: config.modelTpm },
  })
  const retry = { tries: config.modelTries, firstWaitMs: config.modelRetryMs, longestWaitMs: LONGEST_RETRY_WAIT_MS }
  return { patience: { redact, meter, retry, wait }, flush: () => budget.flush() }
}

/** Everything that activities reach, from settings. `isDraining` turns true when the worker is asked to stop. */
export async function composePorts(options: {
  config: Config
  scriptedUrl: string | null
  isDraining: () => boolean
}): Promise<Ports> {
  const { config, scriptedUrl, isDraining } = options
  const store = composeStore(config)
  const { redact } = createSecrets(secretsOf(config))
  const model = composeModel(config, scriptedUrl)
  const { patience, flush } = composePatience({ config, scriptedUrl, store, redact })
  return {
    store,
    instance: await instanceOf(store),
    model,
    git: composeGit(config),
    github: composeGitHub(config),
    resolveStage,
    sandboxes: composeSandboxes(config),
    prompts: loadPrompts(),
    redact,
    complete: createComplete({ store, model, ...patience }),
    flush,
    exec: createExec({ store, redact }),
    toolchains: composeToolchains(config),
    gatewayDir: dirname(gatewaySocket(config)),
    writeSamplesFile: (campaign, lines) => writeLines(join(storeDir(config), 'samples'), `${campaign}.jsonl`, lines),
    holder: `${hostname()}/${process.pid}`,
    isDraining,
    environmentBuild: composeEnvironmentBuild(config),
    limits: {
      sliceSteps: config.sliceSteps,
      sliceMs: config.sliceMs,
      checkpointMs: config.checkpointMs,
      rerunMs: config.rerunMs,
      fileBytes: FILE_LIMIT_BYTES,
    },
  }
}

/** The agents that are not prchain's own, and who brings their programs. */
export function listScaffolds(): { name: string; version: string; kind: Programs['kind'] }[] {
  return SCAFFOLDS.map(({ name, version, programs }) => ({ name, version, kind: programs.kind }))
}

/** Scaffolds' own programs on this host: installed in its cache, or where a setting says. */
export function composeToolchains(config: Config): Toolchains {
  const { path, cacheDir, network, build } = readHost()
  return createToolchains({
    dir: join(cacheDir, 'scaffolds'),
    environment: { PATH: path, HOME: dirname(cacheDir), ...network, ...build },
    folders: { siiCliPath: config.siiCliPath },
  })
}

/** The program of a scaffold that the operator brings; null for any other scaffold. Throws with why there is none. */
export async function findOperatorProgram(config: Config, scaffold: string): Promise<OperatorProgram | null> {
  const programs = findScaffold(scaffold)?.programs
  return programs?.kind === 'folder' ? composeToolchains(config).findOperatorProgram(programs) : null
}

async function instanceOf(store: Store): Promise<string> {
  const { value } = await store.putRecord<StoreRecord>('store', {
    format: 'prchain.store/1',
    instance: randomBytes(6).toString('hex'),
  })
  return value.instance
}

/** Lines into a file that is never seen in part: written aside, synced, renamed. */
export async function writeLines(
  dir: string,
  name: string,
  lines: AsyncIterable<string> | Iterable<string>,
): Promise<string> {
  await mkdir(dir, { recursive: true })
  const path = join(dir, name)
  const aside = `${path}.${process.pid}.aside`
  const file = await open(aside, 'w')
  try {
    for await (const line of lines) await file.writeFile(`${line}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(aside, path)
  return path
}

/** Starts the scripted model over loopback: writer, agent and judge of the embedded default. */
export async function composeScriptedModel(config: Config): Promise<{ baseUrl: string; close(): Promise<void> }> {
  return startScriptedModel({ store: composeStore(config), seed: config.seed, settings: readScriptedSettings(config) })
}

function readScriptedSettings(config: Config): ScriptedSettings {
  if (config.scriptedSettings === null) return scriptedSettings.parse({})
  const path = config.scriptedSettings
  try {
    return scriptedSettings.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    const what = cause instanceof ZodError ? prettifyError(cause) : (cause as Error).message
    throw new ConfigError(`${path} (scriptedSettings) is not a settings file of the scripted model: ${what}`, { cause })
  }
}

/** Starts a loopback GitHub that serves recorded JSON, for the demo and for tests. */
export function composeRecordedGitHub(dir: string): Promise<{ url: string; close(): Promise<void> }> {
  // The demo may come without a token, and its GitHub is its own.
  return startRecordedGitHub({ dir, limits: { anonymousRequestsPerHour: 5000 } })
}

/** Chains given by hand: joined with GitHub's evidence and git's commits, and stored. */
export function composeChains(config: Config): {
  resolveChain: (given: ChainImport) => Promise<Chain>
  storeChain: (chain: Chain) => Promise<{ isNew: boolean; isSame: boolean }>
} {
  const store = composeStore(config)
  const git = composeGit(config)
  const github = composeGitHub(config)
  return {
    storeChain: (chain) => storeChain(store, chain),
    async resolveChain({ repo, prs, id }) {
      const repository = await git.open(repo, config.mirrors)
      const pulls: PullRequest[] = []
      for (const number of prs) pulls.push(await github.fetchPullRequest(repo, number))
      return resolveChain(
        { store, resolveStage },
        { repository, pulls, id: id ?? null, source: 'imported', mode: 'given', shape: 'given', links: [] },
      )
    },
  }
}
