import { z } from 'zod'
import { funnel } from './campaign.ts'
import { chain } from './chain.ts'
import { repositoryName } from './common.ts'
import { origin } from './environment.ts'
import { gathering, miningMode, miningSource } from './mining.ts'
import { ending, rollout, verdict } from './rollout.ts'
import { campaignState, chainState } from './state.ts'

const counts = z.record(z.string(), z.number().int())
const url = z.string().nullable()

/** The last line of `prchain demo --json`. */
export const demoOutput = z.discriminatedUnion('status', [
  z.object({
    format: z.literal('prchain.demo/1'),
    status: z.literal('completed'),
    funnel,
    samplesPath: z.string().nullable(),
    temporalUi: z.string(),
  }),
  z.object({
    format: z.literal('prchain.demo/1'),
    status: z.literal('failed'),
    reason: z.string(),
    funnel,
    samplesPath: z.null(),
    temporalUi: z.string(),
  }),
])

/** What `prchain run --json` prints. */
export const runOutput = z.discriminatedUnion('status', [
  z.object({
    format: z.literal('prchain.run/1'),
    status: z.literal('completed'),
    campaign: z.string(),
    funnel,
    endings: z.partialRecord(ending, z.number().int()),
    samplesPath: z.string().nullable(),
    temporalUi: url,
  }),
  z.object({
    format: z.literal('prchain.run/1'),
    status: z.literal('cancelled'),
    campaign: z.string(),
    /** Null, as the two below, when no worker is there to say. */
    funnel: funnel.nullable(),
    endings: z.partialRecord(ending, z.number().int()).nullable(),
    samplesPath: z.string().nullable(),
    temporalUi: url,
  }),
  z.object({
    format: z.literal('prchain.run/1'),
    status: z.literal('needs-attention'),
    campaign: z.string(),
    parked: z.array(z.object({ rollout: z.string(), reason: z.string(), resume: z.string() })),
    temporalUi: url,
  }),
  z.object({
    format: z.literal('prchain.run/1'),
    status: z.literal('failed'),
    campaign: z.string(),
    reason: z.string(),
    temporalUi: url,
  }),
  z.object({
    format: z.literal('prchain.run/1'),
    status: z.literal('detached'),
    campaign: z.string(),
    temporalUi: url,
  }),
])

/** What `prchain up --json` prints when all runs. */
export const upOutput = z.object({
  format: z.literal('prchain.up/1'),
  status: z.literal('ready'),
  address: z.string(),
  temporalUi: z.string(),
  scriptedUrl: z.string().nullable(),
  processes: z.object({
    temporal: z.number().int(),
    worker: z.number().int().nullable(),
    gateway: z.number().int().nullable(),
  }),
})

/** What `prchain gateway --json` prints when it runs. */
export const gatewayOutput = z.object({
  format: z.literal('prchain.gateway-ready/1'),
  status: z.literal('running'),
  socketPath: z.string(),
})

/** What `prchain worker --json` prints when it runs. */
export const workerOutput = z.object({
  format: z.literal('prchain.worker/1'),
  status: z.literal('running'),
  address: z.string(),
})

/** What `prchain doctor --json` prints. */
export const doctorOutput = z.object({
  format: z.literal('prchain.doctor/1'),
  findings: z.array(
    z.object({
      what: z.string(),
      status: z.enum(['ok', 'missing', 'optional']),
      found: z.string(),
      /** What to do; empty when it is as it should be. */
      fix: z.string(),
    }),
  ),
  /** The environment of the repository that `--environment` named; null without one. */
  environment: z
    .object({
      repository: repositoryName,
      commit: z.string(),
      status: z.string(),
      /** Why it is not `tested`, else null. */
      reason: z.string().nullable(),
      origin: origin.nullable(),
      dockerfile: z.string().nullable(),
      testCommand: z.string().nullable(),
      buildMs: z.number().nullable(),
      testMs: z.number().nullable(),
      /** How many tests ended how; null when they were not run to a report. */
      tests: z.object({ passed: z.number(), failed: z.number(), error: z.number(), skipped: z.number() }).nullable(),
    })
    .nullable(),
})

/** What `prchain mine --json` prints. */
export const minedOutput = z.object({
  format: z.literal('prchain.mined/1'),
  repository: z.string(),
  source: miningSource,
  mode: miningMode,
  pullRequests: z.number().int(),
  issues: z.number().int(),
  references: z.number().int(),
  chainCount: z.number().int(),
  /** How many of them an earlier mining stored with other links: they stay as they are. */
  outdatedCount: z.number().int(),
  /** At most the first 200; `prchain chains` has all. */
  chains: z.array(z.string()),
  lacks: gathering.shape.lacks,
})

