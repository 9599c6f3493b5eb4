import { resolve } from 'node:path'
import { z } from 'zod'
import { SCAFFOLDS } from './scaffolds/index.ts'
import { address, dollars, flag, number, whole } from './settingSchemas.ts'

/**
 * Every setting, once: its schema with its default, the environment variable that sets it, and what it means. A flag is
 * the name in kebab case. Order: flag, environment, prchain.config.json, default.
 */
export const SETTINGS = {
  store: { schema: z.string().min(1).default('.prchain'), env: 'PRCHAIN_STORE', help: 'folder of the artifact store' },
  mirrors: {
    schema: z.string().min(1).nullable().default(null),
    env: 'PRCHAIN_MIRRORS',
    help: 'folder with git directories owner__name.git',
  },
  temporalAddress: {
    schema: address.nullable().default(null),
    env: 'TEMPORAL_ADDRESS',
    help: 'Temporal server, host:port',
  },
  temporalNamespace: {
    schema: z.string().min(1).default('default'),
    env: 'TEMPORAL_NAMESPACE',
    help: 'Temporal namespace',
  },
  temporalCli: {
    schema: z.string().min(1).nullable().default(null),
    env: 'PRCHAIN_TEMPORAL_CLI',
    help: 'the temporal command',
  },
  temporalPort: {
    schema: whole(1, 65_535).nullable().default(null),
    env: 'PRCHAIN_TEMPORAL_PORT',
    help: 'port of the embedded Temporal server',
  },
  temporalUiPort: {
    schema: whole(1, 65_535).nullable().default(null),
    env: 'PRCHAIN_TEMPORAL_UI_PORT',
    help: 'port of its UI',
  },
  openaiBaseUrl: {
    schema: z.url().nullable().default(null),
    env: 'OPENAI_BASE_URL',
    help: 'OpenAI-compatible endpoint; the scripted model without one',
  },
  openaiApiKey: {
    schema: z.string().min(1).nullable().default(null),
    env: 'OPENAI_API_KEY',
    help: 'its key',
    isSecret: true,
  },
  modelTimeoutMs: {
    schema: whole(1).default(600_000),
    env: 'PRCHAIN_MODEL_TIMEOUT_MS',
    help: 'longest wait for one reply',
  },
  modelTries: {
    schema: whole(1).default(6),
    env: 'PRCHAIN_MODEL_TRIES',
    help: 'tries of a model call before the chain is parked',
  },
  modelRetryMs: {
    schema: whole(1).default(500),
    env: 'PRCHAIN_MODEL_RETRY_MS',
    help: 'first wait between tries; doubled each time, at most a minute',
  },
  modelStream: { schema: flag().default(false), env: 'PRCHAIN_MODEL_STREAM', help: 'ask for streamed replies' },
  modelRpm: {
    schema: whole(1).nullable().default(null),
    env: 'PRCHAIN_MODEL_RPM',
    help: 'most model calls in any minute, of all workers that share the store',
  },
  modelTpm: {
    schema: whole(1).nullable().default(null),
    env: 'PRCHAIN_MODEL_TPM',
    help: 'most tokens in any minute, likewise',
  },
  githubApiUrl: { schema: z.url().default('https://api.github.com'), env: 'GITHUB_API_URL', help: 'GitHub API' },
  githubServerUrl: {
    schema: z.url().default('https://github.com'),
    env: 'GITHUB_SERVER_URL',
    help: 'where repositories are cloned from',
  },
  githubToken: {
    schema: z.string().min(1).nullable().default(null),
    env: 'GITHUB_TOKEN',
    help: 'GitHub token',
    isSecret: true,
  },
  githubRpm: {
    schema: whole(1).default(850),
    env: 'PRCHAIN_GITHUB_RPM',
    help: 'most calls to GitHub in any minute, of one worker; GitHub allows 900',
  },
  dockerHost: {
    schema: z.string().min(1).nullable().default(null),
    env: 'DOCKER_HOST',
    help: 'Docker engine, such as unix:///var/run/docker.sock',
  },
  sandbox: {
    schema: z.enum(['auto', 'docker', 'bubblewrap', 'process']).default('auto'),
    env: 'PRCHAIN_SANDBOX',
    help: 'where agents work; "process" does not isolate',
  },
  sandboxMemoryMb: { schema: whole(16).default(4096), env: 'PRCHAIN_SANDBOX_MEMORY_MB', help: 'memory of a sandbox' },
  sandboxCpus: {
    schema: number().pipe(z.number().positive()).default(2),
    env: 'PRCHAIN_SANDBOX_CPUS',
    help: 'processors of a sandbox',
  },
  sandboxPids: { schema: whole(16).default(512), env: 'PRCHAIN_SANDBOX_PIDS', help: 'processes in a sandbox' },
  sandboxDiskMb: {
    schema: whole(16).default(2048),
    env: 'PRCHAIN_SANDBOX_DISK_MB',
    help: 'room in each of a sandbox’s folders',
  },
  sandboxStarts: {
    schema: whole(1).default(4),
    env: 'PRCHAIN_SANDBOX_STARTS',
    help: 'sandboxes that are made or removed at once',
  },
  gatewaySocket: {
    schema: z.string().min(1).max(100).nullable().default(null),
    env: 'PRCHAIN_GATEWAY_SOCKET',
    help: 'Unix socket of the gateway; one for the store, in the folder for temporary files, by default',
  },
  gatewayReach: {
    schema: z.enum(['auto', 'socket', 'network']).default('auto'),
    env: 'PRCHAIN_GATEWAY_REACH',
    help: 'how Docker’s sandboxes reach the gateway; "auto" tries the socket once for an engine',
  },
  gatewayPort: {
    schema: whole(1, 65_535).nullable().default(null),
    env: 'PRCHAIN_GATEWAY_PORT',
    help: 'port of the gateway where it is reached over a network; one for the store by default',
  },
  environmentBase: {
    schema: z.string().min(1).default('debian:bookworm-slim'),
    env: 'PRCHAIN_ENVIRONMENT_BASE',
    help: 'Debian image that environments are built from',
  },
  environmentNetwork: {
    schema: z.enum(['default', 'host']).default('default'),
    env: 'PRCHAIN_ENVIRONMENT_NETWORK',
    help: 'Docker network of the build step; no sandbox has one',
  },
  environmentCertificates: {
    schema: z.string().min(1).nullable().default(null),
    env: 'PRCHAIN_ENVIRONMENT_CERTIFICATES',
    help: 'file of certificates that the build step trusts, behind a proxy',
  },
  workerActivities: {
    schema: whole(1).default(50),
    env: 'PRCHAIN_WORKER_ACTIVITIES',
    help: 'activities that one worker runs at once',
  },
  sliceSteps: { schema: whole(1).default(100), env: 'PRCHAIN_SLICE_STEPS', help: 'steps of one slice' },
  sliceMs: { schema: whole(1).default(300_000), env: 'PRCHAIN_SLICE_MS', help: 'longest time of one slice' },
  checkpointMs: {
    schema: whole(0).default(60_000),
    env: 'PRCHAIN_CHECKPOINT_MS',
    help: 'time of commands after which the work tree is put on record',
  },
  rerunMs: {
    schema: whole(0).default(60_000),
    env: 'PRCHAIN_RERUN_MS',
    help: 'time of commands up to which a lost sandbox is rebuilt by running them again',
  },
  resumeEveryMs: {
    schema: whole(1_000).default(60_000),
    env: 'PRCHAIN_RESUME_EVERY_MS',
    help: 'how often failed chains are looked for',
  },
  scriptedUrl: {
    schema: z.url().nullable().default(null),
    env: 'PRCHAIN_SCRIPTED_URL',
    help: 'the scripted model that `prchain up` runs, for a worker alone',
  },
  scriptedSettings: {
    schema: z.string().min(1).nullable().default(null),
    env: 'PRCHAIN_SCRIPTED_SETTINGS',
    help: 'settings file of the scripted model',
  },
  campaign: {
    schema: z.string().min(1).nullable().default(null),
    env: 'PRCHAIN_CAMPAIGN',
    help: "the campaign's name",
  },
  scaffold: {
    schema: z.enum(['native', ...SCAFFOLDS.map(({ name }) => name)]).default('native'),
    env: 'PRCHAIN_SCAFFOLD',
    help: 'which agent works',
  },
  siiCliPath: {
    schema: z
      .string()
      .min(1)
      // Others that are given it work in another folder.
      .transform((path) => resolve(path))
      .nullable()
      .default(null),
    env: 'PRCHAIN_SII_CLI_PATH',
    help: 'folder with SII-CLI, for --scaffold sii-cli',
  },
  model: { schema: z.string().min(1).nullable().default(null), env: 'PRCHAIN_MODEL', help: 'model of the agent' },
  judgeModel: {
    schema: z.string().min(1).nullable().default(null),
    env: 'PRCHAIN_JUDGE_MODEL',
    help: 'model of the judge; the agent’s by default',
  },
  queryModel: {
    schema: z.string().min(1).nullable().default(null),
    env: 'PRCHAIN_QUERY_MODEL',
    help: 'model of the query writer; the agent’s by default',
  },
  rollouts: { schema: whole(1).default(1), env: 'PRCHAIN_ROLLOUTS', help: 'rollouts of each chain' },
  concurrency: { schema: whole(1).default(4), env: 'PRCHAIN_CONCURRENCY', help: 'rollouts at once' },
  carry: {
    schema: z.enum(['substitute', 'replay', 'overlay']).nullable().default(null),
    env: 'PRCHAIN_CARRY',
    help: 'how work is carried over',
  },
  onConflict: {
    schema: z.enum(['rebase', 'agent', 'upstream', 'end']).default('rebase'),
    env: 'PRCHAIN_ON_CONFLICT',
    help: 'what decides a conflict at carry-over',
  },
  accept: {
    schema: z.enum(['judge', 'tests', 'hybrid']).nullable().default(null),
    env: 'PRCHAIN_ACCEPT',
    help: 'what accepts a round (hybrid)',
  },
  threshold: {
    schema: number().pipe(z.number().min(0).max(1)).nullable().default(null),
    env: 'PRCHAIN_THRESHOLD',
    help: 'least score of an accepted round (0.8)',
  },
  refinements: {
    schema: whole(0, 20).nullable().default(null),
    env: 'PRCHAIN_REFINEMENTS',
    help: 'refinements after the first round (3)',
  },
  overview: {
    schema: z.enum(['every', 'first']).nullable().default(null),
    env: 'PRCHAIN_OVERVIEW',
    help: 'which queries the overview goes with (every)',
  },
  interface: {
    schema: flag().nullable().default(null),
    env: 'PRCHAIN_INTERFACE',
    help: 'whether queries give the names and texts that tests demand (true)',
  },
  maxSteps: { schema: whole(1).default(300), env: 'PRCHAIN_MAX_STEPS', help: 'steps of one round' },
  maxStageSteps: {
    schema: whole(1).nullable().default(null),
    env: 'PRCHAIN_MAX_STAGE_STEPS',
    help: 'steps of a stage, all its rounds together; of the native agent',
  },
  maxStageTokens: {
    schema: whole(1).nullable().default(null),
    env: 'PRCHAIN_MAX_STAGE_TOKENS',
    help: 'tokens of a stage, prompts and replies; of the native agent',
  },
  maxChainSteps: {
    schema: whole(1).nullable().default(null),
    env: 'PRCHAIN_MAX_CHAIN_STEPS',
    help: 'steps of a rollout; of the native agent',
  },
  maxChainTokens: {
    schema: whole(1).nullable().default(null),
    env: 'PRCHAIN_MAX_CHAIN_TOKENS',
    help: 'tokens of a rollout, prompts and replies; of the native agent',
  },
  contextTokens: {
    schema: whole(8_192).default(128_000),
    env: 'PRCHAIN_CONTEXT_TOKENS',
    help: 'window that the native agent’s conversation is kept within',
  },
  environment: {
    schema: z.string().min(1).nullable().default(null),
    env: 'PRCHAIN_ENVIRONMENT',
    help: 'environment file; "none" for no tests; looked for in the repository without one',
  },
  seed: {
    schema: number().pipe(z.number().int()).default(1),
    env: 'PRCHAIN_SEED',
    help: 'seed of the scripted model, and sent to real ones',
  },
  prices: {
    schema: z.string().min(1).nullable().default(null),
    env: 'PRCHAIN_PRICES',
    help: 'price table of the models, in micro-dollars for a million tokens',
  },
  budgetUsd: { schema: dollars(), env: 'PRCHAIN_BUDGET_USD', help: 'ceiling of the campaign, in dollars' },
  budgetTokens: {
    schema: whole(1).nullable().default(null),
    env: 'PRCHAIN_BUDGET_TOKENS',
    help: 'ceiling of the campaign, in tokens of input and output together',
  },
  budgetUsdChain: { schema: dollars(), env: 'PRCHAIN_BUDGET_USD_CHAIN', help: 'ceiling of each rollout of a chain' },
  budgetUsdStage: { schema: dollars(), env: 'PRCHAIN_BUDGET_USD_STAGE', help: 'ceiling of each stage of a rollout' },
  budgetUsdDay: {
    schema: dollars(),
    env: 'PRCHAIN_BUDGET_USD_DAY',
    help: 'ceiling of all campaigns of the store together on one day, in UTC',
  },
  preset: { schema: z.enum(['paper']).nullable().default(null), env: 'PRCHAIN_PRESET', help: 'settings of the paper' },
} as const satisfies Record<string, { schema: z.ZodType; env: string; help: string; isSecret?: true }>
