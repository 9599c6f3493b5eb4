import { z } from 'zod'

const count = z.number().int().nonnegative()
const roleName = z.enum(['writer', 'agent', 'judge'])

/** Which requests a fault strikes, and how often. */
const strikes = {
  /** Only requests of this role, chain, rollout, stage, round; all when absent. */
  role: roleName.optional(),
  chain: z.string().optional(),
  rollout: z.string().optional(),
  stage: z.number().int().optional(),
  round: z.number().int().optional(),
  /** So many matching requests pass before the fault begins. */
  skip: count.default(0),
  /** So many requests are struck, or all until the settings are replaced. */
  count: z.union([z.literal('forever'), z.number().int().positive()]).default(1),
  /** The share of matching requests that are struck, drawn by the seed. */
  probability: z.number().min(0).max(1).default(1),
}

/** A way for the endpoint to fail. */
export const fault = z.discriminatedUnion('kind', [
  /** An error status in OpenAI's shape; 429 and 503 carry `retry-after` when it is given. */
  z.strictObject({
    kind: z.literal('status'),
    status: z.number().int().min(400).max(599),
    retryAfterSeconds: count.optional(),
    ...strikes,
  }),
  /** Status 200 with a body that is not JSON. */
  z.strictObject({ kind: z.literal('rubbish'), ...strikes }),
  /** The connection is destroyed in the middle of the reply; or `at` its `end`, where of a stream only what closes it is not sent. */
  z.strictObject({ kind: z.literal('cut'), at: z.enum(['middle', 'end']).default('middle'), ...strikes }),
  /** No answer at all: the connection stays open until the client or the server goes. */
  z.strictObject({ kind: z.literal('never'), ...strikes }),
])
/** A way for the endpoint to fail. */
export type Fault = z.infer<typeof fault>

/** The names of flaws. */
export const flawKind = z.enum([
  'missing-hunk',
  'wrong-condition',
  'renamed',
  'equivalent',
  'unrelated',
  'nothing',
  'half',
  'no-tool-call',
  'bad-arguments',
])
/** The names of flaws. */
export type FlawKind = z.infer<typeof flawKind>

const fullFlaw = z.strictObject({
  kind: flawKind,
  /** For `missing-hunk` and `wrong-condition`: which change, counted from 0 over the patch; by the seed when absent. */
  hunk: count.optional(),
  /** The share of rollouts that have the flaw, drawn by the seed. */
  share: z.number().min(0).max(1).default(1),
})

/** A flaw of the agent's work in round 0 of a stage: a name alone, or a name with details. */
export const flaw = z.union([flawKind.transform((kind) => ({ kind, share: 1 }) as z.infer<typeof fullFlaw>), fullFlaw])
/** A flaw of the agent's work in round 0 of a stage. */
export type Flaw = z.infer<typeof fullFlaw>

const stagePart = z.strictObject({
  /** Further `shell` calls in each round before the first edit. */
  extraSteps: count.optional(),
  /** So many bytes are printed by each of them. */
  extraOutputBytes: count.optional(),
  /** Whether the first looks come two tool calls to a message. */
  parallel: z.boolean().optional(),
  /** A command run before the submit of each round; null for none. */
  testCommand: z.string().min(1).nullable().optional(),
  /** Whether the agent writes the reference's test files too. */
  includeTests: z.boolean().optional(),
  flaws: z.array(flaw).optional(),
  /** Whether later rounds repair what the feedback names. */
  repair: z.enum(['on-feedback', 'never']).optional(),
  /** Repairs begin after this round. */
  repairAfterRound: count.optional(),
  /** What the first try of a rebase round keeps of each conflict: one side, both, or nothing is done (`idle`). */
  rebase: z.enum(['upstream', 'yours', 'both', 'idle']).optional(),
})

/** How the agent plays one stage: each key from the stage, else the chain, else the top, else the default. */
export type StagePart = Required<z.infer<typeof stagePart>>

/** What the scripted model is told: latency, faults, flaws. Every key has a default; docs/scripted-model.md lists them. */
export const scriptedSettings = stagePart.extend({
  latencyMs: count.default(0),
  /** Up to so many milliseconds more, drawn by the seed. */
  jitterMs: count.default(0),
  /** Requests with more prompt tokens are refused as OpenAI does; null for no limit. */
  contextTokens: z.number().int().positive().nullable().default(null),
  /** The first that matches strikes. */
  faults: z.array(fault).default([]),
  /** The file that extra steps append to; the shell expands it. */
  markerFile: z
    .string()
    .regex(/^[^"`\\\n]+$/, 'a path without quotes, backslashes and line ends')
    .default('$HOME/markers'),
  judge: z
    .strictObject({
      /** So many first replies of each judge conversation are not JSON. */
      garbage: count.default(0),
    })
    .prefault({}),
  writer: z
    .strictObject({
      /** So many first replies of each writer conversation are not JSON. */
      garbage: count.default(0),
      /** Whether the first reply of each query conversation quotes a line of the patch. */
      leak: z.boolean().default(false),
    })
    .prefault({}),
  /** By chain id; within it `stages` by the stage's index from 0. */
  chains: z
    .record(
      z.string(),
      stagePart.extend({ stages: z.record(z.string().regex(/^\d+$/, 'a stage index from 0'), stagePart).default({}) }),
    )
    .default({}),
})
/** What the scripted model is told, complete. */
export type ScriptedSettings = z.infer<typeof scriptedSettings>

const defaults: StagePart = {
  extraSteps: 0,
  extraOutputBytes: 0,
  parallel: false,
  testCommand: null,
  includeTests: false,
  flaws: [],
  repair: 'on-feedback',
  repairAfterRound: 0,
  rebase: 'upstream',
}

/** How the agent plays a stage of a chain under these settings. */
export function stagePartOf(settings: ScriptedSettings, chain: string, stage: number): StagePart {
  const ofChain = settings.chains[chain]
  const layers = [ofChain?.stages[String(stage)], ofChain, settings]
  const pick = <K extends keyof StagePart>(key: K): StagePart[K] =>
    (layers.find((layer) => layer?.[key] !== undefined)?.[key] as StagePart[K] | undefined) ?? defaults[key]
  return {
    extraSteps: pick('extraSteps'),
    extraOutputBytes: pick('extraOutputBytes'),
    parallel: pick('parallel'),
    testCommand: pick('testCommand'),
    includeTests: pick('includeTests'),
    flaws: pick('flaws'),
    repair: pick('repair'),
    repairAfterRound: pick('repairAfterRound'),
    rebase: pick('rebase'),
  }
}