/** A line of `prchain survey --json`. What could not be had is null, and `unknown` says why. */
export const surveyOutput = z.object({
  format: z.literal('prchain.survey/1'),
  repository: repositoryName,
  /** The commit of the default branch that was looked at. */
  commit: z.string().nullable(),
  license: z.string().nullable(),
  languages: z.array(z.object({ name: z.string(), share: z.number() })),
  /** What git alone shows. */
  history: z
    .object({
      opened: z.number().int(),
      merged: z.number().int(),
      effective: z.number().int(),
      withTests: z.number().int(),
      removed: counts,
      linked: z.number().int(),
      chains: z.number().int(),
      stages: z.number().int(),
    })
    .nullable(),
  /** What GitHub said of the newest pull requests. */
  sample: z
    .object({
      since: z.string(),
      until: z.string(),
      effective: z.number().int(),
      linked: z.number().int(),
      linkedInGit: z.number().int(),
      comments: z.number().int(),
      reviewDensity: z.number().nullable(),
    })
    .nullable(),
  expected: z
    .object({
      chains: z.number().int().nullable(),
      low: z.number().int(),
      high: z.number().int(),
      basis: z.enum(['sample', 'git']),
    })
    .nullable(),
  /** The paper's figures, for one of its nine. */
  paper: z.object({ pullRequests: z.number().int(), queries: z.number().int() }).nullable(),
  /** Calls to GitHub, and how many it has left for this caller. */
  calls: z.number().int(),
  remaining: z.number().int().nullable(),
  unknown: z.array(z.object({ what: z.string(), why: z.string() })),
})

/** What `prchain report --json` prints. */
export const reportOutput = z.object({
  format: z.literal('prchain.report/1'),
  path: z.string(),
  repositories: z.array(z.object({ repository: z.string(), minedAt: z.string(), chains: z.number().int() })),
})

/** A line of `prchain status --json`. */
export const statusOutput = z.object({
  format: z.literal('prchain.status/1'),
  campaign: z.string(),
  source: z.enum(['server', 'store']),
  status: z.string(),
  /** The campaign's live state, or null when no server or worker answers. */
  live: campaignState.nullable(),
  endings: counts,
  /** What its model calls came to. Money in whole micro-dollars; null without a price table. */
  spend: z.object({
    microUsd: z.number().int().nullable(),
    tokens: z.number().int(),
    /** Set aside for calls under way. */
    openMicroUsd: z.number().int(),
    /** Set aside for calls that broke off, of which nobody knows what they cost. */
    unknownMicroUsd: z.number().int(),
    ceilingMicroUsd: z.number().int().nullable(),
    ceilingTokens: z.number().int().nullable(),
  }),
  rerunCommands: z.number().int(),
  abandonedCalls: z.number().int(),
})

/** What `prchain show chain/CAMPAIGN/CHAIN/N --json` prints. `prchain show CHAIN --json` prints a chain. */
export const showRolloutOutput = z.object({
  format: z.literal('prchain.show-rollout/1'),
  rollout: z.string(),
  ended: rollout.nullable(),
  live: chainState.nullable(),
  verdicts: z.array(z.object({ stage: z.number().int(), round: z.number().int(), verdict })),
})

/** A line of `prchain resume --json`. */
export const resumeOutput = z.object({
  format: z.literal('prchain.resume/1'),
  workflow: z.string(),
  answer: z.string(),
})

/** What `prchain cancel --json` prints. */
export const cancelOutput = z.object({
  format: z.literal('prchain.cancel/1'),
  workflow: z.string(),
  /** `asked`: its cancellation. `ended`: it had ended before, and nothing was done. */
  status: z.enum(['asked', 'ended']),
})

/** What `prchain trajectory export --json` prints. */
export const trajectoryExportedOutput = z.object({
  format: z.literal('prchain.trajectory-exported/1'),
  target: z.string(),
  files: z.array(z.object({ trajectory: z.string(), path: z.string(), steps: z.number().int() })),
  /** Rollouts of the campaign that ended without a sample. */
  without: z.array(z.string()),
})

/** What `prchain trajectory import --json` prints. */
export const trajectoryImportedOutput = z.object({
  format: z.literal('prchain.trajectory-imported/1'),
  trajectory: z.string(),
  /** False when the same document was imported before. */
  isNew: z.boolean(),
  version: z.string(),
  agent: z.string(),
  messages: z.number().int(),
  segments: z.number().int(),
  steps: z.number().int(),
  /** What stands in the stored document alone. */
  leftOut: z.array(z.string()),
})

/** Everything that a command prints with `--json`. */
export const output = z.union([
  demoOutput,
  runOutput,
  upOutput,
  gatewayOutput,
  workerOutput,
  doctorOutput,
  minedOutput,
  surveyOutput,
  reportOutput,
  statusOutput,
  showRolloutOutput,
  resumeOutput,
  cancelOutput,
  trajectoryExportedOutput,
  trajectoryImportedOutput,
  chain,
])
/** Everything that a command prints with `--json`. */
export type Output = z.input<typeof output>
