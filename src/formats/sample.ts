import { z } from 'zod'
import { usage } from './chat.ts'
import { blobRef, gitSha, instant, pullNumber, repositoryName } from './common.ts'
import { masked } from './masked.ts'
import { ending } from './rollout.ts'

const place = {
  stage: z.number().int(),
  /** `rebase` for the messages in which the agent reconciles its work with what moved upstream, before the stage's own. */
  phase: z.enum(['rebase', 'work']),
  round: z.number().int(),
  /** Whether it stands in an earlier segment too, or was put into the conversation as if it had: context, nothing new. */
  isRepeated: z.boolean(),
}

/** The facts of one model call, from its record; null what a trajectory that was imported does not say. */
export const step = z.object({
  /** The key of the call's or exchange's record, below the rollout's id: there is all that the provider said. */
  record: z.string().nullable(),
  /** The model that the provider says answered. */
  model: z.string(),
  finishReason: z.string().nullable(),
  startedAt: instant.nullable(),
  finishedAt: instant.nullable(),
  usage,
  /** Whole micro-dollars by the campaign's price table; null for a model that it does not name. */
  costMicroUsd: z.number().int().nonnegative().nullable(),
})
/** The facts of one model call. */
export type Step = z.infer<typeof step>

/** How a tool call was carried out. `commands`: as measured in the sandbox. `between-calls`: by a scaffold, between two of its calls. */
export const execution = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('commands'),
    /** The keys of the commands' records, below the rollout's id. */
    records: z.array(z.string()).min(1),
    startedAt: instant,
    finishedAt: instant,
    /** Those of the last command. */
    exitCode: z.number().int(),
    isTimedOut: z.boolean(),
  }),
  z.object({ kind: z.literal('between-calls'), startedAt: instant, finishedAt: instant }),
])
/** How a tool call was carried out. */
export type Execution = z.infer<typeof execution>

/** A message of a sample. Arguments of tool calls are objects. `train` says whether a trainer should learn from it. */
export const sampleMessage = z.discriminatedUnion('role', [
  z.object({ role: z.literal('system'), content: z.string(), ...place }),
  z.object({ role: z.literal('user'), content: z.string(), ...place }),
  z.object({
    role: z.literal('assistant'),
    content: z.string(),
    reasoning_content: z.string().optional(),
    tool_calls: z
      .array(
        z.object({
          id: z.string(),
          type: z.literal('function'),
          function: z.object({ name: z.string(), arguments: z.record(z.string(), z.unknown()) }),
        }),
      )
      .optional(),
    train: z.boolean(),
    /** Null where it is no reply on record: what a scaffold put there itself, or a repetition. */
    step: step.nullable(),
    ...place,
  }),
  z.object({
    role: z.literal('tool'),
    tool_call_id: z.string(),
    name: z.string(),
    content: z.string(),
    /** Null where no command was run, and in repetitions. */
    execution: execution.nullable(),
    ...place,
  }),
])
/** A message of a sample. */
export type SampleMessage = z.infer<typeof sampleMessage>

/** Sums over steps: each call counts its whole prompt. */
const totals = {
  steps: z.number().int(),
  toolCalls: z.number().int(),
  usage,
  /** Null when the price of one of the calls is not known. */
  costMicroUsd: z.number().int().nonnegative().nullable(),
  /** Time spent waiting for replies, retries included. */
  modelMs: z.number().int().nonnegative(),
  /** Time spent in commands that are on record; those of a scaffold are its own. */
  commandMs: z.number().int().nonnegative(),
}

/** A tool as it was sent, with members that we do not know. */
const sentTool = z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: z.string() }) })
/** A tool as it was sent. */
export type SentTool = z.infer<typeof sentTool>

/** What every trajectory has, whatever it comes from. */
export const trajectory = {
  messages: z.array(sampleMessage),
  /** Where in `messages` another conversation begins, 0 first: an agent that starts afresh, or rewrites its context, has several. */
  segments: z.array(z.number().int()),
  /** All tools that were sent, each as it was sent last. */
  tools: z.array(sentTool),
  /** Which of them went with each step: an entry holds from the message `from` on. */
  toolSets: z.array(
    z.object({
      from: z.number().int(),
      names: z.array(z.string()),
      /** The tools as sent, a JSON array in the store; null when none were, or it is not known. */
      schemas: blobRef.nullable(),
    }),
  ),
  /** Where masks stand in place of secrets. */
  redactions: z.array(masked),
}

/** One line of a samples file: an accepted rollout, or the accepted first part of a partial one. */
export const sample = z.object({
  format: z.literal('prchain.sample/2'),
  id: z.string(),
  repository: repositoryName,
  chain: z.string(),
  ending: z.enum([ending.enum.accepted, ending.enum.partial]),
  model: z.string(),
  scaffold: z.string(),
  /** As its launches name it; null for the native agent, whose version is that of its prompts. */
  scaffoldVersion: z.string().nullable(),
  /** True when the scripted model played: not a model's work, never to be trained on. */
  isScripted: z.boolean(),
  ...trajectory,
  totals: z.object(totals),
  stages: z.array(
    z.object({
      number: pullNumber,
      baseSha: gitSha,
      resultSha: gitSha,
      initialTree: gitSha,
      isAccepted: z.literal(true),
      rounds: z.number().int(),
      score: z.number().nullable(),
      hasPassedTests: z.boolean().nullable(),
      patch: blobRef,
      /** Messages `[from, to)` belong to the stage: none where its agent was never answered. */
      messages: z
        .tuple([z.number().int().nonnegative(), z.number().int().nonnegative()])
        .refine(([from, to]) => from <= to, 'must not end before it begins'),
      ...totals,
      /** How often the stage's sandbox was lost and rebuilt, and the commands that then ended otherwise, or the checkpoints whose tree then differed. */
      rebuilds: z.number().int(),
      /** How many of those were brought back from a checkpoint: the home folder, `/tmp`, ignored files and commits were lost. */
      restored: z.number().int(),
      diverged: z.array(z.string()),
      /** Commands that ran more than once, or in vain, because a sandbox or a scaffold was lost: of an agent that is not prchain's own at most so many. */
      rerunCommands: z.number().int().nonnegative(),
      /** Model calls of branches that were abandoned: none of them is in `messages`. */
      abandonedCalls: z.number().int().nonnegative(),
      /** How the agent's earlier work came into the stage: conflicts that had to be decided, by whom, and the share of its lines that survived. */
      carryOver: z.object({
        policy: z.string(),
        conflicts: z.number().int(),
        decidedBy: z.string().nullable(),
        rebaseRounds: z.number().int(),
        survivingShare: z.number(),
      }),
    }),
  ),
  /** sha256 of the prompt files. */
  prompts: blobRef,
})
/** One line of a samples file. */
export type Sample = z.infer<typeof sample>
