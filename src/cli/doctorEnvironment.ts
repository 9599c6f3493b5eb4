import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { TriedEnvironment, tryEnvironment as tryEnvironmentActivity } from '../activities/tryEnvironment.ts'
import { composeEnvironmentBuild, composeGit, composeSandboxes, storeDir } from '../compose.ts'
import { secretsOf, type Config } from '../config.ts'
import { repositoryFolder } from '../domain/identifiers.ts'
import { createSecrets } from '../domain/redaction.ts'
import { repositoryName } from '../formats/common.ts'
import type { TestResult } from '../formats/environment.ts'
import type { Finding } from './doctor.ts'
import { readEnvironment } from './rolloutSettings.ts'
import { InputError, type Terminal } from './terminal.ts'

const runFile = promisify(execFile)

/** How an environment is tried: {@link tryEnvironmentActivity}, which this folder does not reach itself. */
export type TryEnvironment = typeof tryEnvironmentActivity

/** What was tried of a repository, for programs. */
export interface CheckedEnvironment {
  repository: string
  commit: string
  status: TriedEnvironment['status']
  /** Why it is not `tested`, else null. */
  reason: string | null
  origin: { kind: 'given' | 'found' | 'recipe'; recipe: string | null; files: string[]; notes: string[] } | null
  dockerfile: string | null
  testCommand: string | null
  buildMs: number | null
  testMs: number | null
  /** How many tests ended how; null when they were not run to a report. */
  tests: Record<TestResult['status'], number> | null
}

/** What is said of the environment that the settings name. */
export interface EnvironmentCheck {
  finding: Finding
  environment: CheckedEnvironment | null
  /** More, for people. */
  lines: string[]
}

/**
 * Checks `--environment`: a file's form, or a repository's own environment, found, built and tried. Null when there is
 * none to check. Throws {@link InputError} when it is neither a file nor a repository that is at hand.
 */
export async function checkEnvironment(options: {
  config: Config
  terminal: Terminal
  signal: AbortSignal
  at: string | null
  testFiles: readonly string[]
  tryEnvironment: TryEnvironment
}): Promise<EnvironmentCheck | null> {
  const { config, at } = options
  const named = config.environment
  if (named === null || named === 'none') {
    if (at !== null) throw new InputError('--at needs --environment REPOSITORY')
    return null
  }
  const isRepository = !existsSync(named) && !named.endsWith('.json') && repositoryName.safeParse(named).success
  return isRepository ? tryRepository({ ...options, name: named }) : checkFile(named)
}

async function checkFile(path: string): Promise<EnvironmentCheck> {
  const what = 'environment'
  const finding = await readEnvironment(path).then(
    ({ image, test }): Finding => {
      const found = `${path}: ${image ?? 'built from its Dockerfile'}, tests by ${test.report}`
      return { what, status: 'ok', found, fix: '' }
    },
    (error: Error): Finding => ({ what, status: 'missing', found: error.message, fix: '' }),
  )
  return { finding, environment: null, lines: [] }
}

async function tryRepository(options: {
  config: Config
  terminal: Terminal
  signal: AbortSignal
  at: string | null
  testFiles: readonly string[]
  tryEnvironment: TryEnvironment
  name: string
}): Promise<EnvironmentCheck> {
  const { config, terminal, signal, testFiles, tryEnvironment, name } = options
  const git = composeGit(config)
  const repository = await git.open(name, config.mirrors).catch((cause: Error) => {
    throw new InputError(cause.message, { cause })
  })
  const at = options.at ?? (await readHead(config, name))
  const commit = await repository.commit(at)
  if (commit === null) throw new InputError(`--at ${at}: ${name} has no such commit in its mirror`)
  const tried = await tryEnvironment({
    git,
    mirrors: config.mirrors,
    provider: composeSandboxes(config)('docker'),
    repository,
    tree: commit.tree,
    date: commit.committedAt,
    testFiles,
    build: composeEnvironmentBuild(config),
    redact: createSecrets(secretsOf(config)).redact,
    onLine: (line) => terminal.say(line),
    signal,
  }).catch((error: Error): TriedEnvironment => {
    if (error.name !== 'SandboxError') throw error
    return { status: 'none', reason: error.message }
  })
  const environment = describe(name, commit.sha, tried)
  return { finding: toFinding(environment), environment, lines: toLines(environment, tried) }
}

function describe(repository: string, commit: string, tried: TriedEnvironment): CheckedEnvironment {
  const nothing = {
    reason: null,
    origin: null,
    dockerfile: null,
    testCommand: null,
    buildMs: null,
    testMs: null,
    tests: null,
  }
  const common = { ...nothing, repository, commit, status: tried.status }
  if (tried.status === 'none') return { ...common, reason: tried.reason }
  const { environment, origin } = tried
  const plan = { ...common, origin, dockerfile: environment.dockerfile ?? null, testCommand: environment.test.command }
  if (tried.status !== 'tested') return { ...plan, reason: tried.reason }
  const { report, buildMs, testMs } = tried
  if (report.status !== 'completed') return { ...plan, buildMs, testMs, reason: `the tests are ${report.status}` }
  const tests = { passed: 0, failed: 0, error: 0, skipped: 0 }
  for (const { status } of report.tests) tests[status]++
  return { ...plan, buildMs, testMs, tests }
}

function toFinding(checked: CheckedEnvironment): Finding {
  const what = 'environment'
  const where = `${checked.repository} at ${checked.commit.slice(0, 12)}`
  const fix = 'give --environment FILE; docs/environments.md says how'
  if (checked.tests === null)
    return { what, status: 'missing', found: `${where}: ${checked.status}, ${checked.reason}`, fix }
  const counts = Object.entries(checked.tests).map(([status, count]) => `${count} ${status}`)
  const found = `${where}: by the recipe ${checked.origin!.recipe}, ${counts.join(', ')}`
  return checked.tests.passed > 0 ? { what, status: 'ok', found, fix: '' } : { what, status: 'missing', found, fix }
}

function toLines(checked: CheckedEnvironment, tried: TriedEnvironment): string[] {
  const { origin, dockerfile, testCommand, buildMs, testMs } = checked
  if (!origin) return []
  return [
    '',
    `Taken into account: ${origin.files.join(', ') || 'the names of files alone'}`,
    ...origin.notes.map((note) => `- ${note}`),
    '',
    ...(dockerfile ?? '').trimEnd().split('\n'),
    '',
    `Tests: ${testCommand}`,
    ...(buildMs === null ? [] : [`Built in ${buildMs} ms, tested in ${testMs} ms.`]),
    ...(tried.status === 'tested' && (checked.tests === null || checked.tests.passed === 0) ? ['', tried.output] : []),
  ]
}

/** The head of a mirror's main line. The mirror is no agent's: git may be run on it. */
async function readHead(config: Config, name: string): Promise<string> {
  const folder = `${repositoryFolder(name)}.git`
  const mirror =
    config.mirrors === null ? join(storeDir(config), 'cache', 'mirrors', folder) : resolve(config.mirrors, folder)
  try {
    const { stdout } = await runFile('git', ['--git-dir', mirror, 'rev-parse', '--verify', 'HEAD^{commit}'])
    return stdout.trim()
  } catch (cause) {
    throw new InputError(
      `the mirror of ${name} does not say which commit is the head of its main line; name one by --at SHA`,
      { cause },
    )
  }
}
