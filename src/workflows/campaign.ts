import {
  condition,
  continueAsNew,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  startChild,
  WorkflowIdReusePolicy,
  workflowInfo,
  type ChildWorkflowHandle,
} from '@temporalio/workflow'
import type { Activities } from '../activities/activities.ts'
import { splitRollout, workflowId } from '../domain/identifiers.ts'
import {
  campaignQuery,
  MOST_RESTARTS,
  newsSignal,
  searchAttribute,
  type CampaignInput,
  type CampaignState,
  type ChainNews,
} from './messages.ts'
import { mineRepository } from './mineRepository.ts'
import { prChain } from './prChain.ts'
import { BRIEF } from './retry.ts'

const SHOWN = 50
const NEWS_KEPT = 100
const LONGEST_LINE = 300

/**
 * Many chains: mines what has to be mined, runs rollouts in a window, counts how they end, and writes the samples. A
 * chain that failed is waited for while `resumeFailedChains` may still start it again. Continues as new when its history
 * is long, after its window has run dry.
 */
export async function campaign(input: CampaignInput): Promise<CampaignState> {
  const { name } = input
  const acts = proxyActivities<Activities>(BRIEF)
  const open = new Set<string>()
  const ended = new Set<string>()
  const failed = new Set<string>()
  const state: CampaignState = input.carried?.state ?? {
    name,
    status: 'mining',
    chains: { total: 0, waiting: 0, running: 0, ended: 0 },
    funnel: { pullRequests: 0, references: 0, chains: 0, stages: 0, rounds: 0, accepted: 0, samples: 0 },
    open: [],
    parked: [],
    failed: [],
    endings: {},
    news: [],
    firstNews: 0,
    samplesPath: null,
  }
  setHandler(campaignQuery, () => state)
  setHandler(newsSignal, hear)

  const asked = await acts.readCampaign({ name })
  if (!input.carried) {
    for (const repository of asked.repositories) {
      note(`mining ${repository}`)
      const mined = await executeChild(mineRepository, {
        workflowId: `${workflowId.mine(repository)}/${name}`,
        args: [{ repository, mirrors: asked.mirrors, min: 2, max: 5 }],
        staticSummary: `mine ${repository} for campaign ${name}`,
      })
      note(
        `${repository}: ${mined.pullRequests} pull requests, ${mined.references} references, ${mined.chains.length} chains`,
      )
    }
    const plan = await acts.planCampaign({ name })
    Object.assign(state.funnel, {
      pullRequests: plan.pullRequests,
      references: plan.references,
      chains: plan.chains,
      stages: plan.stages,
    })
    state.chains.total = plan.rollouts
    state.status = 'running'
  }

  let next = input.carried?.next ?? 0
  let isDraining = false
  while (next < state.chains.total || open.size > 0) {
    if (!isDraining && next < state.chains.total && open.size < asked.concurrency) {
      const { rollouts } = await acts.listRollouts({
        name,
        from: next,
        count: Math.min(asked.concurrency - open.size, SHOWN),
      })
      for (const rollout of rollouts) await begin(rollout)
      next += rollouts.length
      continue
    }
    if (isDraining && open.size === 0) return continueAsNew<typeof campaign>({ name, carried: { next, state } })
    const size = open.size
    await condition(() => open.size < size || workflowInfo().continueAsNewSuggested)
    isDraining ||= workflowInfo().continueAsNewSuggested
  }

  const written = await acts.writeSamples({ name })
  state.samplesPath = written.path
  state.funnel.samples = written.samples
  state.status = 'done'
  show()
  return state

  async function begin(rollout: string): Promise<void> {
    open.add(rollout)
    show()
    const handle = await startChild(prChain, {
      workflowId: workflowId.chain(rollout),
      args: [{ rollout, restarts: 0 }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
      memo: { rollout, restarts: 0 },
      typedSearchAttributes: [
        { key: searchAttribute.campaign, value: name },
        { key: searchAttribute.chain, value: splitRollout(rollout).chain },
        { key: searchAttribute.chainStatus, value: 'planning' },
        { key: searchAttribute.needsAttention, value: false },
      ],
      staticSummary: `rollout ${rollout}`,
    })
    void watch(rollout, handle)
  }

  /** Notices ends that a chain cannot tell: time-outs and terminations. */
  async function watch(rollout: string, handle: ChildWorkflowHandle<typeof prChain>): Promise<void> {
    try {
      await handle.result()
    } catch (error) {
      if (isCancellation(error) || ended.has(rollout)) return
      const isTerminated = (error as { cause?: Error }).cause?.name === 'TerminatedFailure'
      if (isTerminated) close(rollout, { ending: 'cancelled', stagesAccepted: 0, rounds: 0, hasSample: false })
      else fail(rollout)
    }
  }

  function hear(news: ChainNews): void {
    const chain = news.rollout.slice(name.length + 1)
    switch (news.kind) {
      case 'stage': {
        const score = news.score === null ? '' : `, score ${news.score.toFixed(2)}`
        const outcome = news.isAccepted ? 'accepted' : 'refused'
        note(`${chain}: stage ${news.stage + 1} (#${news.number}) ${outcome} after ${news.rounds} round(s)${score}`)
        break
      }
      case 'parked':
        state.parked = [
          ...state.parked.filter((one) => one.rollout !== news.rollout),
          { rollout: news.rollout, reason: news.reason.slice(0, LONGEST_LINE) },
        ].slice(-SHOWN)
        note(`${chain}: needs attention: ${news.reason}`)
        break
      case 'resumed':
        state.parked = state.parked.filter((one) => one.rollout !== news.rollout)
        note(`${chain}: goes on`)
        break
      case 'ended':
        state.parked = state.parked.filter((one) => one.rollout !== news.rollout)
        if (news.ending === 'failed' && news.restarts < MOST_RESTARTS) {
          note(`${chain}: failed: ${news.reason}; it will be started again`)
          fail(news.rollout)
        } else {
          note(`${chain}: ${news.ending}${news.reason ? `: ${news.reason}` : ''}`)
          close(news.rollout, news)
        }
        break
      default:
        news satisfies never
    }
    show()
  }

  function fail(rollout: string): void {
    if (!ended.has(rollout)) failed.add(rollout)
    show()
  }

  function close(
    rollout: string,
    how: Pick<Extract<ChainNews, { kind: 'ended' }>, 'ending' | 'stagesAccepted' | 'rounds' | 'hasSample'>,
  ): void {
    if (ended.has(rollout)) return
    ended.add(rollout)
    open.delete(rollout)
    failed.delete(rollout)
    state.endings[how.ending] = (state.endings[how.ending] ?? 0) + 1
    state.chains.ended++
    state.funnel.rounds += how.rounds
    state.funnel.accepted += how.stagesAccepted
    if (how.hasSample) state.funnel.samples++
    show()
  }

  function note(line: string): void {
    state.news.push(line.slice(0, LONGEST_LINE))
    const surplus = state.news.length - NEWS_KEPT
    if (surplus > 0) {
      state.news.splice(0, surplus)
      state.firstNews += surplus
    }
    show()
  }

  function show(): void {
    state.open = [...open].slice(0, SHOWN)
    state.failed = [...failed].slice(0, SHOWN)
    state.chains.running = open.size
    state.chains.waiting = state.chains.total - state.chains.ended - open.size
    const { chains, funnel } = state
    const lines = [
      `**${state.status}**: ${chains.ended} of ${chains.total} rollouts ended, ${chains.running} run, ${state.parked.length} need attention`,
      '',
      `${funnel.pullRequests} pull requests, ${funnel.chains} chains, ${funnel.stages} stages, ${funnel.rounds} rounds, ${funnel.accepted} accepted, ${funnel.samples} samples`,
      '',
      ...state.news.slice(-6).map((line) => `- ${line}`),
    ]
    setCurrentDetails(lines.join('\n'))
  }
}
