import { digestOf, digestOfJson } from '../domain/digest.ts'
import { tellFailure } from '../domain/environment/failureReason.ts'
import { divideRuns, type StudyRun } from '../domain/environment/stability.ts'
import { recordKey } from '../domain/identifiers.ts'
import { parseJUnit } from '../domain/testReport.ts'
import type { Stage } from '../formats/chain.ts'
import type { Environment, Origin, TestReport, TestResult } from '../formats/environment.ts'
import type { EnvironmentResult, StageEnvironmentRecord } from '../formats/rollout.ts'
import type { Sandbox } from '../sandbox/port.ts'
import type { Scope } from './edge.ts'
import { layRepository, sandboxSpec, SetupFailedError } from './layRepository.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'

const REPORT_LIMIT_BYTES = 64 * 1024 * 1024

/**
 * Runs a stage's tests on a tree in a sandbox of its own: the stage's test files are put over the tree as they are in
 * H_t, whatever the agent made of them. With `files`, those of the tree itself are run instead, as they are. Runs anew
 * each time it is called. The stage must have an environment.
 */
export async function runStageTests(options: {
  ports: Ports
  context: RolloutContext
  stage: number
  tree: string
  purpose: string
  scope: Scope
  files?: readonly string[]
}): Promise<TestReport> {
  const { ports, context, stage, tree, purpose, scope } = options
  const { resultSha, testFiles } = context.stage(stage)
  const { environment } = await context.environment(stage)
  if (!environment) throw new Error(`stage ${stage} of rollout ${context.id} has no environment to run tests in`)
  const graded = options.files ? tree : await context.repository.withPathsFrom(tree, resultSha, testFiles)
  const name = context.sandboxName(`${stage}.${purpose}`)
  scope.report({ testing: purpose })
  const sandbox = await context.provider.create(await sandboxSpec({ ports, context, name, stage, purpose: 'tests' }))
  try {
    const failure = await layRepository({ ports, context, sandbox, stage, tree: graded, scope }).then(
      () => null,
      (error: unknown) => {
        if (error instanceof SetupFailedError) return error
        throw error
      },
    )
    if (failure)
      return { status: 'unreadable', exitCode: null, tests: [], output: await ports.store.putBlob(failure.message) }
    const present = new Set((await context.repository.listTree(graded)).map((entry) => entry.path))
    const files = (options.files ?? testFiles).filter((path) => present.has(path))
    const root = context.provider.repositoryPath(name)
    const { store, redact } = ports
    return await runTestCommand({ store, redact, sandbox, environment, files, root, signal: scope.signal })
  } finally {
    await context.provider.remove(name)
  }
}

/** Runs an environment's test command for some files in a laid sandbox, `root` being its repository's folder. */
export async function runTestCommand(options: {
  store: Pick<Ports['store'], 'putBlob'>
  redact: Ports['redact']
  sandbox: Sandbox
  environment: Environment
  files: readonly string[]
  root: string
  signal: AbortSignal
}): Promise<TestReport> {
  const { store, redact, sandbox, environment, files, root, signal } = options
  // No file that the agent left can be taken for the report.
  const reportPath = `${root}/.prchain-report-${crypto.randomUUID()}.xml`
  const script = environment.test.command
    .replaceAll('{files}', () => files.filter(isRunnable).map(quote).join(' '))
    .replaceAll('{report}', () => quote(reportPath))
  const outcome = await sandbox.exec('tests', { script, timeoutMs: environment.timeouts.testMs }, signal)
  const text = outcome.output.toString('utf8')
  const output = await store.putBlob(redact(text))
  if (outcome.isTimedOut) return { status: 'timed-out', exitCode: null, tests: [], output }
  if (environment.test.report === 'exit-code') {
    const id = 'test command'
    const result: TestResult =
      outcome.exitCode === 0 ? { id, status: 'passed' } : { id, status: 'failed', ...tellFailure({ head: '', text }) }
    return { status: 'completed', exitCode: outcome.exitCode, tests: [result], output }
  }
  const xml = await sandbox.readFile(reportPath, REPORT_LIMIT_BYTES)
  const tests = xml && parseJUnit(xml.toString('utf8'), root, text)
  if (!tests) return { status: 'unreadable', exitCode: outcome.exitCode, tests: [], output }
  return { status: 'completed', exitCode: outcome.exitCode, tests, output }
}

