import { proxyActivities, setCurrentDetails } from '@temporalio/workflow'
import type { Activities } from '../activities/activities.ts'
import type { MineInput } from '../activities/linkChains.ts'
import { HEARTBEATING } from './retry.ts'

/** What a repository's mining came to. */
export interface Mined {
  repository: string
  pullRequests: number
  references: number
  chainCount: number
  /** The ids of the chains, at most the first 200. */
  chains: string[]
}

/** Gathers a repository's pull requests with their evidence, links them, and stores the chains. (The paper's step A.) */
export async function mineRepository(input: MineInput): Promise<Mined> {
  const gather = proxyActivities<Activities>({
    ...HEARTBEATING,
    summary: `gather the pull requests of ${input.repository}`,
  })
  const gathered = await gather.gatherPulls(input)
  setCurrentDetails(`**${input.repository}**: ${gathered.pullRequests} pull requests gathered; linking`)
  const link = proxyActivities<Activities>({
    ...HEARTBEATING,
    summary: `link and chain ${gathered.pullRequests} pull requests`,
  })
  const linked = await link.linkChains({ ...input, n: gathered.n })
  setCurrentDetails(
    `**${input.repository}**: ${gathered.pullRequests} pull requests, ${linked.references} references, ${linked.chainCount} chains`,
  )
  return { repository: input.repository, pullRequests: gathered.pullRequests, ...linked }
}
