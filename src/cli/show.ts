import { WorkflowNotFoundError } from '@temporalio/client'
import { composeStore } from '../compose.ts'
import type { Config } from '../config.ts'
import { recordKey, workflowId } from '../domain/identifiers.ts'
import type { Rollout, Verdict } from '../formats/rollout.ts'
import { stateQuery } from '../workflows/messages.ts'
import type { ChainState } from '../formats/state.ts'
import { showChain } from './chains.ts'
import { askWorker, NoAnswerError, QUERY_MS } from './answer.ts'
import { describeLosses } from './losses.ts'
import { findServer, openSession } from './session.ts'
import { columns, EXIT, InputError, type Terminal } from './terminal.ts'
import { readRollout } from './workflowTarget.ts'

/** `prchain show CHAIN|chain/CAMPAIGN/CHAIN/N`: a chain with its evidence, or a rollout with its stages and verdicts. */
export function show(options: { config: Config; target: string; terminal: Terminal }): Promise<number> {
  const { config, target, terminal } = options
  if (!target.includes('/')) return showChain({ config, id: target, terminal })
  const rollout = readRollout(target)
  if (rollout === null) {
    throw new InputError(
      `"${target}" is neither a chain nor a rollout: expected CHAIN, CAMPAIGN/CHAIN/N or chain/CAMPAIGN/CHAIN/N; \`prchain chains\` lists the chains, \`prchain status\` the campaigns`,
    )
  }
  return showRollout({ config, rollout, terminal })
}

async function showRollout(options: { config: Config; rollout: string; terminal: Terminal }): Promise<number> {
  const { config, rollout, terminal } = options
  const store = composeStore(config)
  const ended = await store.getRecord<Rollout>(recordKey.rollout(rollout))
  const asked = ended ? { live: null, why: '' } : await askLive(config, rollout)
  const { live } = asked
  const isBegun = ended !== null || (await store.listRecords(recordKey.stages(rollout))).length > 0
  if (!live && !isBegun) {
    throw new InputError(
      `there is no rollout ${rollout} in the store ${config.store}, and ${asked.why}; \`prchain status\` lists the campaigns, \`prchain run\` starts one`,
    )
  }
  const verdicts = await verdictsOf()
  terminal.emit({ format: 'prchain.show-rollout/1', rollout, ended, live, verdicts })
  if (terminal.isJson) return EXIT.ended

  if (ended)
    terminal.say(
      `${rollout}: ${ended.ending}${ended.reason ? `: ${ended.reason}` : ''}${ended.isScripted ? ' (scripted model: a stand-in)' : ''}`,
    )
  for (const stage of ended?.stages ?? []) {
    const losses = describeLosses(stage)
    if (losses.length > 0) terminal.say(`  stage ${stage.stage + 1} #${stage.number}: ${losses.join(', ')}`)
  }
  if (live) sayLive(live, terminal)
  if (!ended && !live) terminal.say(`${rollout} has not ended: ${asked.why}. This is what the store has`)
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

/** What the server says of an open rollout, or why it says nothing. */
async function askLive(config: Config, rollout: string): Promise<{ live: ChainState | null; why: string }> {
  if (config.temporalAddress === null && (await findServer(config)) === null)
    return { live: null, why: 'there is no Temporal server to ask (`prchain up` starts one)' }
  const session = await openSession(config)
  const workflow = workflowId.chain(rollout)
  try {
    const live = await askWorker(session, { workflow, timeoutMs: QUERY_MS }, (handle) => handle.query(stateQuery))
    return { live, why: '' }
  } catch (error) {
    if (error instanceof NoAnswerError) return { live: null, why: error.message }
    if (error instanceof WorkflowNotFoundError)
      return { live: null, why: `the Temporal server at ${session.address} knows none of that id` }
    throw error
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
