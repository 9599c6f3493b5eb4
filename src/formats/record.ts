import { z } from 'zod'
import { chatReply, message } from './chat.ts'
import { blobRef, gitSha, instant } from './common.ts'
import { masked } from './masked.ts'
import { roundEnding } from './rollout.ts'

/** Failed tries before a reply, in order: what the provider said. */
export const failedTries = z.array(z.object({ kind: z.string(), message: z.string(), at: instant }))

/** The call whose first messages, so many, a request's begin with: only what came after is stored again. */
export const requestPrefix = z.object({ key: z.string(), count: z.number().int().positive() })

/** Messages `[from, to)` of a request, in whose place one stands: the same observation with the note as its text, or a user's message. */
export const leftOut = z.object({
  from: z.number().int().nonnegative(),
  to: z.number().int().positive(),
  note: z.string(),
})
/** Messages of a request in whose place a note stands. */
export type LeftOut = z.infer<typeof leftOut>

/** What was left out of the conversation before a call, so that it fits the model's window. */
export const elision = z.object({
  /** `window`: by the stated rule. `refused`: the provider said that the request was too long. */
  reason: z.enum(['window', 'refused']),
  /** What was taken for the window. */
  windowTokens: z.number().int(),
  /** What the request was reckoned at before. */
  estimatedTokens: z.number().int(),
  /** By the messages of the prefix's request, in order. */
  leftOut: z.array(leftOut),
})
/** What was left out of the conversation before a call. */
export type Elision = z.infer<typeof elision>

/**
 * What `complete` stores: one model call. The conversation is not stored again with each call: `prefix` names the call
 * whose messages this one's begin with, and `messages` holds what came after these.
 */
export const callRecord = z.object({
  format: z.literal('prchain.call/1'),
  key: z.string(),
  /** sha256 of the canonical request: model, parameters, tools, messages. */
  digest: blobRef,
  request: z.object({
    model: z.string(),
    parameters: z.record(z.string(), z.number()),
    /** The tools as sent, a JSON array in the store; null when none were. */
    tools: blobRef.nullable(),
    prefix: requestPrefix.nullable(),
    /** Absent when the request goes on from the prefix's as it was. */
    elision: elision.optional(),
    messages: z.array(message),
  }),
  reply: chatReply,
  startedAt: instant,
  finishedAt: instant,
  failures: failedTries,
  /** Where masks stand in this record; absent in records of earlier versions. */
  masked: z.array(masked).optional(),
})
/** What `complete` stores: one model call. */
export type CallRecord = z.infer<typeof callRecord>

/** What `exec` stores: one command of the agent and how it ended. */
export const commandRecord = z.object({
  format: z.literal('prchain.command/1'),
  key: z.string(),
  /** sha256 of the canonical command. */
  digest: blobRef,
  command: z.object({
    script: z.string(),
    /** Standard input, in the store; null for none. */
    stdin: blobRef.nullable(),
    cwd: z.string().nullable(),
    timeoutMs: z.number().int(),
  }),
  /** The life of the sandbox that the command ran in. */
  life: z.string(),
  outcome: z.object({
    exitCode: z.number().int(),
    isTimedOut: z.boolean(),
    /** The output as text where it is short UTF-8, else null and in `outputBlob`. Secrets are masked. */
    output: z.string().nullable(),
    outputBlob: blobRef.nullable(),
    sizeBytes: z.number().int(),
    /** The whole output, where `output` or `outputBlob` is its head and tail alone; null where that is all of it. */
    wholeOutput: blobRef.nullable(),
    /** Processes that outlived the command and were ended with it. */
    leftRunning: z.array(z.string()),
  }),
  startedAt: instant,
  finishedAt: instant,
  /**
   * Where masks stand: in `/outcome/output`, or in what the blob of `/outcome/outputBlob` or `/outcome/wholeOutput` holds,
   * where `from` and `to` count bytes. Absent in records of earlier versions.
   */
  masked: z.array(masked).optional(),
})
/** What `exec` stores: one command of the agent and how it ended. */
export type CommandRecord = z.infer<typeof commandRecord>