/**
 * A stage's tests on B_t and on H_t in its environment, twice: which must come to pass, and which must keep passing.
 * Kept by chain, stage and environment, so it is run once for all rollouts. Null when the stage has no environment.
 */
export async function studyEnvironment(
  ports: Ports,
  context: RolloutContext,
  stage: number,
  scope: Scope,
): Promise<EnvironmentResult | null> {
  const { chain } = context
  const { environment, buildContext } = await context.environment(stage)
  if (!environment) return null
  const { baseSha, resultSha, testFiles } = context.stage(stage)
  const digest = digestOf(
    digestOfJson({
      study: 3,
      environment,
      context: buildContext?.id ?? null,
      baseSha,
      resultSha,
      testFiles,
      sandbox: context.provider.kind,
    }),
  ).slice('sha256:'.length)
  const key = recordKey.environmentResult(chain.id, stage, digest)
  const known = await ports.store.getRecord<EnvironmentResult>(key)
  if (known) return known

  const runs = [await runBoth('')]
  let division = divideRuns(runs)
  let reason = (await reasonAgainstBase(runs[0]!)) ?? reasonAgainst(context.stage(stage), runs, division.failToPass)
  if (reason === null) {
    runs.push(await runBoth('-again'))
    division = divideRuns(runs)
    reason = reasonAgainst(context.stage(stage), runs, division.failToPass)
  }
  const [first, ...further] = runs as [StudyRun, ...StudyRun[]]
  const result: EnvironmentResult = {
    format: 'prchain.environment-result/1',
    isValid: reason === null,
    reason,
    ...division,
    origin: await originOf(ports, context, stage),
    base: first.base,
    reference: first.reference,
    runs: further,
  }
  return (await ports.store.putRecord(key, result)).value

  /** Tests that give no report at all on B_t fail for the right reason only when a missing name keeps them from running. */
  async function reasonAgainstBase({ base }: StudyRun): Promise<string | null> {
    const { number } = context.stage(stage)
    if (base.status === 'completed') return null
    if (base.status === 'timed-out') return `the tests of pull request ${number} time out before the reference patch`
    const text = (await ports.store.getBlob(base.output)).toString('utf8')
    if (tellFailure({ head: '', text }).reason === 'missing-name') return null
    return `the tests of pull request ${number} give no report before the reference patch, and for no missing name`
  }

  async function runBoth(suffix: string): Promise<StudyRun> {
    const run = (tree: string, purpose: string) =>
      runStageTests({ ports, context, stage, tree, purpose: `${purpose}${suffix}`, scope })
    return { base: await run(baseSha, 'base'), reference: await run(resultSha, 'reference') }
  }
}

async function originOf(ports: Ports, context: RolloutContext, stage: number): Promise<Origin | null> {
  const record = await ports.store.getRecord<StageEnvironmentRecord>(recordKey.stageEnvironment(context.id, stage))
  return record?.origin ?? null
}

function reasonAgainst(stage: Stage, runs: readonly StudyRun[], failToPass: string[]): string | null {
  if (stage.testFiles.length === 0) return `pull request ${stage.number} changes no test`
  const unfinished = runs.find(({ reference }) => reference.status !== 'completed')
  if (unfinished)
    return `the tests of pull request ${stage.number} are ${unfinished.reference.status} with the reference patch`
  if (failToPass.length === 0)
    return `no test of pull request ${stage.number} fails before the reference patch and passes with it${runs.length > 1 ? ', twice' : ''}`
  return null
}

/** Fixtures beside tests are laid with them, but are no arguments of the test command. */
function isRunnable(path: string): boolean {
  return (
    /\.(py|[cm]?[jt]sx?|go|rs|java|kt|rb|php|c|cc|cpp|cxx|sh|t)$/.test(path) &&
    !/(^|\/)(__init__|conftest)\.py$/.test(path)
  )
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
