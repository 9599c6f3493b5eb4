import { z } from 'zod'
import { instant } from './common.ts'
import { rolloutSettings } from './rollout.ts'

/** A campaign's name: a path segment of workflow ids and record keys. */
export const campaignName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$/, 'letters, digits, ".", "_" and "-", at most 60')

/** What a campaign is asked to do. Written once, before its workflow starts. */
export const campaign = z.object({
  format: z.literal('prchain.campaign/1'),
  name: campaignName,
  settings: rolloutSettings,
  /** Chain ids, and repositories, of which the latest mining is taken; one without any is mined first. */
  targets: z.array(z.string()).min(1),
  rollouts: z.number().int().min(1),
  concurrency: z.number().int().min(1),
  createdAt: instant,
})
/** What a campaign is asked to do. */
export type Campaign = z.infer<typeof campaign>

/** The chains that a campaign's targets came to. Written once, after mining. */
export const campaignPlan = z.object({
  format: z.literal('prchain.campaign-plan/1'),
  chains: z.array(z.string()),
  pullRequests: z.number().int(),
  references: z.number().int(),
})
/** The chains that a campaign's targets came to. */
export type CampaignPlan = z.infer<typeof campaignPlan>

/** From pull requests to samples: how many were left at each step. */
export const funnel = z.object({
  pullRequests: z.number().int(),
  references: z.number().int(),
  chains: z.number().int(),
  stages: z.number().int(),
  rounds: z.number().int(),
  accepted: z.number().int(),
  samples: z.number().int(),
})
