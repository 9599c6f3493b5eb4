import { survivingShare } from '../domain/carryOver.ts'
import { recordKey } from '../domain/identifiers.ts'
import { renderOpening } from '../domain/opening.ts'
import { readPatch } from '../domain/patch.ts'
import { passedTests } from '../domain/verdict.ts'
import type { CarryOver, StageState } from '../formats/rollout.ts'
import type { Fence } from '../record/fence.ts'
import { InvalidInputError, type RolloutInput, type Scope } from './edge.ts'
import type { Ports } from './ports.ts'
import { openRollout, type RolloutContext } from './rolloutContext.ts'
import { openStageSandbox } from './stageSandbox.ts'
import { runStageTests, studyEnvironment } from './stageTests.ts'

/** What the workflow needs of a prepared stage. */
export type Prepared =
  | { status: 'ready'; hasEnvironment: boolean; brokenByCarryOver: number; reason: string | null }
  | { status: 'carry-over-lost'; reason: string }
  | { status: 'environment-invalid'; reason: string }

/**
 * Makes S_init(t) = B_t ⊕ the agent's work so far, runs the stage's tests on it, writes the message that opens the
 * stage, and lays the sandbox. Once for a rollout's stage; called again it finds what it made. (The paper's step C.)
 */
export async function prepareStage(
  ports: Ports,
  input: RolloutInput & { stage: number },
  scope: Scope & { fence: Fence },
): Promise<Prepared> {
  const { stage } = input
  const context = await openRollout(ports, input.rollout)
  const study = await studyEnvironment(ports, context, stage, scope)
  if (context.settings.accept === 'tests' && !study?.isValid) {
    return { status: 'environment-invalid', reason: study?.reason ?? 'acceptance by tests needs --environment' }
  }

  const { tree, carryOver } = await carryInto(ports, context, stage)
  if (carryOver.conflicts.length > 0) {
    const reason = `the agent's work of earlier stages conflicts with what moved upstream in ${shorten(carryOver.conflicts)}`
    return { status: 'carry-over-lost', reason }
  }

  const key = recordKey.stageState(context.id, stage)
  let state = await ports.store.getRecord<StageState>(key)
  if (!state) {
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
      before: null,
    }
    if (study?.isValid && context.environment) {
      const report = await runStageTests({
        ports,
        context,
        environment: context.environment,
        stage,
        tree,
        purpose: 'before',
        scope,
      })
      const passed = passedTests(report)
      made.before = {
        report,
        failToPass: study.failToPass.filter((id) => !passed.has(id)),
        passToPass: study.passToPass,
        brokenByCarryOver: study.passToPass.filter((id) => !passed.has(id)),
      }
    }
    await scope.fence.check()
    state = (await ports.store.putRecord(key, made)).value
  }
  if (state.initialTree !== tree) {
    throw new InvalidInputError(
      `S_init of rollout ${context.id}, stage ${stage} was ${state.initialTree} and is ${tree} now: the mirror of ${context.chain.repository} changed under the rollout`,
    )
  }
  await openStageSandbox({ ports, context, state, fence: scope.fence, scope })
  return {
    status: 'ready',
    hasEnvironment: state.before !== null,
    brokenByCarryOver: state.before?.brokenByCarryOver.length ?? 0,
    reason: study && !study.isValid ? study.reason : null,
  }
}

/**
 * The tree of S_init(t) by `substitute`: the agent's tree takes the place of the humans' in a three-way merge with base
 * H(t−1), ours B_t, theirs A(t−1). The previous stage's own test files are taken from upstream: the agent never saw them.
 */
export async function carryInto(
  ports: Ports,
  context: RolloutContext,
  stage: number,
): Promise<{ tree: string; carryOver: CarryOver }> {
  const { repository } = context
  const base = await treeOf(context, context.stage(stage).baseSha)
  const untouched: CarryOver = {
    policy: 'none',
    upstreamTests: [],
    movedUpstream: [],
    conflicts: [],
    survivingShare: 1,
  }
  if (stage === 0) return { tree: base, carryOver: untouched }

  const previous = context.stage(stage - 1)
  const agentTree = await agentTreeOf(ports, context, stage - 1)
  const human = await treeOf(context, previous.resultSha)
  const upstreamTests = previous.testFiles
  const theirs = await repository.withPathsFrom(agentTree, previous.resultSha, upstreamTests)
  const merged = await repository.mergeTrees({ base: human, ours: base, theirs })
  const carryOver: CarryOver = {
    policy: 'substitute',
    upstreamTests,
    movedUpstream: await repository.changes(human, base),
    conflicts: merged.kind === 'conflict' ? merged.paths : [],
    survivingShare: await shareOf(ports, context, stage - 1, merged.tree),
  }
  return { tree: merged.tree, carryOver }
}

/** A(t): from the scratch store, or made again from S_init and the recorded patch when that was lost. */
export async function agentTreeOf(ports: Ports, context: RolloutContext, stage: number): Promise<string> {
  const result = await context.result(stage)
  if (!result) throw new InvalidInputError(`stage ${stage} of rollout ${context.id} has no result yet`)
  if (await context.repository.has(result.tree)) return result.tree
  const { tree: initial } = await carryInto(ports, context, stage)
  const made = await context.repository.applyPatch(initial, await ports.store.getBlob(result.patch))
  if (made !== result.tree) {
    throw new InvalidInputError(
      `the patch of rollout ${context.id}, stage ${stage} gives tree ${made}, not ${result.tree} as recorded`,
    )
  }
  return made
}

async function treeOf(context: RolloutContext, sha: string): Promise<string> {
  const commit = await context.repository.commit(sha)
  if (!commit)
    throw new InvalidInputError(
      `commit ${sha} of chain ${context.chain.id} is not in the mirror of ${context.chain.repository}`,
    )
  return commit.tree
}

/** Which share of the lines that the agent added at a stage a later tree still has. */
async function shareOf(ports: Ports, context: RolloutContext, stage: number, tree: string): Promise<number> {
  const result = await context.result(stage)
  const files = readPatch((await ports.store.getBlob(result!.patch)).toString('utf8'))
  const compared = []
  for (const { path, added } of files) {
    const content = await context.repository.readFile(tree, path)
    compared.push({ added, present: content?.toString('utf8').split('\n') ?? [] })
  }
  return survivingShare(compared)
}

/** As many paths as a reason has room for. */
function shorten(paths: readonly string[]): string {
  const shown = paths.slice(0, 10).join(', ')
  return paths.length > 10 ? `${shown} and ${paths.length - 10} more` : shown
}
