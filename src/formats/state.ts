import { z } from 'zod'
import { funnel } from './campaign.ts'
import { instant, pullNumber } from './common.ts'
import { ending } from './rollout.ts'

/** Where a chain is: what `show` and the Temporal UI's query tab give. Stages and rounds count from 0. */
export const chainState = z.object({
  rollout: z.string(),
  status: z.union([z.enum(['planning', 'running', 'needs-attention']), ending]),
  stage: z.number().int(),
  round: z.number().int(),
  /** What is being done, for people. */
  doing: z.string(),
  stages: z.array(
    z.object({
      number: pullNumber,
      title: z.string(),
      status: z.enum(['waiting', 'running', 'accepted', 'rejected']),
      rounds: z.number().int(),
      score: z.number().nullable(),
    }),
  ),
  /** Steps of the round under way, after its last full slice. */
  steps: z.number().int(),
  /** Why the chain waits, since when, and the command that resumes it; null while it does not wait. */
  attention: z.object({ reason: z.string(), since: instant, command: z.string() }).nullable(),
  restarts: z.number().int(),
})
/** Where a chain is. */
export type ChainState = z.infer<typeof chainState>

/** Where a campaign is. Its lists are bounded, so that it stays a small payload. */
export const campaignState = z.object({
  name: z.string(),
  /** `cancelling`: the cancellation of its open rollouts was asked for, and their ends are waited for. */
  status: z.enum(['mining', 'running', 'cancelling', 'done', 'cancelled']),
  chains: z.object({
    total: z.number().int(),
    waiting: z.number().int(),
    running: z.number().int(),
    parked: z.number().int(),
    ended: z.number().int(),
  }),
  funnel,
  /** Rollouts that are open, at most 20. */
  open: z.array(z.string()),
  /** Parked rollouts and why, at most 20. */
  parked: z.array(z.object({ rollout: z.string(), reason: z.string() })),
  /** Failed rollouts that are to be started again by themselves, at most 20. */
  failed: z.array(z.string()),
  endings: z.partialRecord(ending, z.number().int()),
  /** Progress lines numbered from `firstNews`, at most the latest 60. */
  news: z.array(z.string()),
  firstNews: z.number().int(),
  samplesPath: z.string().nullable(),
})
/** Where a campaign is. */
export type CampaignState = z.infer<typeof campaignState>

/** Where a repository's mining is. */
export const miningState = z.object({
  repository: z.string(),
  phase: z.enum(['fetching', 'linking', 'done']),
  /** Pages fetched by this mining, and about how many follow; null where GitHub did not say. */
  pages: z.number().int(),
  pagesLeft: z.number().int().nullable(),
  /** What GitHub last said is left of the quota. */
  quota: z.object({ limit: z.number().int(), remaining: z.number().int(), resetsAt: instant }).nullable(),
  /** When GitHub is asked again; null while it does not wait for a limit. */
  waitsUntil: instant.nullable(),
  /** Progress lines numbered from `firstNews`, at most the latest 200. */
  news: z.array(z.string()),
  firstNews: z.number().int(),
})
/** Where a repository's mining is. */
export type MiningState = z.infer<typeof miningState>
