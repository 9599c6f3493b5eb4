import { composeStore } from '../compose.ts'
import type { Config } from '../config.ts'
import { recordKey } from '../domain/identifiers.ts'
import type { Rollout, Verdict } from '../formats/rollout.ts'
import { stateQuery } from '../workflows/messages.ts'
import type { ChainState } from '../formats/state.ts'
import { showChain } from './chains.ts'
import { findServer, openSession } from './session.ts'
import { columns, EXIT, InputError, type Terminal } from './terminal.ts'

/** `prchain show CHAIN|chain/CAMPAIGN/CHAIN/N`: a chain with its evidence, or a rollout with its stages and verdicts. */
export function show(options: { config: Config; target: string; terminal: Terminal }): Promise<number> {
  const { config, target, terminal } = options
  if (!target.includes('/')) return showChain({ config, id: target, terminal })
  return showRollout({ config, rollout: target.replace(/^chain\//, ''), terminal })
}

async function showRollout(options: { config: Config; rollout: string; terminal: Terminal }): Promise<number> {
  const { config, rollout, terminal } = options
  if (!/^[A-Za-z0-9._-]+\/[A-Za-z0-9._-]+\/\d+$/.test(rollout)) {
    throw new InputError(`"${rollout}" is neither a chain nor a rollout: expected CHAIN or chain/CAMPAIGN/CHAIN/N`)
  }
  const store = composeStore(config)
  const ended = await store.getRecord<Rollout>(recordKey.rollout(rollout))
  const live = ended ? null : await liveState(config, rollout)
  if (!ended && !live) throw new InputError(`there is no rollout ${rollout} in the store, and none runs on the server`)
  const verdicts = await verdictsOf()
  terminal.emit({ format: 'prchain.show-rollout/1', rollout, ended, live, verdicts })
  if (terminal.isJson) return EXIT.ended

  if (ended)
    terminal.say(
      `${rollout}: ${ended.ending}${ended.reason ? `: ${ended.reason}` : ''}${ended.isScripted ? ' (scripted model: a stand-in)' : ''}`,
    )
  if (live) sayLive(live, terminal)
  const rows = verdicts.map(({ stage, round, verdict }) => [
    `${stage + 1}`,
    `${round}`,
    verdict.isAccepted ? 'accepted' : 'refused',
    verdict.score?.toFixed(2) ?? '',
    verdict.hasPassedTests === null ? '' : verdict.hasPassedTests ? 'passed' : 'failed',
    verdict.comment.replace(/\s+/g, ' '),
  ])
  if (rows.length > 0)
    for (const line of columns([['stage', 'round', 'verdict', 'score', 'tests', 'comment'], ...rows]))
      terminal.say(line)
  return EXIT.ended

  async function verdictsOf(): Promise<{ stage: number; round: number; verdict: Verdict }[]> {
    const keys = (await store.listRecords(recordKey.stages(rollout))).filter((key) => key.endsWith('/verdict'))
    const found = []
    for (const key of keys) {
      const [round, stage] = key.split('/').slice(0, -1).reverse().map(Number)
      found.push({ stage: stage!, round: round!, verdict: (await store.getRecord<Verdict>(key))! })
    }
    return found.sort((a, b) => a.stage - b.stage || a.round - b.round)
  }
}

async function liveState(config: Config, rollout: string): Promise<ChainState | null> {
  if (config.temporalAddress === null && (await findServer(config)) === null) return null
  const session = await openSession(config)
  try {
    return await session.client.withDeadline(Date.now() + 5_000, () =>
      session.client.workflow.getHandle(`chain/${rollout}`).query(stateQuery),
    )
  } catch {
    return null
  } finally {
    await session.close()
  }
}

function sayLive(state: ChainState, terminal: Terminal): void {
  terminal.say(`${state.rollout}: ${state.status}: ${state.doing}`)
  if (state.attention)
    terminal.say(
      `  waits since ${state.attention.since}: ${state.attention.reason}\n  resume: ${state.attention.command}`,
    )
}
