import { recordKey } from '../domain/identifiers.ts'
import { renderOpening } from '../domain/opening.ts'
import { shortenConflicts } from '../domain/conflict.ts'
import { undisclosedFiles } from '../domain/undisclosed.ts'
import { passedTests } from '../domain/verdict.ts'
import type { CarryOver } from '../formats/carryOver.ts'
import type { EnvironmentResult, StageState } from '../formats/rollout.ts'
import type { Fence } from '../record/fence.ts'
import type { Sandbox } from '../sandbox/port.ts'
import { findScaffold } from '../scaffolds/index.ts'
import { carryInto, initialTreeOf, withoutUndisclosed } from './carryOver.ts'
import { undisclosedTests } from './disclosure.ts'
import type { RolloutInput, Scope } from './edge.ts'
import { groundOf } from './ground.ts'
import type { Ports } from './ports.ts'
import { openRebase } from './rebase.ts'
import { openRollout, type RolloutContext } from './rolloutContext.ts'
import { findLack } from './scaffoldPrograms.ts'
import { openStageSandbox } from './stageSandbox.ts'
import { runStageTests, studyEnvironment } from './stageTests.ts'

/** What the workflow needs of a prepared stage. `place` is where its sandbox is: the queue of the workers that reach it. */
export type Prepared =
  | { status: 'ready'; hasEnvironment: boolean; brokenByCarryOver: number; reason: string | null; place: string }
  | { status: 'rebase'; tries: number; reason: string; place: string }
  | { status: 'carry-over-lost'; reason: string }
  | { status: 'environment-invalid'; reason: string }

/**
 * Makes S_init(t) = B_t ⊕ the agent's work so far, runs the stage's tests on it, writes the message that opens the
 * stage, and lays the sandbox; or, where carry-over conflicts, opens the rebase round. Once for a rollout's stage;
 * called again it finds what it made, and goes on after a rebase round that is done. (The paper's step C.)
 */
export async function prepareStage(
  ports: Ports,
  input: RolloutInput & { stage: number },
  scope: Scope & { fence: Fence },
): Promise<Prepared> {
  const { stage } = input
  const context = await openRollout(ports, input.rollout)
  const { settings } = context
  const study = await studyEnvironment(ports, context, stage, scope)
  if (settings.accept === 'tests' && !study?.isValid) {
    return { status: 'environment-invalid', reason: study?.reason ?? 'acceptance by tests needs an environment' }
  }

  if (!(await ports.store.getRecord<StageState>(recordKey.stageState(context.id, stage)))) {
    const carried = await carryInto(ports, context, stage)
    if (carried.status === 'conflict') {
      const { conflicts } = carried.carryOver
      const reason = `the agent's work of earlier stages conflicts with what moved upstream in ${shortenConflicts(conflicts)}`
      if (settings.onConflict === 'end') return { status: 'carry-over-lost', reason }
      await openRebase({ ports, context, stage, carried, study, fence: scope.fence })
      const ground = await groundOf(ports, context, stage, 'rebase')
      const { place, sandbox } = await openStageSandbox({ ports, context, ground, fence: scope.fence, scope })
      const lack = await lackOf(sandbox)
      if (lack !== null) return { status: 'environment-invalid', reason: lack }
      return { status: 'rebase', tries: settings.refinements + 1, reason, place }
    }
    await writeState({ ports, context, stage, study, carried, scope })
  }

  const state = await context.state(stage)
  if (settings.accept === 'tests' && state.before === null) {
    const reason = `every fail-to-pass test of pull request ${context.stage(stage).number} demands names that no query disclosed`
    return { status: 'environment-invalid', reason }
  }
  await initialTreeOf(ports, context, stage)
  const ground = await groundOf(ports, context, stage, 'work')
  const { place, sandbox } = await openStageSandbox({ ports, context, ground, fence: scope.fence, scope })
  const lack = await lackOf(sandbox)
  if (lack !== null) return { status: 'environment-invalid', reason: lack }
  return {
    status: 'ready',
    hasEnvironment: state.before !== null,
    brokenByCarryOver: state.before?.brokenByCarryOver.length ?? 0,
    reason: study && !study.isValid ? study.reason : null,
    place,
  }

  /** Why the rollout's scaffold cannot run there. */
  async function lackOf(sandbox: Sandbox): Promise<string | null> {
    const scaffold = findScaffold(settings.scaffold)
    return scaffold && findLack({ scaffold, provider: context.provider, sandbox, signal: scope.signal })
  }
}

