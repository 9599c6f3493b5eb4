import { z } from 'zod'
import { instant } from './common.ts'

const amount = z.number().int().nonnegative()
const spend = z.object({ microUsd: amount, tokens: amount })
const reservation = spend.extend({
  key: z.string(),
  model: z.string(),
  part: z.string(),
  holder: z.string(),
  /** Up to when its process is taken to live, unless it says more by then. Absent in accounts of earlier versions. */
  until: instant.optional(),
})

/** The most that a campaign may spend; null for no end. Money in whole micro-dollars. */
export const ceilings = z.object({
  campaignMicroUsd: amount.nullable(),
  campaignTokens: amount.nullable(),
  chainMicroUsd: amount.nullable(),
  stageMicroUsd: amount.nullable(),
})
/** The most that a campaign may spend. */
export type Ceilings = z.infer<typeof ceilings>

/** A campaign's ceilings from a time on: the entry with the highest number counts. */
export const ceilingsEntry = z.object({ format: z.literal('prchain.ceilings/1'), at: instant, state: ceilings })

/** The most that all campaigns of the store may spend on one day, in UTC, from a time on: the highest number counts. */
export const dayCeilingEntry = z.object({
  format: z.literal('prchain.day-ceiling/1'),
  at: instant,
  state: z.object({ dayMicroUsd: amount.nullable() }),
})
/** The most that may be spent on one day. */
export type DayCeiling = z.infer<typeof dayCeilingEntry>['state']

/** How an account stands after one change: the entry with the highest number counts. */
export const accountEntry = z.object({
  format: z.literal('prchain.account/1'),
  at: instant,
  state: z.object({
    spent: spend,
    parts: z.record(z.string(), spend),
    open: z.record(z.string(), reservation),
    unknown: z.record(z.string(), reservation),
  }),
})

/** How far a provider's allowance is taken after one change, in ms since 1970: the entry with the highest number counts. */
export const paceEntry = z.object({
  format: z.literal('prchain.pace/1'),
  at: instant,
  state: z.object({
    requestsMs: z.number(),
    tokensMs: z.number(),
    closedUntilMs: z.number(),
    /** How far apart calls are kept, in ms; 0 for a provider that takes them as they come. */
    apartMs: z.number(),
    nextMs: z.number(),
    widenedMs: z.number(),
  }),
})
