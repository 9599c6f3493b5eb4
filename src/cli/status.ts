import { composeStore } from '../compose.ts'
import type { Config } from '../config.ts'
import { recordKey, workflowId } from '../domain/identifiers.ts'
import type { Campaign } from '../formats/campaign.ts'
import type { Rollout } from '../formats/rollout.ts'
import { campaignQuery } from '../workflows/messages.ts'
import type { CampaignState } from '../formats/state.ts'
import { describeFunnel } from './follow.ts'
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
      `there is no campaign "${name}"; known: ${recorded.map((one) => one.name).join(', ') || 'none'}`,
    )
  }

  const hasServer = config.temporalAddress !== null || (await findServer(config)) !== null
  if (!hasServer) terminal.say('no Temporal server: this is what the store says')
  const session = hasServer ? await openSession(config) : null
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
    for (const key of await store.listRecords(recordKey.rollouts(of))) {
      if (!/^rollouts\/[^/]+\/[^/]+\/\d+\/end$/.test(key)) continue
      const rollout = (await store.getRecord<Rollout>(key))!
      endings[rollout.ending] = (endings[rollout.ending] ?? 0) + 1
    }
    const live = session === null ? null : await ask(of)
    const status =
      live?.status ?? (session === null ? 'unknown: no server' : 'not on this server, or no worker answers')
    return { format: 'prchain.status/1', campaign: of, source: live ? 'server' : 'store', status, live, endings }
  }

  async function ask(of: string): Promise<CampaignState | null> {
    const { client } = session!
    try {
      return await client.withDeadline(Date.now() + 5_000, () =>
        client.workflow.getHandle(workflowId.campaign(of)).query(campaignQuery),
      )
    } catch {
      return null
    }
  }

  function say(standings: Standing[]): void {
    if (standings.length === 0) terminal.say('no campaigns yet: `prchain run CHAIN|REPO…`')
    const rows = standings.map((one) => [
      one.campaign,
      one.status,
      Object.entries(one.endings)
        .map(([ending, count]) => `${count} ${ending}`)
        .join(', ') || 'nothing ended',
    ])
    for (const line of rows.length > 0 ? columns([['campaign', 'status', 'rollouts'], ...rows]) : []) terminal.say(line)
    for (const { live } of standings) {
      if (!live) continue
      terminal.say(`\n${live.name}: ${describeFunnel(live.funnel)}`)
      for (const { rollout, reason } of live.parked)
        terminal.say(`  needs attention: ${reason}\n    resume: prchain resume ${workflowId.chain(rollout)}`)
      for (const rollout of live.failed) terminal.say(`  failed, will be started again: ${workflowId.chain(rollout)}`)
    }
  }
}
