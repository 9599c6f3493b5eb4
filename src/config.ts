import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { z } from 'zod'
import { SETTINGS } from './settings.ts'

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

const NETWORK_VARIABLES = [
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'no_proxy', 'all_proxy'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'GIT_SSL_CAINFO', 'CURL_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS', 'SSH_AUTH_SOCK'],
]
const INDEX_VARIABLES = [
  ...['PIP_INDEX_URL', 'PIP_EXTRA_INDEX_URL', 'UV_DEFAULT_INDEX', 'UV_INDEX', 'NPM_CONFIG_REGISTRY', 'GOPROXY'],
  ...['GOSUMDB', 'GONOSUMDB', 'CARGO_REGISTRIES_CRATES_IO_PROTOCOL'],
]

/** What of the host's environment is no setting of ours. */
export interface Host {
  path: string
  /** Where caches that are shared between stores go. */
  cacheDir: string
  /** Proxies and certificates, for programs that reach a network. */
  network: Record<string, string>
  /** Proxies and package indexes, for the build step of environments. They may hold credentials. */
  build: Record<string, string>
}

/** Reads {@link Host}. */
export function readHost(env: NodeJS.ProcessEnv = process.env): Host {
  const caches = env['XDG_CACHE_HOME'] ?? join(env['HOME'] ?? '.', '.cache')
  const pick = (names: readonly string[]) =>
    Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])))
  return {
    path: env['PATH'] ?? '',
    cacheDir: join(caches, 'prchain'),
    network: pick(NETWORK_VARIABLES),
    build: pick([...NETWORK_VARIABLES.slice(0, 8), ...INDEX_VARIABLES]),
  }
}

/** The flag that sets a setting. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)}`
}

/** What a setting means, for the help text. */
export function helpOf(name: SettingName): string {
  return `${SETTINGS[name].help} (${SETTINGS[name].env})`
}

/** The values of the settings that are secrets, by name. */
export function secretsOf(config: Config): Record<string, string | null> {
  return Object.fromEntries(settingNames.filter(isSecret).map((name) => [name, config[name] as string | null]))
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