async function writeState(options: {
  ports: Ports
  context: RolloutContext
  stage: number
  study: EnvironmentResult | null
  carried: { tree: string; carryOver: CarryOver }
  scope: Scope & { fence: Fence }
}): Promise<void> {
  const { ports, context, stage, study, carried, scope } = options
  const { tree, carryOver } = await leaveOutUndisclosed(options)
  const queries = await context.queries()
  const { overview, hasInterface } = context.settings
  const made: StageState = {
    format: 'prchain.stage/1',
    rollout: context.id,
    stage,
    number: context.stage(stage).number,
    initialTree: tree,
    carryOver,
    opening: renderOpening({ stage, queries, carryOver, overview, hasInterface }),
    before: study?.isValid ? await testBefore({ ...options, study, tree }) : null,
  }
  await scope.fence.check()
  await ports.store.putRecord(recordKey.stageState(context.id, stage), made)
  if (carried.carryOver.decidedBy === 'rebase') await context.provider.remove(context.sandboxName(`${stage}.rebase`))
}

/** The stage's tests on S_init: what carry-over broke is told from what no query disclosed. */
async function testBefore(options: {
  ports: Ports
  context: RolloutContext
  stage: number
  study: EnvironmentResult
  tree: string
  scope: Scope
}): Promise<StageState['before']> {
  const { ports, context, stage, study, tree, scope } = options
  const report = await runStageTests({ ports, context, stage, tree, purpose: 'before', scope })
  const passed = passedTests(report)
  const undisclosed = await undisclosedTests(ports, context, stage, report)
  const leftOut = new Set(undisclosed.map(({ id }) => id))
  const passToPass = study.passToPass.filter((id) => !leftOut.has(id))
  const failToPass = study.failToPass.filter((id) => !leftOut.has(id))
  // With nothing left that tells the stage's work, tests say nothing of it.
  if (failToPass.length === 0) return null
  const known = new Set([...study.failToPass, ...study.passToPass])
  return {
    report,
    failToPass: failToPass.filter((id) => !passed.has(id)),
    passToPass,
    brokenByCarryOver: passToPass.filter((id) => !passed.has(id)),
    undisclosed: undisclosed.filter(({ id }) => known.has(id)),
  }
}

/**
 * Runs the previous stage's test files, which S_init has from upstream, and takes those out that no other
 * implementation could even load, by name.
 */
async function leaveOutUndisclosed(options: {
  ports: Ports
  context: RolloutContext
  stage: number
  study: EnvironmentResult | null
  carried: { tree: string; carryOver: CarryOver }
  scope: Scope
}): Promise<{ tree: string; carryOver: CarryOver }> {
  const { ports, context, stage, study, carried, scope } = options
  const { tree, carryOver } = carried
  const own = new Set(context.stage(stage).testFiles)
  const paths = carryOver.upstreamTests.filter((path) => !own.has(path))
  if (!study?.isValid || paths.length === 0) return carried
  const report = await runStageTests({ ports, context, stage, tree, purpose: 'carried', scope, files: paths })
  const undisclosed = await undisclosedTests(ports, context, stage, report)
  const undisclosedOnes = undisclosedFiles(report, { paths, undisclosed })
  if (undisclosedOnes.length === 0) return carried
  const without = undisclosedOnes.map(({ path }) => path)
  return {
    tree: await withoutUndisclosed(ports, context, { stage, tree, paths: without }),
    carryOver: {
      ...carryOver,
      upstreamTests: carryOver.upstreamTests.filter((path) => !without.includes(path)),
      undisclosedTests: undisclosedOnes,
    },
  }
}
