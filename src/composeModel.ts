import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { prettifyError, ZodError } from 'zod'
import { composeStore } from './compose.ts'
import { ConfigError, type Config } from './config.ts'
import { digestOf } from './domain/digest.ts'
import type { Redact } from './domain/redaction.ts'
import { createOpenAiModel } from './model/openai.ts'
import type { ChatModel, Provider } from './model/port.ts'
import { createProvider } from './model/provider.ts'
import { createBudget } from './record/budget.ts'
import { createMeter } from './record/meter.ts'
import type { Patience } from './record/patience.ts'
import { startScriptedModel } from './scripted/server.ts'
import { scriptedSettings, type ScriptedSettings } from './scripted/settings.ts'
import type { Store } from './store/port.ts'

const LONGEST_RETRY_WAIT_MS = 60_000

/** Whether the settings name a real model endpoint; without one the scripted model plays. */
export function hasRealModel(config: Config): boolean {
  return config.openaiBaseUrl !== null || config.openaiApiKey !== null
}

/** The chat model: a real endpoint where the settings name one, else the scripted model at `scriptedUrl`. */
export function composeModel(config: Config, scriptedUrl: string | null): ChatModel {
  return createOpenAiModel({ ...endpointOf(config, scriptedUrl), isStreaming: config.modelStream })
}

/** The same endpoint, for requests that are passed on as they are. */
export function composeProvider(config: Config, scriptedUrl: string | null): Provider {
  return createProvider(endpointOf(config, scriptedUrl))
}

function endpointOf(config: Config, scriptedUrl: string | null) {
  const timeoutMs = config.modelTimeoutMs
  if (hasRealModel(config)) {
    const baseUrl = config.openaiBaseUrl ?? 'https://api.openai.com/v1'
    return { baseUrl, apiKey: config.openaiApiKey ?? 'none', isScripted: false, timeoutMs }
  }
  if (scriptedUrl === null) {
    throw new Error(
      'no model: set OPENAI_BASE_URL and OPENAI_API_KEY, or run under `prchain up`, which has the scripted model',
    )
  }
  return { baseUrl: scriptedUrl, apiKey: 'scripted', isScripted: true, timeoutMs }
}

/** Retries, pace and ceilings of model calls. `flush` puts on record what calls cost that have just ended. */
export function composePatience(options: {
  config: Config
  scriptedUrl: string | null
  store: Store
  redact: Redact
}): {
  patience: Patience
  flush: () => Promise<void>
} {
  const { config, scriptedUrl, store, redact } = options
  const { baseUrl, apiKey } = endpointOf(config, scriptedUrl)
  const wait: Patience['wait'] = (ms, signal) => sleep(ms, undefined, { signal })
  const now = () => new Date()
  const holder = `${hostname()}/${process.pid}/${randomBytes(4).toString('hex')}`
  const budget = createBudget({ store, holder, now, wait })
  const meter = createMeter({
    ...{ store, budget, now, wait },
    provider: digestOf(`${baseUrl}\n${apiKey}`).slice('sha256:'.length, 'sha256:'.length + 16),
    limits: { requestsPerMinute: config.modelRpm, tokensPerMinute: config.modelTpm },
  })
  const retry = { tries: config.modelTries, firstWaitMs: config.modelRetryMs, longestWaitMs: LONGEST_RETRY_WAIT_MS }
  return { patience: { redact, meter, retry, wait }, flush: () => budget.flush() }
}

/** Starts the scripted model over loopback: writer, agent and judge of the embedded default. */
export async function composeScriptedModel(config: Config): Promise<{ baseUrl: string; close(): Promise<void> }> {
  return startScriptedModel({ store: composeStore(config), seed: config.seed, settings: readScriptedSettings(config) })
}

function readScriptedSettings(config: Config): ScriptedSettings {
  if (config.scriptedSettings === null) return scriptedSettings.parse({})
  const path = config.scriptedSettings
  try {
    return scriptedSettings.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    const what = cause instanceof ZodError ? prettifyError(cause) : (cause as Error).message
    throw new ConfigError(`${path} (scriptedSettings) is not a settings file of the scripted model: ${what}`, { cause })
  }
}
