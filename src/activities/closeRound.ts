import { judgeCallKey, recordKey, splitRound, type RoundId } from '../domain/identifiers.ts'
import { z } from 'zod'
import { findLeaks, maskLeaks } from '../domain/leak.ts'
import { readJson } from '../domain/query.ts'
import { describeTests, isAccepted, passedTests, ruleFor } from '../domain/verdict.ts'
import type { Message } from '../formats/chat.ts'
import type { BlobRef } from '../formats/common.ts'
import type { Capture, RoundEnding, RoundTests, Verdict } from '../formats/rollout.ts'
import type { Fence } from '../record/fence.ts'
import { InvalidInputError, ReplyUnreadableError, type RolloutInput, type Scope } from './edge.ts'
import type { Ports } from './ports.ts'
import { openRollout, requireModel, type RolloutContext } from './rolloutContext.ts'
import { groundOf } from './ground.ts'
import { openStageSandbox } from './stageSandbox.ts'
import { runStageTests } from './stageTests.ts'
import { stageSecret } from './planRollout.ts'

const TRIES_FOR_FORM = 3

/** The input of the activities that close a round. */
export interface RoundInput extends RolloutInput {
  stage: number
  round: number
}

/** Takes the agent's whole tree and its patch against S_init out of the sandbox. Once for a round. */
export async function captureRound(
  ports: Ports,
  input: Omit<RoundInput, 'round'> & { round: RoundId; ending: RoundEnding },
  scope: Scope & { fence: Fence },
): Promise<{ files: number; patchBytes: number }> {
  const { stage, round, ending } = input
  const context = await openRollout(ports, input.rollout)
  const key = recordKey.round(context.id, stage, round, 'capture')
  const known = await ports.store.getRecord<Capture>(key)
  const captured = known ?? (await take())
  return { files: captured.changes.length, patchBytes: (await ports.store.getBlob(captured.patch)).length }

  async function take(): Promise<Capture> {
    const { repository } = context
    const ground = await groundOf(ports, context, stage, splitRound(round).phase)
    const { sandbox, life } = await openStageSandbox({ ports, context, ground, fence: scope.fence, scope })
    const initialTree = ground.tree
    const taken = await repository.captureTree(await sandbox.readRepository(), {
      initialTree,
      limitBytes: ports.limits.fileBytes,
    })
    const leftOut: Capture['leftOut'] = [...taken.leftOut]
    let { tree } = taken
    if (life.setupTree) {
      const asSetup = await unchangedSinceSetup({ context, initialTree, setupTree: life.setupTree, tree })
      tree = await repository.withPathsFrom(tree, initialTree, asSetup)
      leftOut.push(...asSetup.map((path) => ({ path, reason: 'setup' })))
    }
    const patch = await ports.store.putBlob(await repository.patch(initialTree, tree))
    const changes = await repository.changes(initialTree, tree)
    await scope.fence.check()
    const made: Capture = { format: 'prchain.capture/1', ending, tree, patch, changes, leftOut }
    return (await ports.store.putRecord(key, made)).value
  }
}

/** Paths that the environment's setup made or changed and that still are as it left them. */
async function unchangedSinceSetup(options: {
  context: RolloutContext
  initialTree: string
  setupTree: string
  tree: string
}): Promise<string[]> {
  const { context, initialTree, setupTree, tree } = options
  const bySetup = await context.repository.changes(initialTree, setupTree)
  const since = new Set(
    (await context.repository.changes(setupTree, tree)).flatMap((change) => [change.path, change.oldPath]),
  )
  return bySetup
    .flatMap((change) => (change.oldPath ? [change.path, change.oldPath] : [change.path]))
    .filter((path) => !since.has(path))
}

/** Runs the stage's tests on the agent's tree in a separate sandbox. Null without a valid environment. Once for a round. */
export async function testRound(
  ports: Ports,
  input: RoundInput,
  scope: Scope & { fence: Fence },
): Promise<{ stillFailing: number; broken: number; failToPass: number } | null> {
  const { stage, round } = input
  const context = await openRollout(ports, input.rollout)
  const { before } = await context.state(stage)
  if (!before) return null
  const key = recordKey.round(context.id, stage, round, 'tests')
  let tests = await ports.store.getRecord<RoundTests>(key)
  if (!tests) {
    const { tree } = await captureOf(ports, context, stage, round)
    const report = await runStageTests({
      ports,
      context,
      stage,
      tree,
      purpose: `after-${round}`,
      scope,
    })
    const passed = passedTests(report)
    const brokenBefore = new Set([...before.brokenByCarryOver, ...before.undisclosed.map(({ id }) => id)])
    await scope.fence.check()
    const made: RoundTests = {
      format: 'prchain.round-tests/1',
      report,
      stillFailing: before.failToPass.filter((id) => !passed.has(id)),
      broken: before.passToPass.filter((id) => !passed.has(id) && !brokenBefore.has(id)),
    }
    tests = (await ports.store.putRecord(key, made)).value
  }
  return { stillFailing: tests.stillFailing.length, broken: tests.broken.length, failToPass: before.failToPass.length }
}

/**
 * Reaches the verdict on a round: asks the judge by the stage's rule, applies the rule, and writes the feedback for the
 * next round, leak-checked. Once for a round. (The paper's step E.)
 */
