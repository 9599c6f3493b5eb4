import { z } from 'zod'
import { usage } from './chat.ts'
import { blobRef, instant } from './common.ts'
import { masked } from './masked.ts'
import { failedTries, requestPrefix } from './record.ts'

/**
 * What a token of the gateway stands for: one launch of a scaffold for one round. Its key is the token's sha256; the
 * token itself is on no record.
 */
export const grant = z.object({
  format: z.literal('prchain.grant/1'),
  rollout: z.string(),
  chain: z.string(),
  stage: z.number().int(),
  /** The round's segment in keys: a number, or `rebase-` and a number. */
  round: z.string(),
  /** Counts from 1: each start of the scaffold for the round. */
  launch: z.number().int().positive(),
  scaffold: z.string(),
  /** The model that is asked, whatever the scaffold names. */
  model: z.string(),
  /** Its calls are answered by the gateway itself: they see whether the scaffold runs at all. */
  isSelfTest: z.boolean().optional(),
  issuedAt: instant,
})
/** What a token of the gateway stands for. */
export type Grant = z.infer<typeof grant>

/** A token that is good no longer. */
export const revocation = z.object({ format: z.literal('prchain.revocation/1'), reason: z.string(), at: instant })
/** A token that is good no longer. */
export type Revocation = z.infer<typeof revocation>

/**
 * What the gateway stores of a scaffold's model call. The conversation is not stored again with each call: `prefix` names
 * the exchange whose messages this one's begin with, and `messages` holds what came after these, as sent.
 */
export const exchangeRecord = z.object({
  format: z.literal('prchain.exchange/1'),
  key: z.string(),
  /** sha256 of the canonical request, without what differs between equal calls. */
  digest: blobRef,
  /** The launch that asked for it first. */
  launch: z.number().int().positive(),
  request: z.object({
    prefix: requestPrefix.nullable(),
    messages: z.array(z.unknown()),
    /** The tools as sent, a JSON array in the store; null when none were. */
    tools: blobRef.nullable(),
    /** Every other member of the request, as sent. */
    fields: z.record(z.string(), z.unknown()),
  }),
  response: z.object({
    contentType: z.string(),
    /** The body as it was delivered, byte for byte, compressed by gzip. */
    body: blobRef,
    sizeBytes: z.number().int(),
  }),
  usage,
  finishReason: z.string(),
  /** When the request came; absent in records of earlier versions. */
  askedAt: instant.optional(),
  startedAt: instant,
  finishedAt: instant,
  failures: failedTries,
  /** Where masks stand: in the request, and below `/reply` in the message that the body adds up to. Absent in records of earlier versions. */
  masked: z.array(masked).optional(),
})
/** What the gateway stores of a scaffold's model call. */
export type ExchangeRecord = z.infer<typeof exchangeRecord>

/** One answer that a launch was given, from the provider or from the record: put before the end of it is sent. */
export const answerRecord = z.object({
  format: z.literal('prchain.answer/1'),
  /** The exchange's key. */
  exchange: z.string(),
  digest: blobRef,
  /** Which of the launch's equal requests it answers, from 0. */
  n: z.number().int().nonnegative(),
  /** The exchanges of earlier answers of which it was not known yet, when this one was put, whether they came through. */
  open: z.array(z.string()),
  at: instant,
})
/** One answer that a launch was given. */
export type AnswerRecord = z.infer<typeof answerRecord>

/** Why the gateway gives a launch no more answers for now: its scaffold is to be stopped, and started again later from the record. */
export const haltRecord = z.object({
  format: z.literal('prchain.halt/1'),
  /** As in `domain/failure.ts`. */
  type: z.string(),
  reason: z.string(),
  at: instant,
})
/** Why the gateway gives a launch no more answers for now. */
export type HaltRecord = z.infer<typeof haltRecord>

/** Whether the gateway holds a launch's requests from a time on: the entry with the highest number counts. */
export const holdEntry = z.object({
  format: z.literal('prchain.hold/1'),
  at: instant,
  /** Why they are held: a ceiling that is reached. Null when they are not. */
  state: z.object({ reason: z.string().nullable() }),
})
/** Whether a launch's requests are held. */
export type Hold = z.infer<typeof holdEntry>['state']
/**
 * The end of a launch that the round does not end with: another takes its place. What its model calls were, and no later
 * launch asks for again, is an abandoned branch.
 */
export const abandonmentRecord = z.object({
  format: z.literal('prchain.abandonment/1'),
  launch: z.number().int().positive(),
  /** `failed`: the scaffold ended as it should not, `session-refused`: because of the session that it was given. `lost`: its sandbox went. `halted`: by the gateway. */
  kind: z.enum(['failed', 'session-refused', 'lost', 'halted']),
  reason: z.string(),
  at: instant,
})
/** The end of a launch that the round does not end with. */
export type AbandonmentRecord = z.infer<typeof abandonmentRecord>

/** One start of a scaffold for a round: the last one is the round's, earlier ones were abandoned. */
export const launchRecord = z.object({
  format: z.literal('prchain.launch/1'),
  n: z.number().int().positive(),
  scaffold: z.string(),
  version: z.string(),
  /** The life of the sandbox that it runs in. */
  life: z.string(),
  /** What it is asked, in the store. */
  task: blobRef,
  /** Its own session that it goes on with, in the store; null or absent for a fresh start. */
  session: blobRef.nullish(),
  startedAt: instant,
})
/** One start of a scaffold for a round. */
export type LaunchRecord = z.infer<typeof launchRecord>
