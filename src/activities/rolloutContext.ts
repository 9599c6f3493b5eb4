import { digestOf } from '../domain/digest.ts'
import { recordKey, splitRollout } from '../domain/identifiers.ts'
import type { Campaign } from '../formats/campaign.ts'
import type { Chain, Stage } from '../formats/chain.ts'
import { environment as environmentSchema, type Environment } from '../formats/environment.ts'
import type { Queries, RolloutSettings, StageResult, StageState } from '../formats/rollout.ts'
import type { GitRepository } from '../git/port.ts'
import type { SandboxProvider } from '../sandbox/port.ts'
import { InvalidInputError } from './edge.ts'
import type { Ports } from './ports.ts'

/** A rollout with all that its activities look up: settings, chain, repository, environment. */
export interface RolloutContext {
  id: string
  campaign: string
  n: number
  settings: RolloutSettings
  chain: Chain
  repository: GitRepository
  environment: Environment | null
  provider: SandboxProvider
  stage(index: number): Stage
  queries(): Promise<Queries>
  state(stage: number): Promise<StageState>
  result(stage: number): Promise<StageResult | null>
  /** The name of a sandbox of this rollout on its host. */
  sandboxName(purpose: string): string
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
  const environment = settings.environment
    ? environmentSchema.parse(JSON.parse((await store.getBlob(settings.environment)).toString('utf8')))
    : null
  const repository = await ports.git.open(chain.repository, settings.mirrors).catch((error: Error) => error)
  return {
    id,
    campaign: parts.campaign,
    n: parts.n,
    settings,
    chain,
    environment,
    // A rollout can be ended without its mirror: its absence is an error where it is used.
    get repository() {
      if (repository instanceof Error) throw repository
      return repository
    },
    provider: ports.sandboxes(settings.sandbox),
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