export async function judgeRound(
  ports: Ports,
  input: RoundInput,
  scope: Scope & { fence: Fence },
): Promise<{ isAccepted: boolean; score: number | null; rule: string }> {
  const { stage, round } = input
  const context = await openRollout(ports, input.rollout)
  const key = recordKey.round(context.id, stage, round, 'verdict')
  let verdict = await ports.store.getRecord<Verdict>(key)
  if (!verdict) {
    const made = await reach()
    await scope.fence.check()
    verdict = (await ports.store.putRecord(key, made)).value
  }
  return { isAccepted: verdict.isAccepted, score: verdict.score, rule: verdict.rule }

  async function reach(): Promise<Verdict> {
    const { settings } = context
    const { before } = await context.state(stage)
    const tests = await ports.store.getRecord<RoundTests>(recordKey.round(context.id, stage, round, 'tests'))
    const rule = ruleFor(settings.accept, before !== null)
    if (rule === null)
      throw new InvalidInputError(`stage ${stage} of rollout ${context.id} has no valid environment to accept by tests`)
    const { patch } = await captureOf(ports, context, stage, round)
    const hasPassedTests = tests
      ? tests.report.status === 'completed' && tests.stillFailing.length === 0 && tests.broken.length === 0
      : null
    const judged = rule === 'tests' ? null : await askJudge(patch)
    const accepted = isAccepted({ rule, threshold: settings.threshold, score: judged?.score ?? null, hasPassedTests })
    const comment = judged?.comment ?? ''
    const told = accepted
      ? { feedback: '', masked: [] }
      : await writeFeedback(comment, tests, before?.failToPass.length ?? 0)
    return {
      format: 'prchain.verdict/1',
      isAccepted: accepted,
      rule,
      threshold: settings.threshold,
      score: judged?.score ?? null,
      comment,
      judgeCall: judged?.key ?? null,
      rawReply: judged?.rawReply ?? null,
      patch,
      hasPassedTests: rule === 'judge' ? null : hasPassedTests,
      ...told,
    }
  }

  async function askJudge(patch: BlobRef): Promise<{ score: number; comment: string; key: string; rawReply: BlobRef }> {
    requireModel(ports, context)
    const { settings } = context
    const text = async (ref: BlobRef) => (await ports.store.getBlob(ref)).toString('utf8').trimEnd()
    const prompt = ports.prompts.fill('judge', {
      query: (await context.queries()).stages[stage]!.query,
      reference: await text(context.stage(stage).patch),
      patch: await text(patch),
    })
    const play = { role: 'judge', chain: context.chain.id, rollout: context.id, stage, round } as const
    const messages: Message[] = [{ role: 'user', content: prompt }]
    let malformed = 0
    for (let ordinal = 0; ; ordinal++) {
      const call = judgeCallKey(context.id, stage, round, ordinal)
      scope.report({ judging: `stage ${stage + 1}, round ${round}`, ask: ordinal + 1 })
      const request = { model: settings.judgeModel, messages: [...messages], temperature: 0, seed: settings.seed }
      const { reply, isStored } = await ports.complete({
        key: call,
        request,
        prefix: null,
        play,
        fence: scope.fence,
        signal: scope.signal,
        onUnstored: (unstored) => scope.report({ unstored }),
      })
      const read = readJson(reply.message.content, judgeReply)
      const rawReply = await ports.store.putBlob(reply.message.content)
      if (read) return { ...read, key: call, rawReply }
      if (!isStored) malformed++
      if (malformed >= TRIES_FOR_FORM) {
        throw new ReplyUnreadableError(
          `judge reply is not JSON (rollout ${context.id}, stage ${stage}, round ${round}, ${malformed} asks); raw reply in ${rawReply}`,
        )
      }
      messages.push(reply.message, {
        role: 'user',
        content: 'That is not the JSON object that was asked for. Answer with it and nothing else.',
      })
    }
  }

  async function writeFeedback(comment: string, tests: RoundTests | null, failToPass: number) {
    const secret = await stageSecret(ports, context, stage)
    const described = tests
      ? describeTests({ failToPass, stillFailing: tests.stillFailing.length, broken: tests.broken })
      : ''
    const leaks = findLeaks(comment, secret)
    const feedback = ports.prompts.fill('refine', { comment: maskLeaks(comment, leaks), tests: described })
    return { feedback, masked: leaks.map((leak) => leak.text) }
  }
}

const judgeReply = z.object({ score: z.number().min(0).max(1), comment: z.string() })

/** The capture of a round, with its tree in the scratch store again if that was lost. */
export async function captureOf(
  ports: Ports,
  context: RolloutContext,
  stage: number,
  round: RoundId,
): Promise<Capture> {
  const captured = await ports.store.getRecord<Capture>(recordKey.round(context.id, stage, round, 'capture'))
  if (!captured)
    throw new InvalidInputError(`rollout ${context.id}, stage ${stage}, round ${round} was not captured yet`)
  if (!(await context.repository.has(captured.tree))) {
    const ground = await groundOf(ports, context, stage, splitRound(round).phase)
    await context.repository.applyPatch(ground.tree, await ports.store.getBlob(captured.patch))
  }
  return captured
}
