import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow'
import { defineSearchAttributeKey } from '@temporalio/common'
import type { Ending } from '../formats/rollout.ts'
import type { CampaignState, ChainState, MiningState } from '../formats/state.ts'

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

/** A campaign's state. */
export const campaignQuery = defineQuery<CampaignState>('campaign')

/** A mining's state. */
export const miningQuery = defineQuery<MiningState>('mining')

/** What a chain's workflow is started with. */
export interface PrChainInput {
  rollout: string
  /** How often `resumeFailedChains` has started it again. */
  restarts: number
  /** Greater than that of every earlier run of the rollout: the first part of the fence's order. */
  epoch: number
}

/** What a campaign's workflow is started with; `carried` is its own from before it continued as new. */
export interface CampaignInput {
  name: string
  carried?: { next: number; state: CampaignState }
}

/** How often a failed chain is started again by itself. */
export const MOST_RESTARTS = 3