/** The work tree as it was after a command: from here a lost sandbox is rebuilt, or what was run again is held against it. */
export const checkpointRecord = z.object({
  format: z.literal('prchain.checkpoint/1'),
  n: z.number().int().positive(),
  /** The key of the last command before it. */
  after: z.string(),
  tree: gitSha,
  /** The difference from S_init, in the store: makes the tree on another host. */
  patch: blobRef,
  /** How long the commands up to it had run, together. */
  commandMs: z.number().int(),
})
/** The work tree as it was after a command. */
export type CheckpointRecord = z.infer<typeof checkpointRecord>

/** One life of a stage's sandbox: life 1 is the first; a later one is a rebuilt sandbox and says how it was made. */
export const lifeRecord = z.object({
  format: z.literal('prchain.life/1'),
  life: z.string(),
  n: z.number().int().positive(),
  createdAt: instant,
  /** The host and engine that it was made on. */
  place: z.string(),
  /** The work tree after the environment's setup; null when there is no setup. What setup made is no part of a patch. */
  setupTree: gitSha.nullable(),
  /** The difference of that from S_init, in the store: makes it on another host. Null with `setupTree`. */
  setupPatch: blobRef.nullable(),
  /** Keys of the recorded commands that were run again to rebuild the work tree, in order. */
  rerun: z.array(z.string()),
  /** Those of `rerun` whose exit code or output differed from the record. */
  diverged: z.array(z.string()),
  /** The key of the command after which the work tree was taken from a checkpoint and not from commands; null for none. */
  restored: z.string().nullable(),
  /** Checkpoints at which the tree that the commands made again was another one, and was replaced by the checkpoint's. */
  differing: z.array(z.string()),
})
/** One life of a stage's sandbox. */
export type LifeRecord = z.infer<typeof lifeRecord>

/** How a round of the agent ended: after which step, and why. */
export const roundEndRecord = z.object({
  format: z.literal('prchain.round-end/1'),
  ending: roundEnding,
  steps: z.number().int().nonnegative(),
  /** The native agent's: tool calls that could not be understood, and messages without one. */
  formatErrors: z.number().int().nonnegative().optional(),
  /** The native agent's: how often it was told that it goes in a circle. */
  circles: z.number().int().nonnegative().optional(),
  /** The scaffold's own trajectory file, kept beside ours; null or absent where it has none. */
  trajectory: blobRef.nullish(),
  /** What the launches leave that the round did not end with; absent where the agent is prchain's own. */
  abandoned: z
    .object({
      launches: z.number().int().nonnegative(),
      /** Keys of the round's exchanges that its last launch was not given: no part of any sample. */
      exchanges: z.array(z.string()),
      /** Tool calls in the answers that earlier launches were given: at most so many commands ran in vain, or ran again. */
      commands: z.number().int().nonnegative(),
    })
    .optional(),
})
/** How a round of the agent ended. */
export type RoundEndRecord = z.infer<typeof roundEndRecord>

/** Where a rollout's sample lies: a blob that is the line of a samples file. */
export const sampleReferenceRecord = z.object({ format: z.literal('prchain.sample-reference/1'), blob: blobRef })
/** Where a rollout's sample lies. */
export type SampleReferenceRecord = z.infer<typeof sampleReferenceRecord>

/** A store's own name, so that two stores can share a Docker engine. */
export const storeRecord = z.object({ format: z.literal('prchain.store/1'), instance: z.string() })
/** A store's own name. */
export type StoreRecord = z.infer<typeof storeRecord>

/** Who may write to a rollout's record: the Temporal attempt with the highest order. */
export const fenceRecord = z.object({
  format: z.literal('prchain.fence/1'),
  /** The workflow's epoch, the activity's place in the workflow, the activity's attempt; compared in this order. */
  order: z.tuple([z.number().int(), z.number().int(), z.number().int()]),
  /** Host and process, for people. */
  holder: z.string(),
})
/** Who may write to a rollout's record. */
export type FenceRecord = z.infer<typeof fenceRecord>

/** What a store's gateway makes its tokens from. Worth nothing elsewhere. */
export const gatewayRecord = z.object({ format: z.literal('prchain.gateway/1'), secret: z.string() })
/** What a store's gateway makes its tokens from. */
export type GatewayRecord = z.infer<typeof gatewayRecord>
