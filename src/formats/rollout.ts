import { z } from 'zod'
import { environment, origin, testReport } from './environment.ts'
import { usage } from './chat.ts'
import { blobRef, gitSha, instant, pullNumber, repositoryName } from './common.ts'
import { carryOver } from './carryOver.ts'
import { fileChange } from './chain.ts'

/** How a chain ends. While it waits for a person or for infrastructure it is open, and `needs-attention`. */
export const ending = z.enum([
  'accepted',
  'partial',
  'rejected',
  'carry-over-lost',
  'environment-invalid',
  'failed',
  'cancelled',
])
/** How a chain ends. */
export type Ending = z.infer<typeof ending>

/** How a round ends: the agent submitted, or a limit did it. */
export const roundEnding = z.enum([
  'submitted',
  'step-limit',
  'time-limit',
  'no-tool-call',
  'format-errors',
  'loop',
  'context-exceeded',
  'stage-steps',
  'stage-tokens',
  'chain-steps',
  'chain-tokens',
])
/** How a round ends. */
export type RoundEnding = z.infer<typeof roundEnding>

/** What a rollout is made with: part of its identity, so the same settings give the same prompts. */
export const rolloutSettings = z.object({
  /** `native`, or the name of another scaffold. */
  scaffold: z.string(),
  /** True when the scripted model plays: a stand-in. A worker with another kind of endpoint refuses the rollout. */
  isScripted: z.boolean(),
  model: z.string(),
  judgeModel: z.string(),
  queryModel: z.string(),
  carry: z.enum(['substitute', 'replay', 'overlay']),
  onConflict: z.enum(['rebase', 'agent', 'upstream', 'end']),
  accept: z.enum(['judge', 'tests', 'hybrid']),
  threshold: z.number().min(0).max(1),
  refinements: z.number().int().min(0).max(20),
  maxSteps: z.number().int().min(1),
  /** The native agent's, of a stage's rounds together and of all stages together; null for no limit. */
  maxStageSteps: z.number().int().min(1).nullable(),
  maxStageTokens: z.number().int().min(1).nullable(),
  maxChainSteps: z.number().int().min(1).nullable(),
  maxChainTokens: z.number().int().min(1).nullable(),
  /** The window that the native agent's conversation is kept within, in tokens. */
  contextTokens: z.number().int().min(1),
  overview: z.enum(['every', 'first']),
  hasInterface: z.boolean(),
  seed: z.number().int(),
  sandbox: z.enum(['docker', 'bubblewrap', 'process']),
  /** The environment file, in the store; null when none was given. */
  environment: blobRef.nullable(),
  /** Whether, without one, each stage's environment is looked for in the repository. */
  seeksEnvironment: z.boolean(),
  /** The folder of mirrors on the worker's host; null for the store's own clones. */
  mirrors: z.string().nullable(),
  /** The price table, in the store; null when none was given. */
  prices: blobRef.nullable(),
})
/** What a rollout is made with. */
export type RolloutSettings = z.infer<typeof rolloutSettings>

/** Names and literals that a stage's tests demand and the repository does not have yet. */
export const stageInterface = z.object({ names: z.array(z.string()), literals: z.array(z.string()) })
/** Names and literals that a stage's tests demand. */
export type StageInterface = z.infer<typeof stageInterface>

/** The queries of a rollout's chain: the overview and a sub-query a stage. */
export const queries = z.object({
  format: z.literal('prchain.queries/1'),
  overview: z.string(),
  stages: z.array(
    z.object({
      number: pullNumber,
      query: z.string(),
      interface: stageInterface,
      /** What was masked because it gave the edit away after rewriting had not helped. */
      masked: z.array(z.string()),
    }),
  ),
  /** sha256 of the prompt files that wrote them. */
  prompts: blobRef,
})
/** The queries of a rollout's chain. */
export type Queries = z.infer<typeof queries>

/** The environment that a rollout's stage was given, and where it comes from. */
export const stageEnvironmentRecord = z.object({
  format: z.literal('prchain.stage-environment/1'),
  environment: environment.nullable(),
  /** Null without an environment. */
  origin: origin.nullable(),
  /** Why there is none, else null. */
  reason: z.string().nullable(),
})
/** The environment that a rollout's stage was given. */
export type StageEnvironmentRecord = z.infer<typeof stageEnvironmentRecord>

/** Where a stage starts: S_init, the message that opens it, and the tests as they stand before the agent's work. */
export const stageState = z.object({
  format: z.literal('prchain.stage/1'),
  rollout: z.string(),
  stage: z.number().int().nonnegative(),
  number: pullNumber,
  /** The tree of S_init. */
  initialTree: gitSha,
  carryOver,
  /** The user message that opens the stage. */
  opening: z.string(),
  /** The stage's tests on S_init; null without a valid environment. */
  before: z
    .object({
      report: testReport,
      /** Failing before, passing with the reference patch. */
      failToPass: z.array(z.string()),
      /** Passing on B_t with the stage's tests and with the reference patch. */
      passToPass: z.array(z.string()),
      /** Those of `passToPass` that carry-over broke. */
      brokenByCarryOver: z.array(z.string()),
      /** Tests that are no part of the above because they fail only for names that no query disclosed. */
      undisclosed: z.array(z.object({ id: z.string(), names: z.array(z.string()) })),
    })
    .nullable(),
})
/** Where a stage starts. */
export type StageState = z.infer<typeof stageState>

