import {
  ApplicationFailure,
  CancellationScope,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow'
import type { Activities } from '../activities/activities.ts'
import type { Prepared } from '../activities/prepareStage.ts'
import { rebaseRound, splitRollout, workflowId, type RoundId } from '../domain/identifiers.ts'
import { spentBy } from '../domain/roundEnding.ts'
import type { Ending } from '../formats/rollout.ts'
import { ChainSteps } from './chainSteps.ts'
import { firstState, renderChain } from './chainView.ts'
import { reasonOf, typeOf } from './failures.ts'
import {
  MOST_RESTARTS,
  newsSignal,
  resumeSignal,
  resumeUpdate,
  searchAttribute,
  stateQuery,
  type ChainNews,
  type PrChainInput,
  type ResumeRequest,
} from './messages.ts'
import type { ChainState } from '../formats/state.ts'
import { HEARTBEATING, PARK_LADDER } from './retry.ts'

/**
 * One rollout of one chain: plan, then for each stage prepare, rounds of slices with capture, tests and verdict, and
 * at the end the sample. Infrastructure that stays away parks it; a failure that nothing here can mend fails it, and
 * `resumeFailedChains` starts it again from the last accepted stage.
 */
export async function prChain(
  input: PrChainInput,
): Promise<{ ending: Ending; stagesAccepted: number; rounds: number; hasSample: boolean }> {
  const { rollout, restarts, epoch } = input
  const { campaign } = splitRollout(rollout)
  const state = firstState(input)
  const steps = new ChainSteps({ rollout, epoch, park })
  let isResumed = false

  setHandler(stateQuery, () => state)
  setHandler(
    resumeUpdate,
    (_request: ResumeRequest) => {
      isResumed = true
      return `${rollout} goes on: ${state.doing}`
    },
    {
      validator: (_request: ResumeRequest) => {
        if (!state.attention) throw ApplicationFailure.nonRetryable(`${rollout} is not waiting: it is ${state.status}`)
      },
    },
  )
  setHandler(resumeSignal, () => {
    if (state.attention) isResumed = true
  })

  try {
    return await play()
  } catch (error) {
    if (isCancellation(error))
      return await CancellationScope.nonCancellable(() => end('cancelled', 'cancelled by request'))
    const reason = reasonOf(error)
    show({ status: 'failed', doing: reason })
    upsertSearchAttributes([{ key: searchAttribute.chainStatus, value: 'failed' }])
    const closing = await closeFailed(reason)
    await tell({ kind: 'ended', rollout, ending: 'failed', reason, ...closing, restarts })
    throw ApplicationFailure.create({ type: typeOf(error), message: reason, nonRetryable: true })
  }

  /** A chain that will not be started again is put on record, with the sample of what was accepted, as far as that can be. */
  async function closeFailed(reason: string): Promise<{ stagesAccepted: number; rounds: number; hasSample: boolean }> {
    const nothing = { stagesAccepted: 0, rounds: 0, hasSample: false }
    if (restarts < MOST_RESTARTS) return nothing
    const acts = proxyActivities<Activities>({ ...HEARTBEATING, scheduleToCloseTimeout: '10m', summary: 'end: failed' })
    try {
      const { stagesAccepted, rounds, hasSample } = await acts.endRollout({
        ...steps.next(),
        ending: 'failed',
        reason,
      })
      return { stagesAccepted, rounds, hasSample }
    } catch {
      return nothing
    }
  }

  async function play() {
    if (restarts > 0) upsertSearchAttributes([{ key: searchAttribute.chainStatus, value: 'planning' }])
    const plan = await steps.run('plan: overview and queries', (acts, at) => acts.planRollout({ ...at }))
    state.stages = plan.stages.map(({ number, title }, index) => {
      const done = plan.accepted[index]
      return {
        number,
        title,
        status: done ? 'accepted' : 'waiting',
        rounds: done?.rounds ?? 0,
        score: done?.score ?? null,
      }
    })
    show({ status: 'running', doing: plan.isScripted ? 'with the scripted model, a stand-in' : 'under way' })
    upsertSearchAttributes([
      { key: searchAttribute.repository, value: plan.repository },
      { key: searchAttribute.chain, value: plan.chain },
      { key: searchAttribute.scaffold, value: plan.scaffold },
      { key: searchAttribute.chainStatus, value: 'running' },
    ])

    for (let stage = plan.accepted.length; stage < plan.stages.length; stage++) {
      const outcome = await playStage(stage, plan.refinements)
      if (outcome.status === 'accepted') {
        const left = plan.stages.length - stage - 1
        if (left === 0 || spentBy(outcome.ending) !== 'chain') continue
        return end('partial', `the rollout's limit is spent (${outcome.ending}): ${left} stage(s) were not begun`)
      }
      if (outcome.status !== 'rejected')
        return end(stage > 0 && outcome.status === 'environment-invalid' ? 'partial' : outcome.status, outcome.reason)
      return end(stage > 0 ? 'partial' : 'rejected', outcome.reason)
    }
    return end('accepted', '')
  }

  async function playStage(stage: number, refinements: number) {
    const own = state.stages[stage]!
    const title = `stage ${stage + 1}/${state.stages.length} #${own.number}`
    own.status = 'running'
    show({ stage, round: 0, doing: `${title}: preparing` })
    upsertSearchAttributes([
      { key: searchAttribute.stage, value: stage + 1 },
      { key: searchAttribute.round, value: 0 },
    ])
    let prepared = await prepare(stage, title)
    if (prepared.status === 'rebase') {
      const { tries, reason } = prepared
      steps.place = prepared.place
      const fault = await playRebase(stage, title, tries)
      if (fault !== null) return { status: 'carry-over-lost' as const, reason: `${reason}; ${fault}` }
      prepared = await prepare(stage, title)
    }
    if (prepared.status === 'rebase')
      throw ApplicationFailure.nonRetryable(`${title} conflicts again after its rebase round`)
    if (prepared.status !== 'ready') return { status: prepared.status, reason: prepared.reason }
    steps.place = prepared.place

    for (let round = 0; ; round++) {
      const name = `${title}, round ${round}`
      show({ stage, round, doing: `${name}: the agent works` })
      if (round > 0) upsertSearchAttributes([{ key: searchAttribute.round, value: round }])
      const ending = await playRound(stage, round, name)
      const captured = await steps.runAtPlace(`${name}: capture`, (acts, at) =>
        acts.captureRound({ ...at, stage, round, ending }),
      )
      show({ doing: `${name}: tests and verdict on ${captured.files} file(s)` })
      const tests = prepared.hasEnvironment
        ? await steps.run(`${name}: tests`, (acts, at) => acts.testRound({ ...at, stage, round }))
        : null
      const verdict = await steps.run(`${name}: verdict`, (acts, at) => acts.judgeRound({ ...at, stage, round }))
      own.rounds = round + 1
      own.score = verdict.score
      if (verdict.score !== null) upsertSearchAttributes([{ key: searchAttribute.score, value: verdict.score }])
      // Where a limit is spent, another round would end before its first step.
      const isSpent = spentBy(ending) !== null
      if (!verdict.isAccepted && round < refinements && !isSpent) continue

      own.status = verdict.isAccepted ? 'accepted' : 'rejected'
      await steps.runAtPlace(`${title}: ${own.status} after ${round + 1} round(s)`, (acts, at) =>
        acts.endStage({ ...at, stage, rounds: round + 1 }),
      )
      await tell({
        kind: 'stage',
        rollout,
        stage,
        number: own.number,
        isAccepted: verdict.isAccepted,
        rounds: own.rounds,
        score: own.score,
      })
      if (verdict.isAccepted) return { status: 'accepted' as const, ending }
      const failing = tests ? `, ${tests.stillFailing} test(s) still fail and ${tests.broken} broke` : ''
      const limit = isSpent ? `, the last of which ended ${ending}` : ''
      return {
        status: 'rejected' as const,
        reason: `stage ${stage + 1} (#${own.number}) was refused in ${round + 1} round(s)${limit}; last score ${verdict.score ?? 'none'}${failing}`,
      }
    }
  }

  function prepare(stage: number, title: string): Promise<Prepared> {
    return steps
      .run(`${title}: prepare`, (acts, at) => acts.prepareStage({ ...at, stage }))
      .catch((error: unknown) => {
        if (typeOf(error) !== 'EnvironmentInvalid') throw error
        return { status: 'environment-invalid' as const, reason: reasonOf(error) }
      })
  }

  /** The agent reconciles its work with what moved upstream. Says how often it tried, or null when it did. */
  async function playRebase(stage: number, title: string, tries: number): Promise<string | null> {
    for (let n = 0; n < tries; n++) {
      const name = `${title}, rebase round ${n}`
      show({ stage, round: 0, doing: `${name}: the agent reconciles its work with upstream` })
      const round = rebaseRound(n)
      const ending = await playRound(stage, round, name)
      await steps.runAtPlace(`${name}: capture`, (acts, at) => acts.captureRound({ ...at, stage, round, ending }))
      const check = await steps.run(`${name}: check`, (acts, at) => acts.checkRebase({ ...at, stage, n }))
      if (check.isDone) return null
      if (spentBy(ending) !== null) return `not reconciled in ${n + 1} round(s), the last of which ended ${ending}`
      show({ doing: `${name}: ${check.markers} file(s) with markers, ${check.broken} test(s) broken` })
    }
    return `not reconciled in ${tries} round(s)`
  }

  /** Runs slices until the round is over. */
  async function playRound(stage: number, round: RoundId, name: string) {
    for (;;) {
      const slice = await steps.runAtPlace(`${name}: agent, from step ${state.steps + 1}`, (acts, at) =>
        acts.runSlice({ ...at, stage, round }),
      )
      steps.place = slice.place ?? steps.place
      state.steps = slice.status === 'paused' ? slice.steps : 0
      if (slice.status === 'ended') return slice.ending
      show({ doing: `${name}: the agent works, ${slice.steps} steps done` })
    }
  }

  async function end(ending: Ending, reason: string) {
    const ended = await steps.run(`end: ${ending}`, (acts, at) => acts.endRollout({ ...at, ending, reason }))
    show({ status: ending, doing: reason || 'every stage accepted', attention: null })
    upsertSearchAttributes([
      { key: searchAttribute.chainStatus, value: ending },
      { key: searchAttribute.needsAttention, value: false },
    ])
    const { stagesAccepted, rounds, hasSample } = ended
    await tell({ kind: 'ended', rollout, ending, reason, stagesAccepted, rounds, hasSample, restarts })
    return { ending, stagesAccepted, rounds, hasSample }
  }

  /** Waits for a person or for time; each time in a row for longer. */
  async function park(reason: string, parkings: number): Promise<void> {
    const before = state.status
    const since = new Date().toISOString()
    isResumed = false
    const command = `prchain resume ${workflowInfo().workflowId}`
    show({ status: 'needs-attention', attention: { reason, since, command } })
    upsertSearchAttributes([
      { key: searchAttribute.chainStatus, value: 'needs-attention' },
      { key: searchAttribute.needsAttention, value: true },
    ])
    await tell({ kind: 'parked', rollout, reason })
    const wait = PARK_LADDER[Math.min(parkings, PARK_LADDER.length - 1)]!
    await condition(() => isResumed, wait)
    show({ status: before, attention: null })
    upsertSearchAttributes([
      { key: searchAttribute.chainStatus, value: before },
      { key: searchAttribute.needsAttention, value: false },
    ])
    await tell({ kind: 'resumed', rollout })
  }

  function show(changes: Partial<ChainState>): void {
    Object.assign(state, changes)
    setCurrentDetails(renderChain(state))
  }

  /** A campaign that has ended, or never was, is no reason to fail its chain. */
  async function tell(news: ChainNews): Promise<void> {
    try {
      await getExternalWorkflowHandle(workflowId.campaign(campaign)).signal(newsSignal, news)
    } catch (error) {
      if (isCancellation(error)) throw error
    }
  }
}
