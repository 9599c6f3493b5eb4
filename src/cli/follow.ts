import { setTimeout as sleep } from 'node:timers/promises'
import { WorkflowFailedError } from '@temporalio/client'
import { workflowId } from '../domain/identifiers.ts'
import { campaignQuery } from '../workflows/messages.ts'
import type { CampaignState } from '../formats/state.ts'
import { askWorker, describeWorkflow, QUERY_MS } from './answer.ts'
import type { Session } from './session.ts'
import type { Terminal } from './terminal.ts'

const POLL_MS = 400
const SILENCE_MS = 15_000
const STUCK_MS = 1_200

/** How following a campaign ended. */
export type Followed =
  | { status: 'completed'; state: CampaignState }
  /** Its state is null when no worker is there to say. */
  | { status: 'cancelled'; state: CampaignState | null }
  | { status: 'needs-attention'; state: CampaignState }
  | { status: 'failed'; reason: string }
  | { status: 'detached' }

/**
 * Follows a campaign and says its news, until it ends, until nothing in it moves without a person (`needs-attention`),
 * or until the signal (`detached`). The campaign goes on whatever happens here.
 */
export async function followCampaign(options: {
  session: Pick<Session, 'client' | 'address'>
  name: string
  terminal: Terminal
  signal: AbortSignal
}): Promise<Followed> {
  const { session, name, terminal, signal } = options
  const workflow = workflowId.campaign(name)
  let told = 0
  let heardMs = Date.now()
  let isWarned = false
  let stuckMs: number | null = null
  for (;;) {
    if (signal.aborted) return { status: 'detached' }
    const state = await ask()
    if (state) {
      heardMs = Date.now()
      isWarned = false
      tell(state)
      if (state.status === 'done') return { status: 'completed', state }
      if (state.status === 'cancelled') return { status: 'cancelled', state }
      const { running, parked } = state.chains
      // For a while, since between a start and its news all others may be parked.
      const isStuck = state.status === 'running' && running > 0 && parked === running
      stuckMs = isStuck ? (stuckMs ?? Date.now()) : null
      if (stuckMs !== null && Date.now() - stuckMs >= STUCK_MS) return { status: 'needs-attention', state }
    } else {
      const { ended, hasServer } = await endOf()
      if (ended) return ended
      if (Date.now() - heardMs > SILENCE_MS && !isWarned) {
        isWarned = true
        terminal.say(
          hasServer
            ? `no worker has answered for ${SILENCE_MS / 1000} s: start one with \`prchain worker\`, or \`prchain up\``
            : `the Temporal server at ${session.address} has not answered for ${SILENCE_MS / 1000} s: bring it back; the campaign goes on when it is`,
        )
      }
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {})
  }

  /** Null while no worker answers: the campaign itself is safe in the server. */
  async function ask(): Promise<CampaignState | null> {
    try {
      return await askWorker(session, { workflow, timeoutMs: QUERY_MS }, (handle) => handle.query(campaignQuery))
    } catch {
      return null
    }
  }

  async function endOf(): Promise<{ ended: Followed | null; hasServer: boolean }> {
    try {
      const described = await describeWorkflow(session, workflow)
      if (!described || described.status.name === 'RUNNING') return { ended: null, hasServer: true }
      if (described.status.name === 'CANCELLED') return { ended: { status: 'cancelled', state: null }, hasServer: true }
      const state = await (session.client.workflow.getHandle(workflow).result() as Promise<CampaignState>)
      tell(state)
      return { ended: { status: 'completed', state }, hasServer: true }
    } catch (error) {
      if (!(error instanceof WorkflowFailedError)) return { ended: null, hasServer: false }
      const reason = error.cause?.message ?? error.message
      return { ended: { status: 'failed', reason }, hasServer: true }
    }
  }

  function tell(state: CampaignState): void {
    const from = Math.max(0, told - state.firstNews)
    for (const line of state.news.slice(from)) terminal.say(`  ${line}`)
    told = state.firstNews + state.news.length
  }
}

/** The funnel as one line for people. */
export function describeFunnel(funnel: CampaignState['funnel']): string {
  const { pullRequests, references, chains, stages, rounds, accepted, samples } = funnel
  return `${pullRequests} pull requests → ${references} references → ${chains} chains → ${stages} stages → ${rounds} rounds → ${accepted} accepted → ${samples} samples`
}