/** A stage's tests in its environment, on B_t with the stage's tests and on H_t: the same for every rollout. */
export const environmentResult = z.object({
  format: z.literal('prchain.environment-result/1'),
  isValid: z.boolean(),
  /** Why it is not valid, else null. */
  reason: z.string().nullable(),
  /** Failing on B_t and passing on H_t, in every run. */
  failToPass: z.array(z.string()),
  /** Passing on both, in every run. */
  passToPass: z.array(z.string()),
  /** Tests that ended otherwise in one of two equal runs: no part of the above. */
  flaky: z.array(z.string()),
  /** Why the tests of `failToPass` fail on B_t: how many for each reason. */
  failToPassReasons: z.object({
    'missing-name': z.number().int().nonnegative(),
    assertion: z.number().int().nonnegative(),
    other: z.number().int().nonnegative(),
  }),
  /** Where the environment comes from. */
  origin: origin.nullable(),
  /** The first run. */
  base: testReport,
  reference: testReport,
  /** The runs after the first; none where the first was not valid already. */
  runs: z.array(z.object({ base: testReport, reference: testReport })),
})
/** A stage's tests in its environment. */
export type EnvironmentResult = z.infer<typeof environmentResult>

/** What the agent left at the end of a round. */
export const capture = z.object({
  format: z.literal('prchain.capture/1'),
  ending: roundEnding,
  /** The tree of the whole work tree: A_t. */
  tree: gitSha,
  /** diff(S_init, A_t), with full headers; the exact patch that is judged. */
  patch: blobRef,
  changes: z.array(fileChange),
  leftOut: z.array(z.object({ path: z.string(), reason: z.string() })),
})
/** What the agent left at the end of a round. */
export type Capture = z.infer<typeof capture>

/** The stage's tests after a round. */
export const roundTests = z.object({
  format: z.literal('prchain.round-tests/1'),
  report: testReport,
  /** Of the stage's fail-to-pass tests: those that still fail. */
  stillFailing: z.array(z.string()),
  /** Of the pass-to-pass tests that passed on S_init: those that fail now. */
  broken: z.array(z.string()),
})
/** The stage's tests after a round. */
export type RoundTests = z.infer<typeof roundTests>

/** A round's verdict, and what the agent is told when it is refused. */
export const verdict = z.object({
  format: z.literal('prchain.verdict/1'),
  isAccepted: z.boolean(),
  rule: z.enum(['judge', 'tests', 'hybrid']),
  threshold: z.number(),
  /** The judge's score from 0 to 1; null when the rule did not ask the judge. */
  score: z.number().min(0).max(1).nullable(),
  comment: z.string(),
  /** Key of the judge's call, whose record holds the raw reply; null when it was not asked. */
  judgeCall: z.string().nullable(),
  /** The judge's raw reply, in the store. */
  rawReply: blobRef.nullable(),
  /** The exact patch judged. */
  patch: blobRef,
  /** Whether the tests counted and passed; null when they did not count. */
  hasPassedTests: z.boolean().nullable(),
  /** The user message for the next round; empty when accepted. */
  feedback: z.string(),
  /** What was masked in the feedback because it gave the edit away. */
  masked: z.array(z.string()),
})
/** A round's verdict. */
export type Verdict = z.infer<typeof verdict>

/** How a stage ended. */
export const stageResult = z.object({
  format: z.literal('prchain.stage-result/1'),
  stage: z.number().int().nonnegative(),
  number: pullNumber,
  isAccepted: z.boolean(),
  rounds: z.number().int().positive(),
  score: z.number().nullable(),
  /** The tree of the last round: A_t. */
  tree: gitSha,
  patch: blobRef,
  /**
   * Commands that ran more than once, or in vain, because a sandbox or a scaffold was lost. Those of the native agent are
   * on record; of another agent's no more is known than how many it was told to run: at most so many.
   */
  rerunCommands: z.number().int().nonnegative(),
  /** Model calls of branches that were abandoned: paid for, and in no sample. */
  abandonedCalls: z.number().int().nonnegative(),
})
/** How a stage ended. */
export type StageResult = z.infer<typeof stageResult>

/** How a rollout ended: one run of a chain by one scaffold and model. */
export const rollout = z.object({
  format: z.literal('prchain.rollout/1'),
  id: z.string(),
  campaign: z.string(),
  chain: z.string(),
  repository: repositoryName,
  n: z.number().int().positive(),
  settings: rolloutSettings,
  ending,
  /** Why, for every ending but `accepted`; empty for that. */
  reason: z.string(),
  stages: z.array(stageResult),
  steps: z.number().int(),
  usage,
  /** True when the scripted model played: a stand-in, not a model's work. */
  isScripted: z.boolean(),
  endedAt: instant,
})
/** How a rollout ended. */
export type Rollout = z.infer<typeof rollout>
