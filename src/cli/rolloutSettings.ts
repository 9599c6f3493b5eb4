import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { prettifyError, ZodError } from 'zod'
import { composeSandboxes, composeStore, hasRealModel } from '../compose.ts'
import type { Config } from '../config.ts'
import { environment, type Environment } from '../formats/environment.ts'
import type { RolloutSettings } from '../formats/rollout.ts'
import { InputError } from './terminal.ts'

const DEFAULTS = { accept: 'hybrid', threshold: 0.8, refinements: 3, overview: 'every', hasInterface: true } as const

/** The paper's own way, where it differs from {@link DEFAULTS}. docs/paper.md says why. */
const PAPER = {
  accept: 'judge',
  threshold: 0.8,
  refinements: 3,
  overview: 'first',
  hasInterface: false,
  model: 'glm-4.6',
} as const

const SCRIPTED_MODEL = 'scripted'

/** The settings of a campaign's rollouts, checked against what is there. Throws {@link InputError}. */
export async function settleRollouts(config: Config): Promise<RolloutSettings> {
  const preset = config.preset === 'paper' ? PAPER : DEFAULTS
  const isReal = hasRealModel(config)
  const named = config.model ?? (config.preset === 'paper' ? PAPER.model : null)
  if (isReal && named === null)
    throw new InputError('model: name the model of the endpoint with --model or PRCHAIN_MODEL')
  const model = isReal ? named! : SCRIPTED_MODEL
  const given = config.environment === null ? null : await readEnvironment(config.environment)
  const sandbox = await chooseSandbox(config, given)
  return {
    scaffold: config.scaffold,
    isScripted: !isReal,
    model,
    judgeModel: isReal ? (config.judgeModel ?? model) : SCRIPTED_MODEL,
    queryModel: isReal ? (config.queryModel ?? model) : SCRIPTED_MODEL,
    carry: config.carry,
    accept: config.accept ?? preset.accept,
    threshold: config.threshold ?? preset.threshold,
    refinements: config.refinements ?? preset.refinements,
    maxSteps: config.maxSteps,
    overview: config.overview ?? preset.overview,
    hasInterface: config.interface ?? preset.hasInterface,
    seed: config.seed,
    sandbox,
    environment: given && (await composeStore(config).putBlob(JSON.stringify(given))),
    mirrors: config.mirrors === null ? null : resolve(config.mirrors),
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

/** Docker where an engine answers; plain processes, which do not isolate, only for the scripted model or by name. */
async function chooseSandbox(config: Config, given: Environment | null): Promise<'docker' | 'process'> {
  if (config.sandbox === 'process') return 'process'
  const hasImage = given?.image !== undefined || given?.dockerfile !== undefined
  const engine = await composeSandboxes(config)('docker')
    .list({ owner: 'nobody' })
    .then(() => null)
    .catch((error: Error) => error)
  if (engine === null) {
    if (hasImage) return 'docker'
    if (config.sandbox === 'auto' && !hasRealModel(config)) return 'process'
    throw new InputError(
      'environment: a Docker sandbox needs an image or a Dockerfile: give --environment FILE with one',
    )
  }
  if (config.sandbox === 'docker' || hasRealModel(config)) {
    throw new InputError(
      `sandbox: no Docker engine answers (${engine.message}); start one, or ask for plain processes by name with --sandbox process, which do not isolate`,
    )
  }
  return 'process'
}
