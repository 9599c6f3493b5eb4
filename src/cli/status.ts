import { composeStore } from '../compose.ts'
import type { Config } from '../config.ts'
import { recordKey, workflowId } from '../domain/identifiers.ts'
import type { Campaign } from '../formats/campaign.ts'
import type { Rollout } from '../formats/rollout.ts'
import { campaignQuery } from '../workflows/messages.ts'
import type { CampaignState } from '../formats/state.ts'
import { askWorker, describeWorkflow, NoAnswerError, QUERY_MS } from './answer.ts'
import { describeSpend, readSpend, type CampaignSpend } from './ceilings.ts'
import { describeFunnel } from './follow.ts'
import { describeLosses } from './losses.ts'
import { findServer, openSession } from './session.ts'
import { columns, EXIT, InputError, type Terminal } from './terminal.ts'

/** A campaign as `status` gives it: `live` from the server where one answers, `endings` from the store. */
interface Standing {
  format: 'prchain.status/1'
  campaign: string
  source: 'server' | 'store'
  status: string
  live: CampaignState | null
  endings: Record<string, number>
  spend: CampaignSpend
  rerunCommands: number
  abandonedCalls: number
}

/** `prchain status [CAMPAIGN]`: how campaigns stand; with no server, what the store says, and that it says so. */
export async function status(options: {
  config: Config
  campaign: string | null
  terminal: Terminal
}): Promise<number> {
  const { config, campaign, terminal } = options
  const store = composeStore(config)
  const recorded: Campaign[] = []
  for (const key of await store.listRecords(recordKey.campaigns)) {
    if (key.endsWith('/campaign')) recorded.push((await store.getRecord<Campaign>(key))!)
  }
  const name = campaign?.replace(/^campaign\//, '') ?? null
  const chosen = name === null ? recorded : recorded.filter((one) => one.name === name)
  if (name !== null && chosen.length === 0) {
    throw new InputError(
      recorded.length === 0
        ? `there is no campaign "${name}": the store ${config.store} has none yet; \`prchain run CHAIN|REPO… --campaign ${name}\` starts it, --store names another store`
        : `there is no campaign "${name}" in the store ${config.store}; known: ${recorded.map((one) => one.name).join(', ')}`,
    )
  }

  const hasServer = config.temporalAddress !== null || (await findServer(config)) !== null
  if (!hasServer) terminal.say('no Temporal server: this is what the store says')
  const session = hasServer ? await openSession(config) : null
  /** Once no worker has answered, none is waited for again. */
  let isSilent = false
  try {
    const standings: Standing[] = []
    for (const one of chosen) standings.push(await standingOf(one.name))
    for (const standing of standings) terminal.emit(standing)
    if (!terminal.isJson) say(standings)
  } finally {
    await session?.close()
  }
  return EXIT.ended

  async function standingOf(of: string): Promise<Standing> {
    const endings: Record<string, number> = {}
    const losses = { rerunCommands: 0, abandonedCalls: 0 }
    for (const key of await store.listRecords(recordKey.rollouts(of))) {
      if (!/^rollouts\/[^/]+\/[^/]+\/\d+\/end$/.test(key)) continue
      const rollout = (await store.getRecord<Rollout>(key))!
      endings[rollout.ending] = (endings[rollout.ending] ?? 0) + 1
      for (const { rerunCommands, abandonedCalls } of rollout.stages) {
        losses.rerunCommands += rerunCommands
        losses.abandonedCalls += abandonedCalls
      }
    }
    const { status, live } = session === null ? { status: 'unknown: no server', live: null } : await ask(of)
    return {
      format: 'prchain.status/1',
      campaign: of,
      source: live ? 'server' : 'store',
      status,
      live,
      endings,
      spend: await readSpend(config, of),
      ...losses,
    }
  }

  /** The server says whether a campaign runs and how it ended; a worker, in what state it is. */
  async function ask(of: string): Promise<{ status: string; live: CampaignState | null }> {
    const workflow = workflowId.campaign(of)
    const described = await describeWorkflow(session!, workflow)
    if (!described) return { status: 'not on this server', live: null }
    const live = isSilent
      ? null
      : await askWorker(session!, { workflow, timeoutMs: QUERY_MS }, (handle) => handle.query(campaignQuery)).catch(
          (error: unknown) => {
            if (!(error instanceof NoAnswerError)) throw error
            isSilent = true
            return null
          },
        )
    return { status: wordFor(described.status.name, live), live }
  }

  function say(standings: Standing[]): void {
    if (standings.length === 0) terminal.say('no campaigns yet: `prchain run CHAIN|REPO…`')
    const rows = standings.map((one) => [
      one.campaign,
      one.status,
      [...Object.entries(one.endings).map(([ending, count]) => `${count} ${ending}`), ...describeLosses(one)].join(
        ', ',
      ) || 'nothing ended',
      describeSpend(one.spend).replace('spent: ', ''),
    ])
    for (const line of rows.length > 0 ? columns([['campaign', 'status', 'rollouts', 'spent'], ...rows]) : [])
      terminal.say(line)
    if (isSilent)
      terminal.say('no worker answers, so there is no more to tell: start `prchain worker`, or `prchain up`')
    for (const { live } of standings) {
      if (!live) continue
      terminal.say(`\n${live.name}: ${describeFunnel(live.funnel)}`)
      for (const { rollout, reason } of live.parked)
        terminal.say(`  needs attention: ${reason}\n    resume: prchain resume ${workflowId.chain(rollout)}`)
      const more = live.chains.parked - live.parked.length
      if (more > 0) terminal.say(`  and ${more} more; all at once: prchain resume ${live.name}`)
      for (const rollout of live.failed) terminal.say(`  failed, will be started again: ${workflowId.chain(rollout)}`)
    }
  }
}

/** A campaign's status: an ended workflow's last state says less than how the workflow ended. */
function wordFor(execution: string, live: CampaignState | null): string {
  switch (execution) {
    case 'RUNNING':
      return live?.status ?? 'running, but no worker answers'
    case 'COMPLETED':
      return 'done'
    default:
      return execution.toLowerCase().replaceAll('_', '-')
  }
}
