import { survivingShare } from '../domain/carryOver.ts'
import { recordKey, rebaseRound } from '../domain/identifiers.ts'
import { readPatch } from '../domain/patch.ts'
import type { CarryOver, Rebase, RebaseCheck } from '../formats/carryOver.ts'
import type { Capture } from '../formats/rollout.ts'
import type { MergeOutcome } from '../git/port.ts'
import { InvalidInputError } from './edge.ts'
import type { Ports } from './ports.ts'
import type { RolloutContext } from './rolloutContext.ts'

/** S_init(t) as carry-over makes it, or the conflict that stands in its way, with both sides in the tree. */
export type Carried =
  | { status: 'carried'; tree: string; carryOver: CarryOver }
  | { status: 'conflict'; tree: string; carryOver: CarryOver }

/**
 * S_init(t) = B_t ⊕ Δτ(t−1). `substitute`: a three-way merge with base H(t−1), ours B_t, theirs A(t−1), so that the
 * agent's whole tree takes the place of the humans'. `replay`: A(t−1) itself; nothing else of the humans' comes in.
 * `overlay`: the agent's patch of t−1 applied to B_t, merged where it does not apply. A conflict is decided as the
 * rollout's settings say; one that a rebase round has reconciled is that round's tree. (The paper's step C.)
 */
export async function carryInto(ports: Ports, context: RolloutContext, stage: number): Promise<Carried> {
  const { repository, settings } = context
  const base = await treeOf(context, context.stage(stage).baseSha)
  const untouched: CarryOver = {
    policy: 'none',
    upstreamTests: [],
    undisclosedTests: [],
    movedUpstream: [],
    conflicts: [],
    decidedBy: null,
    survivingShare: 1,
  }
  if (stage === 0) return { status: 'carried', tree: base, carryOver: untouched }

  const previous = context.stage(stage - 1)
  const agentTree = await agentTreeOf(ports, context, stage - 1)
  const human = await treeOf(context, previous.resultSha)
  const carryOver: CarryOver = { ...untouched, policy: settings.carry }
  if (settings.carry === 'replay') return { status: 'carried', tree: agentTree, carryOver }

  // The agent never saw these, so upstream's are no collision; with them left out a third of real merges conflict.
  const upstreamTests = previous.testFiles
  const theirs = await repository.withPathsFrom(agentTree, previous.resultSha, upstreamTests)
  const merged =
    settings.carry === 'substitute'
      ? await repository.mergeTrees({ base: human, ours: base, theirs })
      : await overlay(context, { stage, base, theirs })
  Object.assign(carryOver, { upstreamTests, movedUpstream: await repository.changes(human, base) })
  if (merged.kind === 'clean') return carried(merged.tree, null)

  carryOver.conflicts = merged.conflicts
  switch (settings.onConflict) {
    case 'agent':
      return carried(await repository.resolveConflicts(merged, 'theirs'), 'agent')
    case 'upstream':
      return carried(await repository.resolveConflicts(merged, 'ours'), 'upstream')
    case 'end':
      return { status: 'conflict', tree: merged.tree, carryOver }
    case 'rebase': {
      const reconciled = await reconciledTree(ports, context, stage, merged.tree)
      return reconciled === null ? { status: 'conflict', tree: merged.tree, carryOver } : carried(reconciled, 'rebase')
    }
    default:
      return settings.onConflict satisfies never
  }

  async function carried(tree: string, decidedBy: CarryOver['decidedBy']): Promise<Carried> {
    const share = await shareOf(ports, context, stage - 1, tree)
    return { status: 'carried', tree, carryOver: { ...carryOver, decidedBy, survivingShare: share } }
  }
}

/** The literal application of the agent's last patch; where it does not apply, the merge that it stands for. */
async function overlay(
  context: RolloutContext,
  { stage, base, theirs }: { stage: number; base: string; theirs: string },
): Promise<MergeOutcome> {
  const { repository } = context
  const { initialTree } = await context.state(stage - 1)
  const { resultSha, testFiles } = context.stage(stage - 1)
  const start = await repository.withPathsFrom(initialTree, resultSha, testFiles)
  try {
    return { kind: 'clean', tree: await repository.applyPatch(base, await repository.patch(start, theirs)) }
  } catch (error) {
    if ((error as { kind?: string }).kind !== 'does-not-apply') throw error
    return repository.mergeTrees({ base: start, ours: base, theirs })
  }
}

/** The tree of a rebase round that is done, or null. Made again from its patch when the scratch store lost it. */
async function reconciledTree(
  ports: Ports,
  context: RolloutContext,
  stage: number,
  conflictTree: string,
): Promise<string | null> {
  for (let n = 0; ; n++) {
    const check = await ports.store.getRecord<RebaseCheck>(
      recordKey.round(context.id, stage, rebaseRound(n), 'rebase-check'),
    )
    if (!check) return null
    if (!check.isDone) continue
    const captured = await ports.store.getRecord<Capture>(recordKey.round(context.id, stage, rebaseRound(n), 'capture'))
    if (!(await context.repository.has(captured!.tree))) {
      const start = await ports.store.getRecord<Rebase>(recordKey.rebase(context.id, stage))
      await context.repository.applyPatch(start?.tree ?? conflictTree, await ports.store.getBlob(captured!.patch))
    }
    return captured!.tree
  }
}

/** A(t): from the scratch store, or made again from S_init and the recorded patch when that was lost. */
export async function agentTreeOf(ports: Ports, context: RolloutContext, stage: number): Promise<string> {
  const result = await context.result(stage)
  if (!result) throw new InvalidInputError(`stage ${stage} of rollout ${context.id} has no result yet`)
  if (await context.repository.has(result.tree)) return result.tree
  const initial = await initialTreeOf(ports, context, stage)
  const made = await context.repository.applyPatch(initial, await ports.store.getBlob(result.patch))
  if (made !== result.tree) {
    throw new InvalidInputError(
      `the patch of rollout ${context.id}, stage ${stage} gives tree ${made}, not ${result.tree} as recorded`,
    )
  }
  return made
}

/** S_init(t) of a prepared stage, made again when the scratch store lost it. */
export async function initialTreeOf(ports: Ports, context: RolloutContext, stage: number): Promise<string> {
  const state = await context.state(stage)
  if (await context.repository.has(state.initialTree)) return state.initialTree
  const carried = await carryInto(ports, context, stage)
  const paths = state.carryOver.undisclosedTests.map(({ path }) => path)
  const tree = await withoutUndisclosed(ports, context, { stage, tree: carried.tree, paths })
  if (tree === state.initialTree) return tree
  throw new InvalidInputError(
    `S_init of rollout ${context.id}, stage ${stage} was ${state.initialTree} and is ${tree} now: the mirror of ${context.chain.repository} changed under the rollout`,
  )
}

/** A tree with some of the previous stage's test files as the agent left them, in place of upstream's. */
export async function withoutUndisclosed(
  ports: Ports,
  context: RolloutContext,
  { stage, tree, paths }: { stage: number; tree: string; paths: string[] },
): Promise<string> {
  if (paths.length === 0) return tree
  return context.repository.withPathsFrom(tree, await agentTreeOf(ports, context, stage - 1), paths)
}

async function treeOf(context: RolloutContext, sha: string): Promise<string> {
  const commit = await context.repository.commit(sha)
  if (commit) return commit.tree
  throw new InvalidInputError(
    `commit ${sha} of chain ${context.chain.id} is not in the mirror of ${context.chain.repository}; fetch the mirror anew`,
  )
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
