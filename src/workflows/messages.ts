import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow'
import { defineSearchAttributeKey } from '@temporalio/common'
import type { Ending } from '../formats/rollout.ts'

/** The search attributes that prchain's workflows carry. `temporal/searchAttributes.ts` registers the same. */
export const searchAttribute = {
  campaign: defineSearchAttributeKey('Campaign', 'KEYWORD'),
  repository: defineSearchAttributeKey('Repository', 'KEYWORD'),
  chain: defineSearchAttributeKey('Chain', 'KEYWORD'),
  scaffold: defineSearchAttributeKey('Scaffold', 'KEYWORD'),
  chainStatus: defineSearchAttributeKey('ChainStatus', 'KEYWORD'),
  stage: defineSearchAttributeKey('Stage', 'INT'),
  round: defineSearchAttributeKey('Round', 'INT'),
  score: defineSearchAttributeKey('Score', 'DOUBLE'),
  needsAttention: defineSearchAttributeKey('NeedsAttention', 'BOOL'),
} as const

/** Where a chain is: what `show`, `status` and the Temporal UI's query tab give. Stages and rounds count from 0. */
export interface ChainState {
  rollout: string
  status: 'planning' | 'running' | 'needs-attention' | Ending
  stage: number
  round: number
  /** What is being done, for people. */
  doing: string
  stages: {
    number: number
    title: string
    status: 'waiting' | 'running' | 'accepted' | 'rejected'
    rounds: number
    score: number | null
  }[]
  steps: number
  /** Why the chain waits, since when, and the command that resumes it; null while it does not wait. */
  attention: { reason: string; since: string; command: string } | null
  restarts: number
}

/** What a resume is told. A single JSON argument, so that it can be sent from the Temporal UI. */
export interface ResumeRequest {
  reason?: string
}

/** A chain's state. */
export const stateQuery = defineQuery<ChainState>('state')
/** Resumes a parked chain. Refused when the chain is not parked. Returns what is done next. */
export const resumeUpdate = defineUpdate<string, [ResumeRequest]>('resume')
/** Resumes a parked chain, for batches; nothing happens when the chain is not parked. */
export const resumeSignal = defineSignal<[ResumeRequest]>('resume-signal')

/** What a chain tells its campaign. */
export type ChainNews =
  | {
      kind: 'stage'
      rollout: string
      stage: number
      number: number
      isAccepted: boolean
      rounds: number
      score: number | null
    }
  | { kind: 'parked'; rollout: string; reason: string }
  | { kind: 'resumed'; rollout: string }
  | {
      kind: 'ended'
      rollout: string
      ending: Ending
      reason: string
      stagesAccepted: number
      rounds: number
      hasSample: boolean
      restarts: number
    }

/** A chain's news for its campaign. */
export const newsSignal = defineSignal<[ChainNews]>('news')

/** Where a campaign is. */
export interface CampaignState {
  name: string
  status: 'mining' | 'running' | 'done'
  chains: { total: number; waiting: number; running: number; ended: number }
  funnel: {
    pullRequests: number
    references: number
    chains: number
    stages: number
    rounds: number
    accepted: number
    samples: number
  }
  /** Rollouts that are open, at most 50. */
  open: string[]
  /** Parked rollouts and why, at most 50. */
  parked: { rollout: string; reason: string }[]
  /** Failed rollouts that are to be started again by themselves, at most 50. */
  failed: string[]
  endings: Partial<Record<Ending, number>>
  /** Progress lines numbered from `firstNews`, at most the latest 100. */
  news: string[]
  firstNews: number
  samplesPath: string | null
}

/** A campaign's state. */
export const campaignQuery = defineQuery<CampaignState>('campaign')

/** What a chain's workflow is started with. */
export interface PrChainInput {
  rollout: string
  /** How often `resumeFailedChains` has started it again. */
  restarts: number
}

/** What a campaign's workflow is started with; `carried` is its own from before it continued as new. */
export interface CampaignInput {
  name: string
  carried?: { next: number; state: CampaignState }
}

/** How often a failed chain is started again by itself. */
export const MOST_RESTARTS = 3
