import { isTestPath } from '../domain/testPath.ts'
import type { Environment, Origin, TestReport } from '../formats/environment.ts'
import type { GitHost, GitRepository } from '../git/port.ts'
import type { SandboxError, SandboxProvider } from '../sandbox/port.ts'
import type { EnvironmentBuild } from '../domain/environment/build.ts'
import { SetupFailedError } from './layRepository.ts'
import { openBuildContext, planTree } from './stageEnvironment.ts'
import { DOCTOR } from './reapSandboxes.ts'
import { findSubmodules, noteAbsent } from './submodules.ts'
import { runTestCommand } from './stageTests.ts'

/** How far an environment of a repository's tree came. */
export type TriedEnvironment =
  | { status: 'none'; reason: string }
  | { status: 'not-built' | 'setup-failed'; environment: Environment; origin: Origin; reason: string }
  | {
      status: 'tested'
      environment: Environment
      origin: Origin
      report: TestReport
      /** The end of what the test command printed. */
      output: string
      /** How long the image took, from the engine's cache or not, and the tests. */
      buildMs: number
      testMs: number
    }

const LEASE_MS = 6 * 60 * 60_000
const SHOWN_CHARACTERS = 4_000

/**
 * Finds the environment of a tree, builds it, and runs the tests of that tree once, in a sandbox that is removed again.
 * `testFiles` empty: all tests. Stores nothing. Throws {@link SandboxError} `unreachable` and `lost`.
 */
export async function tryEnvironment(options: {
  git: GitHost
  mirrors: string | null
  provider: SandboxProvider
  repository: GitRepository
  tree: string
  /** ISO 8601: of the commit. */
  date: string
  testFiles: readonly string[]
  build: EnvironmentBuild
  redact: (text: string) => string
  onLine: (line: string) => void
  signal: AbortSignal
}): Promise<TriedEnvironment> {
  const { git, mirrors, provider, repository, tree, date, testFiles, build, redact, onLine, signal } = options
  const planned = await planTree({ repository, tree, date, testFiles, build })
  if ('reason' in planned) return { status: 'none', reason: planned.reason }
  const { environment } = planned
  const modules = await findSubmodules({ git, repository, mirrors, tree })
  const origin = { ...planned.origin, notes: [...planned.origin.notes, ...noteAbsent(modules)] }
  const name = `doctor.${crypto.randomUUID()}`
  onLine(`building the environment of ${repository.name}`)
  const started = performance.now()
  try {
    const sandbox = await provider.create({
      name,
      labels: { owner: DOCTOR, purpose: 'doctor', lease: new Date(Date.now() + LEASE_MS).toISOString() },
      environment,
      buildContext: openBuildContext({ repository, environment, tree, modules }),
    })
    const buildMs = Math.round(performance.now() - started)
    onLine('running its tests')
    await sandbox.putRepository(await repository.exportRepository(tree, { submodules: modules.submodules }))
    for (const [index, script] of environment.setup.entries()) {
      const outcome = await sandbox.exec(`setup.${index}`, { script, timeoutMs: environment.timeouts.setupMs }, signal)
      if (outcome.exitCode === 0) continue
      const failure = new SetupFailedError(
        script,
        outcome.exitCode,
        redact(outcome.output.toString('utf8').slice(-SHOWN_CHARACTERS)),
      )
      return { status: 'setup-failed', environment, origin, reason: failure.message }
    }
    let output = ''
    const keep = async (text: string | Uint8Array) => {
      output = String(text).slice(-SHOWN_CHARACTERS)
      return ''
    }
    const testsStarted = performance.now()
    const report = await runTestCommand({
      store: { putBlob: keep },
      redact,
      sandbox,
      environment,
      files: testFiles.length > 0 || origin.recipe !== 'node' ? testFiles : await nodeTests(),
      root: provider.repositoryPath(name),
      signal,
    })
    const testMs = Math.round(performance.now() - testsStarted)
    return { status: 'tested', environment, origin, report, output, buildMs, testMs }
  } catch (error) {
    const { name: kindOf, kind } = error as SandboxError
    if (kindOf === 'SandboxError' && (kind === 'image' || kind === 'invalid'))
      return { status: 'not-built', environment, origin, reason: redact((error as Error).message) }
    throw error
  } finally {
    await provider.remove(name)
  }

  /** Node's runners want to be told which files are tests. */
  async function nodeTests(): Promise<string[]> {
    const paths = (await repository.listTree(tree)).map(({ path }) => path)
    const named = paths.filter((path) => /[._-](?:test|spec)\.[cm]?[jt]sx?$/.test(path))
    return named.length > 0 ? named : paths.filter((path) => isTestPath(path) && /\.[cm]?[jt]sx?$/.test(path))
  }
}
