import { recordKey, rolloutId } from '../domain/identifiers.ts'
import type { Campaign, CampaignPlan } from '../formats/campaign.ts'
import type { Mining } from '../formats/mining.ts'
import type { Chain } from '../formats/chain.ts'
import type { FenceRecord } from '../formats/record.ts'
import { InvalidInputError, type Scope } from './edge.ts'
import { readSampleLine } from './endRollout.ts'
import type { Ports } from './ports.ts'

/** What a campaign's workflow needs of what was asked. */
export interface Asked {
  /** Those that are to be mined first: no mining of them is in the store. */
  repositories: string[]
  mirrors: string | null
  concurrency: number
}

/** Reads what a campaign was asked to do. */
export async function readCampaign(ports: Ports, input: { name: string }): Promise<Asked> {
  const asked = await campaignOf(ports, input.name)
  const repositories: string[] = []
  for (const target of asked.targets) {
    if (!target.includes('/')) continue
    if ((await ports.store.listRecords(recordKey.minings(target))).length === 0) repositories.push(target)
  }
  return {
    repositories,
    mirrors: asked.settings.mirrors,
    concurrency: asked.concurrency,
  }
}

/** Fixes which chains a campaign's targets come to. Once for a campaign. */
export async function planCampaign(
  ports: Ports,
  input: { name: string },
): Promise<{ pullRequests: number; references: number; chains: number; stages: number; rollouts: number }> {
  const asked = await campaignOf(ports, input.name)
  const key = recordKey.campaignPlan(input.name)
  let plan = await ports.store.getRecord<CampaignPlan>(key)
  if (!plan) {
    const made: CampaignPlan = { format: 'prchain.campaign-plan/1', chains: [], pullRequests: 0, references: 0 }
    for (const target of asked.targets) {
      if (!target.includes('/')) {
        made.chains.push(target)
        continue
      }
      const mined = await latestMining(ports, target)
      made.chains.push(...mined.chains)
      made.pullRequests += mined.counts.pullRequests
      made.references += mined.counts.references
    }
    made.chains = [...new Set(made.chains)].sort()
    plan = (await ports.store.putRecord(key, made)).value
  }
  let stages = 0
  let references = 0
  for (const id of plan.chains) {
    const chain = await chainOf(ports, id)
    stages += chain.stages.length
    references += chain.links.reduce((sum, link) => sum + link.references.length, 0)
  }
  return {
    // A campaign over chains by name has mined nothing: its pull requests are its stages.
    pullRequests: plan.pullRequests || stages,
    references: plan.references || references,
    chains: plan.chains.length,
    stages: stages * asked.rollouts,
    rollouts: plan.chains.length * asked.rollouts,
  }
}

/** A page of a campaign's rollouts, in a fixed order, each with an epoch that no earlier run of it had. */
export async function listRollouts(
  ports: Ports,
  input: { name: string; from: number; count: number },
): Promise<{ rollouts: { rollout: string; epoch: number }[] }> {
  const page = (await rolloutsOf(ports, input.name)).slice(input.from, input.from + input.count)
  const rollouts = []
  for (const rollout of page) {
    const fences = await ports.store.listRecords(recordKey.fences(rollout))
    const last = fences.length === 0 ? null : await ports.store.getRecord<FenceRecord>(fences.at(-1)!)
    rollouts.push({ rollout, epoch: last === null ? 0 : last.order[0] + 1 })
  }
  return { rollouts }
}

async function rolloutsOf(ports: Ports, name: string): Promise<string[]> {
  const asked = await campaignOf(ports, name)
  const plan = await ports.store.getRecord<CampaignPlan>(recordKey.campaignPlan(name))
  if (!plan) throw new InvalidInputError(`campaign ${name} was not planned yet`)
  return plan.chains.flatMap((chain) => Array.from({ length: asked.rollouts }, (_, n) => rolloutId(name, chain, n + 1)))
}

/** Writes a campaign's samples, one line each, in the order of its rollouts: a function of the store. Holds one at a time. */
export async function writeSamples(
  ports: Ports,
  input: { name: string },
  scope?: Scope,
): Promise<{ path: string; samples: number }> {
  const rollouts = await rolloutsOf(ports, input.name)
  let samples = 0
  const path = await ports.writeSamplesFile(input.name, lines())
  return { path, samples }

  async function* lines(): AsyncGenerator<string> {
    for (const [index, rollout] of rollouts.entries()) {
      scope?.signal.throwIfAborted()
      scope?.report({ rollout, at: index + 1, of: rollouts.length, samples })
      const line = await readSampleLine(ports, rollout)
      if (line === null) continue
      samples++
      yield line
    }
  }
}

async function campaignOf(ports: Ports, name: string): Promise<Campaign> {
  const asked = await ports.store.getRecord<Campaign>(recordKey.campaign(name))
  if (!asked) throw new InvalidInputError(`campaign ${name} is not in the store of this worker`)
  return asked
}

async function chainOf(ports: Ports, id: string): Promise<Chain> {
  const chain = await ports.store.getRecord<Chain>(recordKey.chain(id))
  if (!chain) throw new InvalidInputError(`chain ${id} is not in the store of this worker`)
  return chain
}

async function latestMining(ports: Ports, repository: string): Promise<Mining> {
  const keys = await ports.store.listRecords(recordKey.minings(repository))
  const latest = keys.length === 0 ? null : await ports.store.getRecord<Mining>(keys.at(-1)!)
  if (!latest) throw new InvalidInputError(`${repository} was not mined`)
  return latest
}
