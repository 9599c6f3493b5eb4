import { z } from 'zod'
import { tool, usage } from './chat.ts'
import { blobRef, gitSha, pullNumber, repositoryName } from './common.ts'
import { ending } from './rollout.ts'

const place = {
  stage: z.number().int(),
  /** `rebase` for the messages in which the agent reconciles its work with what moved upstream, before the stage's own. */
  phase: z.enum(['rebase', 'work']),
  round: z.number().int(),
}

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
    ...place,
  }),
  z.object({ role: z.literal('tool'), tool_call_id: z.string(), name: z.string(), content: z.string(), ...place }),
])
/** A message of a sample. */
export type SampleMessage = z.infer<typeof sampleMessage>

/** One line of a samples file: an accepted rollout, or the accepted first part of a partial one. */
export const sample = z.object({
  format: z.literal('prchain.sample/1'),
  id: z.string(),
  repository: repositoryName,
  chain: z.string(),
  ending: z.enum([ending.enum.accepted, ending.enum.partial]),
  model: z.string(),
  scaffold: z.string(),
  /** True when the scripted model played: not a model's work, never to be trained on. */
  isScripted: z.boolean(),
  messages: z.array(sampleMessage),
  /** Where in `messages` another conversation begins, 0 first: an agent that starts afresh, or rewrites its context, has several. */
  segments: z.array(z.number().int()),
  tools: z.array(tool),
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
      /** Messages `[from, to)` belong to the stage. */
      messages: z.tuple([z.number().int(), z.number().int()]),
      steps: z.number().int(),
      toolCalls: z.number().int(),
      usage,
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
