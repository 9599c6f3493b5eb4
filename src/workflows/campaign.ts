import {
  CancellationScope,
  ChildWorkflowFailure,
  condition,
  continueAsNew,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  startChild,
  TerminatedFailure,
  WorkflowIdReusePolicy,
  workflowInfo,
  type ChildWorkflowHandle,
} from '@temporalio/workflow'
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common'
import type { Activities } from '../activities/activities.ts'
import type { Standing } from '../activities/lookUpChain.ts'
import { splitRollout, workflowId } from '../domain/identifiers.ts'
import { openLedger, renderCampaign } from './campaignLedger.ts'
import { reasonOf } from './failures.ts'
import {
  campaignQuery,
  MOST_RESTARTS,
  newsSignal,
  searchAttribute,
  type CampaignInput,
  type PrChainInput,
} from './messages.ts'
import type { CampaignState } from '../formats/state.ts'
import { mineRepository } from './mineRepository.ts'
import { prChain } from './prChain.ts'
import { BRIEF, HEARTBEATING } from './retry.ts'

const STARTED_AT_ONCE = 20
const LOOK_UP_EVERY = '30s'
/** How long open rollouts of a cancelled campaign are waited for before each is asked and looked up again. */
const CANCEL_LADDER = ['10s', '30s', '2m', '10m'] as const

/**
 * Many chains: mines what has to be mined, runs rollouts in a window, counts how they end, and writes the samples. A
 * chain that failed is waited for while `resumeFailedChains` may still start it again. Continues as new when its history
 * is long, after its window has run dry. Cancelled, it has its open rollouts cancelled, waits for their ends, writes the
 * samples of what was accepted, and ends as cancelled.
 */
