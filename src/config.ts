import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'

const whole = (least: number, most = Number.MAX_SAFE_INTEGER) => number().pipe(z.number().int().min(least).max(most))
const address = z.string().regex(/^[^\s:/]+:\d{1,5}$/, 'expected host:port')

/**
 * Every setting, once: its schema with its default, the environment variable that sets it, and what it means. A flag is
 * the name in kebab case. Order: flag, environment, prchain.config.json, default.
 */
const SETTINGS = {
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
  dockerHost: {
    schema: z.string().min(1).nullable().default(null),
    env: 'DOCKER_HOST',
    help: 'Docker engine, such as unix:///var/run/docker.sock',
  },
  sandbox: {
    schema: z.enum(['auto', 'docker', 'process']).default('auto'),
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
  workerActivities: {
    schema: whole(1).default(50),
    env: 'PRCHAIN_WORKER_ACTIVITIES',
    help: 'activities that one worker runs at once',
  },
  sliceSteps: { schema: whole(1).default(100), env: 'PRCHAIN_SLICE_STEPS', help: 'steps of one slice' },
  sliceMs: { schema: whole(1).default(300_000), env: 'PRCHAIN_SLICE_MS', help: 'longest time of one slice' },
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
  scaffold: { schema: z.enum(['native']).default('native'), env: 'PRCHAIN_SCAFFOLD', help: 'which agent works' },
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
    schema: z.enum(['substitute']).default('substitute'),
    env: 'PRCHAIN_CARRY',
    help: 'how work is carried over',
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
  environment: {
    schema: z.string().min(1).nullable().default(null),
    env: 'PRCHAIN_ENVIRONMENT',
    help: 'environment file',
  },
  seed: {
    schema: number().pipe(z.number().int()).default(1),
    env: 'PRCHAIN_SEED',
    help: 'seed of the scripted model, and sent to real ones',
  },
  preset: { schema: z.enum(['paper']).nullable().default(null), env: 'PRCHAIN_PRESET', help: 'settings of the paper' },
} as const satisfies Record<string, { schema: z.ZodType; env: string; help: string; isSecret?: true }>

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS

/** The names of all settings. */
export const settingNames = Object.keys(SETTINGS) as SettingName[]

/** All settings, checked. */
export type Config = { [N in SettingName]: z.infer<(typeof SETTINGS)[N]['schema']> }

/** A setting that is not what it may be. The message names it, its value, where it stands, and what is allowed. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

/**
 * The settings from flags, environment and `prchain.config.json` in that order of precedence. Flags come by setting
 * name, unset ones undefined. Throws {@link ConfigError}.
 */
export function readConfig(options: { flags: Record<string, unknown>; env: NodeJS.ProcessEnv; dir: string }): Config {
  const { flags, env, dir } = options
  const path = resolve(dir, 'prchain.config.json')
  const file = readConfigFile(path)
  const config: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(SETTINGS)) {
    const isSecret = 'isSecret' in setting
    const [value, source] = pick(name, setting.env)
    const parsed = setting.schema.safeParse(value)
    if (!parsed.success) {
      const shown = isSecret ? 'its value' : JSON.stringify(value)
      throw new ConfigError(
        `${source}: ${shown} is not allowed for ${name} (${setting.help}): ${parsed.error.issues.map((issue) => issue.message).join('; ')}`,
      )
    }
    config[name] = parsed.data
  }
  return config as Config

  function pick(name: string, variable: string): [unknown, string] {
    if (flags[name] !== undefined) return [flags[name], `flag ${flagOf(name)}`]
    if (env[variable] !== undefined && env[variable] !== '') return [env[variable], `environment ${variable}`]
    if (file[name] !== undefined) return [file[name], path]
    return [undefined, 'default']
  }
}

/** The settings as environment variables, for a process of ours that reads no flags. Unset ones are empty. */
export function toEnvironment(config: Config): Record<string, string> {
  return Object.fromEntries(
    settingNames.map((name) => {
      const value = config[name]
      return [SETTINGS[name].env, value === null ? '' : String(value)]
    }),
  )
}

/** What of the host's environment is no setting of ours: where programs are found, and where caches go. */
export function readHost(env: NodeJS.ProcessEnv = process.env): { path: string; cacheDir: string } {
  const caches = env['XDG_CACHE_HOME'] ?? join(env['HOME'] ?? '.', '.cache')
  return { path: env['PATH'] ?? '', cacheDir: join(caches, 'prchain') }
}

/** The flag that sets a setting. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)}`
}

/** What a setting means, for the help text. */
export function helpOf(name: SettingName): string {
  return `${SETTINGS[name].help} (${SETTINGS[name].env})`
}

/** Whether a setting is a secret, which no flag and no file may carry. */
export function isSecret(name: SettingName): boolean {
  return 'isSecret' in SETTINGS[name]
}

/** Whether a setting is a switch, whose flag takes no value. */
export function isSwitch(name: SettingName): boolean {
  return name === 'modelStream'
}

function readConfigFile(path: string): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new ConfigError(`${path} cannot be read: ${(error as Error).message}`, { cause: error })
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new ConfigError(`${path} is not JSON: ${(cause as Error).message}`, { cause })
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new ConfigError(`${path} is not a JSON object`)
  const unknown = Object.keys(value).filter((name) => !(name in SETTINGS))
  if (unknown.length > 0) {
    throw new ConfigError(
      `${path}: there is no setting ${unknown.map((name) => `"${name}"`).join(', ')}; the settings are ${Object.keys(SETTINGS).join(', ')}`,
    )
  }
  const secrets = Object.keys(value).filter((name) => 'isSecret' in SETTINGS[name as SettingName])
  if (secrets.length > 0)
    throw new ConfigError(`${path}: ${secrets.join(', ')} is a secret and belongs in the environment`)
  return value as Record<string, unknown>
}

function flag() {
  return z.union([
    z.boolean(),
    z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1'),
  ])
}

/** A number, or text that is one: an empty text and a switch are none. */
function number() {
  return z.union([
    z.number(),
    z
      .string()
      .regex(/^-?\d+(\.\d+)?$/, 'expected a number')
      .transform(Number),
  ])
}
