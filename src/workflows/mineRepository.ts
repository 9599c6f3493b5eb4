import { proxyActivities, setHandler, sleep, workflowInfo } from '@temporalio/workflow'
import type { Activities } from '../activities/activities.ts'
import type { MineInput } from '../activities/linkChains.ts'
import type { Gathering } from '../formats/mining.ts'
import { miningQuery } from './messages.ts'
import { openMiningLedger, type MiningLedger } from './miningLedger.ts'
import { HEARTBEATING, PARK_LADDER } from './retry.ts'

/** What a repository's mining came to. */
export interface Mined {
  repository: string
  source: MineInput['source']
  mode: MineInput['mode']
  pullRequests: number
  issues: number
  references: number
  chainCount: number
  /** How many of the chains an earlier mining stored with other links: they stay as they are. */
  outdatedCount: number
  /** The ids of the chains, at most the first 200. */
  chains: string[]
  /** Kinds of evidence that could not be had, and why. */
  lacks: Gathering['lacks']
}

/**
 * Gathers a repository's pull requests with their evidence, links them, and stores the chains. (The paper's step A.) At a
 * limit of GitHub's, and while GitHub is away, it sleeps on a durable timer that the UI shows.
 */
export async function mineRepository(input: MineInput): Promise<Mined> {
  const { repository, source, mode, isOffline } = input
  const ledger = openMiningLedger(repository)
  setHandler(miningQuery, () => ledger.state)
  const acts = (summary: string) => proxyActivities<Activities>({ ...HEARTBEATING, summary })

  const begun = await acts('look up what is there').beginMining({ ...input, run: workflowInfo().runId })
  if (source === 'github' && !isOffline) await fetchAll(repository, begun.gathering, ledger)
  if (!isOffline) {
    ledger.fetchesGit()
    await acts(`fetch the commits of ${repository}`).refreshMirror(input)
  }
  const join = acts(`join the pull requests of ${repository}`)
  const { gathering, ...gathered } = begun.gathered ?? (await join.gatherPulls({ ...input, n: begun.gathering }))
  ledger.gathered(gathered)
  const link = acts(`link and chain ${gathered.pullRequests} pull requests`)
  const linked = await link.linkChains({ ...input, n: begun.mining, gathering })
  ledger.linked({ ...gathered, ...linked })
  return { repository, source, mode, ...gathered, ...linked }
}

async function fetchAll(repository: string, mining: number, ledger: MiningLedger): Promise<void> {
  for (let failures = 0; ;) {
    const summary =
      ledger.state.pages === 0 ? 'ask GitHub how much there is' : `fetch pages, ${ledger.state.pages} so far`
    const fetched = await proxyActivities<Activities>({ ...HEARTBEATING, summary }).fetchPages({ repository, mining })
    ledger.fetched(fetched)
    if (fetched.pages > 0) failures = 0
    if (fetched.kind === 'done') return
    if (fetched.kind === 'limited') {
      await sleep(Math.max(1_000, Date.parse(fetched.resumesAt) - Date.now()), {
        summary: `GitHub's limit: asked again at ${fetched.resumesAt}`,
      })
    }
    if (fetched.kind === 'away') {
      const wait = PARK_LADDER[Math.min(failures++, PARK_LADDER.length - 1)]!
      ledger.waits(wait)
      await sleep(wait, { summary: `GitHub is away: asked again in ${wait}` })
    }
    ledger.resumed()
  }
}
