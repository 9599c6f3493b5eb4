import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { prettifyError, ZodError } from 'zod'
import { composeSandboxes, composeStore } from '../compose.ts'
import { hasRealModel } from '../composeModel.ts'
import { flagOf, type Config } from '../config.ts'
import { environment, type Environment } from '../formats/environment.ts'
import type { LinkJudge } from '../formats/mining.ts'
import { prices, type Prices } from '../formats/price.ts'
import type { RolloutSettings } from '../formats/rollout.ts'
import { InputError } from './terminal.ts'

const DEFAULTS = {
  accept: 'hybrid',
  threshold: 0.8,
  refinements: 3,
  overview: 'every',
  hasInterface: true,
  carry: 'substitute',
} as const

/** The paper's own way, where it differs from {@link DEFAULTS}. docs/paper.md says why. */
const PAPER = {
  accept: 'judge',
  threshold: 0.8,
  refinements: 3,
  overview: 'first',
  hasInterface: false,
  carry: 'overlay',
  model: 'glm-4.6',
} as const

/** Limits that only the native agent keeps. */
const NATIVE_ALONE = ['maxStageSteps', 'maxStageTokens', 'maxChainSteps', 'maxChainTokens'] as const
const SCRIPTED_MODEL = 'scripted'

/** The settings of a campaign's rollouts, checked against what is there, with the price table that they name. Throws {@link InputError}. */
export async function settleRollouts(config: Config): Promise<{ settings: RolloutSettings; prices: Prices | null }> {
  const preset = config.preset === 'paper' ? PAPER : DEFAULTS
  const isReal = hasRealModel(config)
  const named = config.model ?? (config.preset === 'paper' ? PAPER.model : null)
  if (isReal && named === null)
    throw new InputError('model: name the model of the endpoint with --model or PRCHAIN_MODEL')
  const model = isReal ? named! : SCRIPTED_MODEL
  const isNamed = config.environment !== null && config.environment !== 'none'
  const given = isNamed ? await readEnvironment(config.environment!) : null
  const sandbox = await chooseSandbox(config, given)
  const useless = NATIVE_ALONE.find((name) => config.scaffold !== 'native' && config[name] !== null)
  if (useless !== undefined)
    throw new InputError(
      `${flagOf(useless)} is a limit of prchain’s own agent: --scaffold ${config.scaffold} is not held to it`,
    )
  const table = config.prices === null ? null : await readPrices(config.prices)
  const settings: RolloutSettings = {
    scaffold: config.scaffold,
    isScripted: !isReal,
    model,
    judgeModel: isReal ? (config.judgeModel ?? model) : SCRIPTED_MODEL,
    queryModel: isReal ? (config.queryModel ?? model) : SCRIPTED_MODEL,
    carry: config.carry ?? preset.carry,
    onConflict: config.onConflict,
    accept: config.accept ?? preset.accept,
    threshold: config.threshold ?? preset.threshold,
    refinements: config.refinements ?? preset.refinements,
    maxSteps: config.maxSteps,
    maxStageSteps: config.maxStageSteps,
    maxStageTokens: config.maxStageTokens,
    maxChainSteps: config.maxChainSteps,
    maxChainTokens: config.maxChainTokens,
    contextTokens: config.contextTokens,
    overview: config.overview ?? preset.overview,
    hasInterface: config.interface ?? preset.hasInterface,
    seed: config.seed,
    sandbox,
    environment: given && (await composeStore(config).putBlob(JSON.stringify(given))),
    // Only an engine can build one.
    seeksEnvironment: config.environment === null && sandbox === 'docker',
    mirrors: config.mirrors === null ? null : resolve(config.mirrors),
    prices: table && (await composeStore(config).putBlob(JSON.stringify(table))),
  }
  return { settings, prices: table }
}

/** The model that is to judge links, with its price table. Throws {@link InputError}. */
export async function settleLinkJudge(config: Config): Promise<Omit<LinkJudge, 'format' | 'prompts'>> {
  const isReal = hasRealModel(config)
  const model = config.judgeModel ?? config.model
  if (isReal && model === null)
    throw new InputError('judge-model: name the model that judges links with --judge-model or PRCHAIN_JUDGE_MODEL')
  const table = config.prices === null ? null : await readPrices(config.prices)
  return {
    model: isReal ? model! : SCRIPTED_MODEL,
    isScripted: !isReal,
    seed: config.seed,
    prices: table && (await composeStore(config).putBlob(JSON.stringify(table))),
  }
}

/** Reads and checks a price table. Throws {@link InputError}. */
async function readPrices(path: string): Promise<Prices> {
  try {
    return prices.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    const what = cause instanceof ZodError ? prettifyError(cause) : (cause as Error).message
    throw new InputError(`prices ${path} is not a prchain.prices/1 file (docs/formats/prices.md): ${what}`, { cause })
  }
}

/** Reads and checks an environment file. */
export async function readEnvironment(path: string): Promise<Environment> {
  try {
    return environment.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (cause) {
    const what = cause instanceof ZodError ? prettifyError(cause) : (cause as Error).message
    throw new InputError(`environment ${path} is not a prchain.environment/1 file: ${what}`, { cause })
  }
}

/**
 * Docker where an engine answers, else bubblewrap where it works. Plain processes, which do not isolate, only by name.
 * Throws {@link InputError} when the one that was named, or none, can be used.
 */
export async function chooseSandbox(config: Config, given: Environment | null): Promise<RolloutSettings['sandbox']> {
  const { sandbox } = config
  const image = given?.image ?? (given?.dockerfile === undefined ? null : 'a Dockerfile')
  if (sandbox === 'process') return 'process'
  if (sandbox !== 'auto') {
    const fault = await faultOf(config, sandbox)
    if (fault === null) return sandbox
    throw new InputError(`sandbox: ${sandbox} cannot be used: ${fault}; \`prchain doctor\` says what can`)
  }
  const docker = await faultOf(config, 'docker')
  if (docker === null) return 'docker'
  if (image !== null) {
    throw new InputError(
      `sandbox: the environment names ${image}, and no Docker engine answers (${docker}); start one, or name another kind with --sandbox, whose commands use this host's own programs`,
    )
  }
  const bubblewrap = await faultOf(config, 'bubblewrap')
  if (bubblewrap === null) return 'bubblewrap'
  throw new InputError(
    `sandbox: neither Docker (${docker}) nor bubblewrap (${bubblewrap}) can be used; start or install one, or ask for plain processes by name with --sandbox process, which do not isolate`,
  )
}

/** Why a kind of sandbox cannot be used here, or null when it can. */
async function faultOf(config: Config, kind: 'docker' | 'bubblewrap'): Promise<string | null> {
  return composeSandboxes(config)(kind)
    .describe()
    .then(() => null)
    .catch((error: Error) => error.message)
}
