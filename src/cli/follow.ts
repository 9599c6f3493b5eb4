import { setTimeout as sleep } from 'node:timers/promises'
import { WorkflowFailedError, type Client } from '@temporalio/client'
import { workflowId } from '../domain/identifiers.ts'
import { campaignQuery } from '../workflows/messages.ts'
import type { CampaignState } from '../formats/state.ts'
import type { Terminal } from './terminal.ts'

const POLL_MS = 400
const SILENCE_MS = 15_000
const STUCK_MS = 1_200

/** How following a campaign ended. */
export type Followed =
  | { status: 'completed'; state: CampaignState }
  | { status: 'needs-attention'; state: CampaignState }
  | { status: 'failed'; reason: string }
  | { status: 'detached' }

/**
 * Follows a campaign and says its news, until it ends, until nothing in it moves without a person (`needs-attention`),
 * or until the signal (`detached`). The campaign goes on whatever happens here.
 */
export async function followCampaign(options: {
  client: Client
  name: string
  terminal: Terminal
  signal: AbortSignal
}): Promise<Followed> {
  const { client, name, terminal, signal } = options
  const handle = client.workflow.getHandle(workflowId.campaign(name))
  let told = 0
  let heardMs = Date.now()
  let isWarned = false
  let stuckMs: number | null = null
  for (;;) {
    if (signal.aborted) return { status: 'detached' }
    const state = await ask()
    if (state) {
      heardMs = Date.now()
      tell(state)
      if (state.status === 'done') return { status: 'completed', state }
      const { running, parked } = state.chains
      // For a while, since between a start and its news all others may be parked.
      const isStuck = state.status === 'running' && running > 0 && parked === running
      stuckMs = isStuck ? (stuckMs ?? Date.now()) : null
      if (stuckMs !== null && Date.now() - stuckMs >= STUCK_MS) return { status: 'needs-attention', state }
    } else {
      const ended = await endOf()
      if (ended) return ended
      if (Date.now() - heardMs > SILENCE_MS && !isWarned) {
        isWarned = true
        terminal.say(
          `no worker has answered for ${SILENCE_MS / 1000} s: start one with \`prchain worker\`, or \`prchain up\``,
        )
      }
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {})
  }

  /** Null while no worker answers: the campaign itself is safe in the server. */
  async function ask(): Promise<CampaignState | null> {
    try {
      return await client.withDeadline(Date.now() + 5_000, () => handle.query(campaignQuery))
    } catch {
      return null
    }
  }

  async function endOf(): Promise<Followed | null> {
    try {
      const description = await handle.describe()
      if (description.status.name === 'RUNNING') return null
      const state = await (handle.result() as Promise<CampaignState>)
      tell(state)
      return { status: 'completed', state }
    } catch (error) {
      if (error instanceof WorkflowFailedError)
        return { status: 'failed', reason: error.cause?.message ?? error.message }
      return null
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