export async function campaign(input: CampaignInput): Promise<CampaignState> {
  const { name } = input
  const acts = proxyActivities<Activities>(BRIEF)
  const ledger = openLedger({
    name,
    carried: input.carried?.state,
    onChange: (changed) => setCurrentDetails(renderCampaign(changed)),
  })
  const { state, open, unwatched } = ledger
  setHandler(campaignQuery, () => state)
  setHandler(newsSignal, (news) => ledger.hear(news))

  try {
    await play()
  } catch (error) {
    if (!isCancellation(error)) throw error
    await CancellationScope.nonCancellable(closeCancelled)
    throw error
  }
  return state

  async function play(): Promise<void> {
    const asked = await acts.readCampaign({ name })
    if (!input.carried) {
      for (const repository of asked.repositories) await mine(repository, asked.mirrors)
      const { rollouts, ...counted } = await acts.planCampaign({ name })
      Object.assign(state.funnel, counted)
      state.chains.total = rollouts
      ledger.become('running')
    }

    let next = input.carried?.next ?? 0
    let isDraining = false
    while (next < state.chains.total || open.size > 0) {
      if (!isDraining && next < state.chains.total && open.size < asked.concurrency) {
        const count = Math.min(asked.concurrency - open.size, STARTED_AT_ONCE)
        const { rollouts } = await acts.listRollouts({ name, from: next, count })
        for (const rollout of rollouts) {
          if (CancellationScope.current().consideredCancelled) break
          // A start is not broken off: what it started has to be known when the campaign is cancelled.
          await CancellationScope.nonCancellable(() => begin(rollout))
        }
        next += rollouts.length
        continue
      }
      if (isDraining && open.size === 0) return continueAsNew<typeof campaign>({ name, carried: { next, state } })
      const size = open.size
      const hasMoved = () => open.size < size || workflowInfo().continueAsNewSuggested
      if (unwatched.size === 0) await condition(() => hasMoved() || unwatched.size > 0)
      else if (!(await condition(hasMoved, LOOK_UP_EVERY))) for (const rollout of unwatched) await lookUp(rollout)
      isDraining ||= workflowInfo().continueAsNewSuggested
    }
    await write()
    ledger.become('done')
  }

  async function write(): Promise<void> {
    const written = await proxyActivities<Activities>({ ...HEARTBEATING, summary: 'write the samples' }).writeSamples({
      name,
    })
    state.samplesPath = written.path
    state.funnel.samples = written.samples
  }

  /** Ends what is open, in order, and writes the samples of what was accepted. */
  async function closeCancelled(): Promise<void> {
    ledger.become('cancelling')
    ledger.note(`cancelled by request${open.size > 0 ? `; ${open.size} open rollout(s) are to end` : ''}`)
    await Promise.all([...open].map(stop))
    for (let waits = 0; open.size > 0; waits++) {
      const wait = CANCEL_LADDER[Math.min(waits, CANCEL_LADDER.length - 1)]!
      if (!(await condition(() => open.size === 0, wait))) await Promise.all([...open].map(stop))
    }
    if (state.chains.total > 0) await write()
    ledger.become('cancelled')
  }

  /** Has a rollout cancelled, which tells of its end itself; one that failed is ended here. */
  async function stop(rollout: string): Promise<void> {
    const found = await lookUp(rollout)
    if (found.status === 'failed') return endFailed(rollout, found.epoch)
    if (found.status !== 'open') return
    try {
      await getExternalWorkflowHandle(workflowId.chain(rollout)).cancel()
    } catch {
      // It ended between the two: it has told so, or is looked up again.
    }
  }

  /** Puts a failed rollout on record as cancelled, with the sample of what it had accepted, as far as that can be. */
  async function endFailed(rollout: string, epoch: number): Promise<void> {
    const closing = { ending: 'cancelled', reason: 'cancelled by request after it had failed' } as const
    try {
      const ended = await proxyActivities<Activities>({
        ...HEARTBEATING,
        scheduleToCloseTimeout: '10m',
        summary: `end ${rollout}: cancelled`,
      }).endRollout({ rollout, order: [epoch + 1, 0], ...closing })
      const { ending, stagesAccepted, rounds, hasSample } = ended
      ledger.close(rollout, { ending, reason: closing.reason, stagesAccepted, rounds, hasSample })
    } catch (error) {
      const reason = `${closing.reason}; it could not be put on record: ${reasonOf(error)}`
      ledger.close(rollout, { ending: 'cancelled', reason, stagesAccepted: 0, rounds: 0, hasSample: false })
    }
  }

  async function mine(repository: string, mirrors: string | null): Promise<void> {
    ledger.note(`mining ${repository}`)
    const mined = await executeChild(mineRepository, {
      workflowId: `${workflowId.mine(repository)}/${name}`,
      args: [{ repository, mirrors, mode: 'semantic', source: 'github', isOffline: false, min: 2, max: 5 }],
      staticSummary: `mine ${repository} for campaign ${name}`,
    })
    const { pullRequests, references, chainCount } = mined
    ledger.note(`${repository}: ${pullRequests} pull requests, ${references} references, ${chainCount} chains`)
  }

  async function begin({ rollout, epoch }: { rollout: string; epoch: number }): Promise<void> {
    ledger.begin(rollout)
    const args: [PrChainInput] = [{ rollout, restarts: 0, epoch }]
    try {
      const handle = await startChild(prChain, {
        workflowId: workflowId.chain(rollout),
        args,
        parentClosePolicy: ParentClosePolicy.ABANDON,
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        memo: { ...args[0] },
        typedSearchAttributes: [
          { key: searchAttribute.campaign, value: name },
          { key: searchAttribute.chain, value: splitRollout(rollout).chain },
          { key: searchAttribute.chainStatus, value: 'planning' },
          { key: searchAttribute.needsAttention, value: false },
        ],
        staticSummary: `rollout ${rollout}`,
      })
      void watch(rollout, handle)
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
      // An earlier run of this campaign started it: it runs on, or has ended.
      ledger.unwatch(rollout, false)
      await lookUp(rollout)
    }
  }

  /** Notices ends that a chain cannot tell: time-outs and terminations. */
  async function watch(rollout: string, handle: ChildWorkflowHandle<typeof prChain>): Promise<void> {
    try {
      await handle.result()
    } catch (error) {
      if (isCancellation(error)) return
      if (error instanceof ChildWorkflowFailure && error.cause instanceof TerminatedFailure) terminated(rollout)
      else ledger.unwatch(rollout, true)
    }
  }

  /** Looks up how a rollout stands that nobody watches: started again, it tells the campaign itself. */
  async function lookUp(rollout: string): Promise<Standing> {
    const found = await acts.lookUpChain({ rollout, mostRestarts: MOST_RESTARTS })
    if (found.status === 'ended') ledger.close(rollout, found.closing)
    if (found.status === 'terminated') terminated(rollout)
    return found
  }

  function terminated(rollout: string): void {
    ledger.close(rollout, {
      ending: 'cancelled',
      reason: 'terminated by hand',
      stagesAccepted: 0,
      rounds: 0,
      hasSample: false,
    })
  }
}
