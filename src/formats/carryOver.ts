import { z } from 'zod'
import { fileChange } from './chain.ts'
import { gitSha, pullNumber } from './common.ts'
import { testReport } from './environment.ts'

const conflictSide = z.object({ mode: z.string(), object: gitSha }).nullable()

/** A path on which carry-over could not decide, with its versions; null where a side does not have it. */
export const conflict = z.object({
  path: z.string(),
  kind: z.enum(['content', 'binary', 'deleted-upstream', 'deleted-by-agent', 'added-twice', 'other']),
  base: conflictSide,
  /** What upstream has. */
  ours: conflictSide,
  /** What the agent has. */
  theirs: conflictSide,
})

/** What carry-over made of B_t and the agent's work so far. */
export const carryOver = z.object({
  policy: z.enum(['none', 'substitute', 'replay', 'overlay']),
  /** Test files of the previous stage that S_init has from upstream: the agent is told. */
  upstreamTests: z.array(z.string()),
  /** Those of the previous stage's test files that S_init does not have from upstream, because all of their tests fail for names that no query disclosed. */
  undisclosedTests: z.array(z.object({ path: z.string(), names: z.array(z.string()) })),
  /** Paths that upstream changed between H(t−1) and B_t. */
  movedUpstream: z.array(fileChange),
  /** What the merge could not decide. Empty for a clean one. */
  conflicts: z.array(conflict),
  /** What decided the conflicts: a rebase round by the agent, or one side for all; null when there were none. */
  decidedBy: z.enum(['rebase', 'agent', 'upstream']).nullable(),
  /** The share of the lines that the agent's patch of the previous stage added which S_init still has; 1 when there are none. */
  survivingShare: z.number().min(0).max(1),
})
/** What carry-over made of B_t and the agent's work so far. */
export type CarryOver = z.infer<typeof carryOver>

/** The rebase round of a stage whose carry-over conflicted: where it starts, and what it is asked. */
export const rebase = z.object({
  format: z.literal('prchain.rebase/1'),
  rollout: z.string(),
  stage: z.number().int().nonnegative(),
  number: pullNumber,
  /** The merged tree with conflict markers: what the agent starts from. */
  tree: gitSha,
  carryOver,
  /** The user message that opens the round. */
  opening: z.string(),
  /** The stage's pass-to-pass tests, which must pass when it is done; null without a valid environment. */
  passToPass: z.array(z.string()).nullable(),
})
/** The rebase round of a stage whose carry-over conflicted. */
export type Rebase = z.infer<typeof rebase>

/** What a try of a rebase round came to. */
export const rebaseCheck = z.object({
  format: z.literal('prchain.rebase-check/1'),
  /** No marker is left, and what passed before passes. */
  isDone: z.boolean(),
  /** Files that still hold conflict markers. */
  markers: z.array(z.string()),
  /** Tests that passed before and do not now. */
  broken: z.array(z.string()),
  /** Tests left out because they fail only for names that no query disclosed. */
  undisclosed: z.array(z.object({ id: z.string(), names: z.array(z.string()) })),
  report: testReport.nullable(),
  /** The user message for the next try; empty when done. */
  feedback: z.string(),
})
/** What a try of a rebase round came to. */
export type RebaseCheck = z.infer<typeof rebaseCheck>
