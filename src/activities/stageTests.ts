import { digestOf, digestOfJson } from '../domain/digest.ts'
import { recordKey } from '../domain/identifiers.ts'
import { parseJUnit } from '../domain/testReport.ts'
import { divideTests } from '../domain/verdict.ts'
import type { Stage } from '../formats/chain.ts'
import type { Environment, TestReport } from '../formats/environment.ts'
import type { EnvironmentResult } from '../formats/rollout.ts'
import type { Scope } from './edge.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'
import { layRepository, SetupFailedError } from './stageSandbox.ts'

const REPORT_FILE = '.prchain-report.xml'
const REPORT_LIMIT_BYTES = 64 * 1024 * 1024

/**
 * Runs a stage's tests on a tree in a sandbox of its own: the stage's test files are put over the tree as they are in
 * H_t, whatever the agent made of them. Runs anew each time it is called.
 */
export async function runStageTests(options: {
  ports: Ports
  context: RolloutContext
  environment: Environment
  stage: number
  tree: string
  purpose: string
  scope: Scope
}): Promise<TestReport> {
  const { ports, context, environment, stage, tree, purpose, scope } = options
  const { resultSha, testFiles } = context.stage(stage)
  const graded = await context.repository.withPathsFrom(tree, resultSha, testFiles)
  const name = context.sandboxName(`${stage}.${purpose}`)
  scope.report({ testing: purpose })
  const sandbox = await context.provider.create({
    name,
    labels: { owner: ports.instance, rollout: context.id, stage: String(stage), purpose: 'tests' },
    environment,
  })
  try {
    const failure = await layRepository({ ports, context, sandbox, tree: graded, scope }).then(
      () => null,
      (error: unknown) => {
        if (error instanceof SetupFailedError) return error
        throw error
      },
    )
    if (failure)
      return { status: 'unreadable', exitCode: null, tests: [], output: await ports.store.putBlob(failure.message) }
    const present = new Set((await context.repository.listTree(graded)).map((entry) => entry.path))
    const root = context.provider.repositoryPath(name)
    const reportPath = `${root}/${REPORT_FILE}`
    const files = testFiles.filter((path) => present.has(path) && isRunnable(path))
    const script = environment.test.command
      .replaceAll('{files}', files.map(quote).join(' '))
      .replaceAll('{report}', quote(reportPath))
    const outcome = await sandbox.exec('tests', { script, timeoutMs: environment.timeouts.testMs }, scope.signal)
    const output = await ports.store.putBlob(ports.redact(outcome.output.toString('utf8')))
    if (outcome.isTimedOut) return { status: 'timed-out', exitCode: null, tests: [], output }
    if (environment.test.report === 'exit-code') {
      const status = outcome.exitCode === 0 ? 'passed' : 'failed'
      return { status: 'completed', exitCode: outcome.exitCode, tests: [{ id: 'test command', status }], output }
    }
    const xml = await sandbox.readFile(reportPath, REPORT_LIMIT_BYTES)
    const tests = xml && parseJUnit(xml.toString('utf8'), root)
    if (!tests) return { status: 'unreadable', exitCode: outcome.exitCode, tests: [], output }
    return { status: 'completed', exitCode: outcome.exitCode, tests, output }
  } finally {
    await context.provider.remove(name)
  }
}

/**
 * A stage's tests on B_t and on H_t in the campaign's environment: which must come to pass, and which must keep
 * passing. Kept by chain, stage and environment, so it is run once for all rollouts. Null when no environment was given.
 */
export async function studyEnvironment(
  ports: Ports,
  context: RolloutContext,
  stage: number,
  scope: Scope,
): Promise<EnvironmentResult | null> {
  const { environment, chain } = context
  if (!environment) return null
  const { baseSha, resultSha, testFiles } = context.stage(stage)
  const digest = digestOf(
    digestOfJson({ environment, baseSha, resultSha, testFiles, sandbox: context.provider.kind }),
  ).slice('sha256:'.length)
  const key = recordKey.environmentResult(chain.id, stage, digest)
  const known = await ports.store.getRecord<EnvironmentResult>(key)
  if (known) return known
  const run = (tree: string, purpose: string) =>
    runStageTests({ ports, context, environment, stage, tree, purpose, scope })
  const base = await run(baseSha, 'base')
  const reference = await run(resultSha, 'reference')
  const { failToPass, passToPass } = divideTests(base, reference)
  const reason = reasonAgainst(context.stage(stage), reference, failToPass)
  const result: EnvironmentResult = {
    format: 'prchain.environment-result/1',
    isValid: reason === null,
    reason,
    failToPass,
    passToPass,
    base,
    reference,
  }
  return (await ports.store.putRecord(key, result)).value
}

function reasonAgainst(stage: Stage, reference: TestReport, failToPass: string[]): string | null {
  if (stage.testFiles.length === 0) return `pull request ${stage.number} changes no test`
  if (reference.status !== 'completed')
    return `the tests of pull request ${stage.number} are ${reference.status} with the reference patch`
  if (failToPass.length === 0)
    return `no test of pull request ${stage.number} fails before the reference patch and passes with it`
  return null
}

/** Fixtures beside tests are laid with them, but are no arguments of the test command. */
function isRunnable(path: string): boolean {
  return /\.(py|[cm]?[jt]sx?|go|rs|java|rb|php|c|cc|cpp)$/.test(path) && !/(^|\/)(__init__|conftest)\.py$/.test(path)
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
