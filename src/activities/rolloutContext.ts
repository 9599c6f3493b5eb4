import { digestOf } from '../domain/digest.ts'
import { recordKey, splitRollout } from '../domain/identifiers.ts'
import type { Campaign } from '../formats/campaign.ts'
import type { Chain, Stage } from '../formats/chain.ts'
import { environment as environmentSchema, type Environment } from '../formats/environment.ts'
import type { StageEnvironmentRecord } from '../formats/rollout.ts'
import type { BuildContext } from '../sandbox/port.ts'
import type { Queries, RolloutSettings, StageResult, StageState } from '../formats/rollout.ts'
import type { GitRepository } from '../git/port.ts'
import type { SandboxProvider } from '../sandbox/port.ts'
import { InvalidInputError } from './edge.ts'
import { findStageEnvironment, openBuildContext } from './stageEnvironment.ts'
import { findSubmodules } from './submodules.ts'
import type { Ports } from './ports.ts'

const COMMAND_TIMEOUT_MS = 120_000

/** A rollout with all that its activities look up: settings, chain, repository, environment. */
export interface RolloutContext {
  id: string
  campaign: string
  n: number
  settings: RolloutSettings
  chain: Chain
  repository: GitRepository
  provider: SandboxProvider
  /** A stage's environment, chosen once for the rollout; null with the reason when it has none. */
  environment(stage: number): Promise<FoundEnvironment>
  /** How long one command of an agent may run. */
  commandTimeoutMs(stage: number): Promise<number>
  stage(index: number): Stage
  queries(): Promise<Queries>
  state(stage: number): Promise<StageState>
  result(stage: number): Promise<StageResult | null>
  /** The name of a sandbox of this rollout on its host. */
  sandboxName(purpose: string): string
}

/** A stage's environment, and the files that its image is built from. */
export interface FoundEnvironment {
  environment: Environment | null
  buildContext?: BuildContext | undefined
  reason: string | null
}

/** Before a model is asked: throws {@link InvalidInputError} when the rollout was asked for with another kind of model than this worker's. */
export function requireModel(ports: Ports, { id, settings }: RolloutContext): void {
  if (settings.isScripted === ports.model.isScripted) return
  const [asked, here] = settings.isScripted
    ? ['the scripted model', 'a real one']
    : ['a real model', 'the scripted one']
  throw new InvalidInputError(
    `rollout ${id} was asked for with ${asked}, and this worker has ${here}: start the worker with the same settings`,
  )
}

/** Opens a rollout from its id. Throws {@link InvalidInputError} when its campaign or chain is not in the store. */
export async function openRollout(ports: Ports, id: string): Promise<RolloutContext> {
  const { store } = ports
  const parts = splitRollout(id)
  const campaign = await need(
    store.getRecord<Campaign>(recordKey.campaign(parts.campaign)),
    `campaign ${parts.campaign}`,
  )
  const chain = await need(store.getRecord<Chain>(recordKey.chain(parts.chain)), `chain ${parts.chain}`)
  const { settings } = campaign
  const repository = await ports.git.open(chain.repository, settings.mirrors).catch((error: Error) => error)
  const environments = new Map<number, Promise<FoundEnvironment>>()

  /** What was chosen once stays chosen: a rebuilt sandbox is made from the same. */
  async function environmentOf(index: number): Promise<FoundEnvironment> {
    const stage = chain.stages[index]!
    const key = recordKey.stageEnvironment(id, index)
    let record = await store.getRecord<StageEnvironmentRecord>(key)
    if (!record) {
      const made: StageEnvironmentRecord = {
        format: 'prchain.stage-environment/1',
        ...(await chooseEnvironment(stage)),
      }
      record = (await store.putRecord(key, made)).value
    }
    const { environment, reason } = record
    if (environment?.context !== 'repository') return { environment, reason }
    if (repository instanceof Error) throw repository
    const commit = await need(repository.commit(stage.baseSha), `commit ${stage.baseSha}`)
    const { tree } = commit
    const modules = await findSubmodules({ git: ports.git, repository, mirrors: settings.mirrors, tree })
    return { environment, reason, buildContext: openBuildContext({ repository, environment, tree, modules }) }
  }

  async function chooseEnvironment(stage: Stage): Promise<Omit<StageEnvironmentRecord, 'format'>> {
    const given = settings.environment ? await readGiven(settings.environment) : null
    if (!given && !settings.seeksEnvironment)
      return { environment: null, origin: null, reason: 'no environment was given' }
    if (repository instanceof Error) throw repository
    const found = await findStageEnvironment({
      ports,
      repository,
      stage,
      mirrors: settings.mirrors,
      given,
      kind: settings.sandbox,
      build: ports.environmentBuild,
    })
    if ('reason' in found) return { environment: null, origin: null, reason: found.reason }
    return { environment: found.environment, origin: found.origin, reason: null }
  }

  function environment(stage: number): Promise<FoundEnvironment> {
    const known = environments.get(stage) ?? environmentOf(stage)
    environments.set(stage, known)
    return known
  }

  async function readGiven(blob: string): Promise<Environment> {
    return environmentSchema.parse(JSON.parse((await store.getBlob(blob)).toString('utf8')))
  }

  return {
    id,
    campaign: parts.campaign,
    n: parts.n,
    settings,
    chain,
    // A rollout can be ended without its mirror: its absence is an error where it is used.
    get repository() {
      if (repository instanceof Error) throw repository
      return repository
    },
    provider: ports.sandboxes(settings.sandbox),
    environment,
    commandTimeoutMs: async (stage) => (await environment(stage)).environment?.timeouts.commandMs ?? COMMAND_TIMEOUT_MS,
    stage: (index) => chain.stages[index]!,
    queries: () => need(store.getRecord<Queries>(recordKey.queries(id)), `queries of rollout ${id}`),
    state: (stage) =>
      need(store.getRecord<StageState>(recordKey.stageState(id, stage)), `state of rollout ${id}, stage ${stage}`),
    result: (stage) => store.getRecord<StageResult>(recordKey.stageResult(id, stage)),
    sandboxName: (purpose) =>
      `${digestOf(`${ports.instance}/${id}`).slice('sha256:'.length, 'sha256:'.length + 16)}.${purpose}`,
  }
}

async function need<T>(lookUp: Promise<T | null>, what: string): Promise<T> {
  const found = await lookUp
  if (found === null) throw new InvalidInputError(`${what} is not in the store of this worker`)
  return found
}
