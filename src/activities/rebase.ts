import { hasMarker } from '../domain/conflict.ts'
import { rebaseRound, recordKey } from '../domain/identifiers.ts'
import { renderRebase, renderRebaseFeedback } from '../domain/opening.ts'
import { passedTests } from '../domain/verdict.ts'
import type { CarryOver, Rebase, RebaseCheck } from '../formats/carryOver.ts'
import type { EnvironmentResult } from '../formats/rollout.ts'
import type { Fence } from '../record/fence.ts'
import { captureOf } from './closeRound.ts'
import { undisclosedTests } from './disclosure.ts'
import type { RolloutInput, Scope } from './edge.ts'
import { rebaseOf } from './ground.ts'
import type { Ports } from './ports.ts'
import { openRollout, type RolloutContext } from './rolloutContext.ts'
import { runStageTests } from './stageTests.ts'

const LARGEST_TEXT_BYTES = 10 * 1024 * 1024

/** Puts a stage's rebase round on record: the tree with both sides, and the message that asks to reconcile them. Once. */
export async function openRebase(options: {
  ports: Ports
  context: RolloutContext
  stage: number
  carried: { tree: string; carryOver: CarryOver }
  study: EnvironmentResult | null
  fence: Fence
}): Promise<void> {
  const { ports, context, stage, carried, study, fence } = options
  const key = recordKey.rebase(context.id, stage)
  if (await ports.store.getRecord<Rebase>(key)) return
  const made: Rebase = {
    format: 'prchain.rebase/1',
    rollout: context.id,
    stage,
    number: context.stage(stage).number,
    tree: carried.tree,
    carryOver: carried.carryOver,
    opening: renderRebase(carried.carryOver),
    passToPass: study?.isValid ? study.passToPass : null,
  }
  await fence.check()
  await ports.store.putRecord(key, made)
}

/**
 * Whether a try of a stage's rebase round is done: no conflict marker is left in any file, and the stage's pass-to-pass
 * tests pass, but for those that fail only for names no query disclosed. Once for a try.
 */
export async function checkRebase(
  ports: Ports,
  input: RolloutInput & { stage: number; n: number },
  scope: Scope & { fence: Fence },
): Promise<{ isDone: boolean; markers: number; broken: number }> {
  const { stage, n } = input
  const context = await openRollout(ports, input.rollout)
  const key = recordKey.round(context.id, stage, rebaseRound(n), 'rebase-check')
  let check = await ports.store.getRecord<RebaseCheck>(key)
  if (!check) {
    const made = await look(ports, context, { stage, n, scope })
    await scope.fence.check()
    check = (await ports.store.putRecord(key, made)).value
  }
  return { isDone: check.isDone, markers: check.markers.length, broken: check.broken.length }
}

async function look(
  ports: Ports,
  context: RolloutContext,
  { stage, n, scope }: { stage: number; n: number; scope: Scope },
): Promise<RebaseCheck> {
  const { tree } = await captureOf(ports, context, stage, rebaseRound(n))
  const { passToPass, carryOver } = await rebaseOf(ports, context, stage)
  const changed = (await context.repository.changes(context.stage(stage).baseSha, tree)).map(({ path }) => path)
  const markers: string[] = []
  for (const path of new Set([...carryOver.conflicts.map((conflict) => conflict.path), ...changed])) {
    const content = await context.repository.readFile(tree, path)
    if (content && content.length <= LARGEST_TEXT_BYTES && hasMarker(content.toString('latin1'))) markers.push(path)
  }
  markers.sort()
  // Code with markers in it does not run: its tests would say nothing more.
  const report =
    passToPass === null || markers.length > 0
      ? null
      : await runStageTests({ ports, context, stage, tree, purpose: `rebase-${n}`, scope })
  const passed = report ? passedTests(report) : null
  const undisclosed = report ? await undisclosedTests(ports, context, stage, report) : []
  const leftOut = new Set(undisclosed.map(({ id }) => id))
  const broken = passed ? passToPass!.filter((id) => !passed.has(id) && !leftOut.has(id)) : []
  const isDone = markers.length === 0 && broken.length === 0 && (report === null || report.status === 'completed')
  return {
    format: 'prchain.rebase-check/1',
    isDone,
    markers,
    broken,
    undisclosed,
    report,
    feedback: isDone ? '' : renderRebaseFeedback({ markers, broken, hasRun: report?.status === 'completed' }),
  }
}

/** How many tries the rebase round of a stage took; 0 where there was none. */
export async function countRebases(
  ports: Pick<Ports, 'store'>,
  context: RolloutContext,
  stage: number,
): Promise<number> {
  for (let n = 0; ; n++) {
    const key = recordKey.round(context.id, stage, rebaseRound(n), 'rebase-check')
    if (!(await ports.store.getRecord<RebaseCheck>(key))) return n
  }
}
