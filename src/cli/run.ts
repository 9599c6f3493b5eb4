import { stat } from 'node:fs/promises'
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
} from '@temporalio/client'
import { composeStore, storeDir } from '../compose.ts'
import type { Config } from '../config.ts'
import { canonicalJson } from '../domain/canonical.ts'
import { digestOfJson } from '../domain/digest.ts'
import { recordKey, TASK_QUEUE, workflowId } from '../domain/identifiers.ts'
import { campaignName, type Campaign } from '../formats/campaign.ts'
import { searchAttribute } from '../workflows/messages.ts'
import { ceilingsOf, checkCeilings, describeSpend, readSpend, setCeilings } from './ceilings.ts'
import { describeFunnel, followCampaign, type Followed } from './follow.ts'
import { checkScaffold } from './operatorScaffold.ts'
import { settleRollouts } from './rolloutSettings.ts'
import { openSession, type Session } from './session.ts'
import { checkTargets } from './targets.ts'
import { EXIT, InputError, type Terminal } from './terminal.ts'

/** `prchain run CHAIN|REPO…`: starts a campaign, or attaches to it when it runs, and follows it. */
export async function run(options: {
  config: Config
  targets: string[]
  isDetached: boolean
  terminal: Terminal
  signal: AbortSignal
}): Promise<number> {
  const { config, targets, isDetached, terminal, signal } = options
  const asked = await askCampaign({ config, targets, terminal })
  const session = await openSession(config)
  try {
    await recordCampaign(config, asked)
    await startCampaign({ session, config, asked })
    terminal.say(
      `campaign ${asked.name}: ${targets.join(', ')}, with ${asked.settings.model}${asked.settings.model === 'scripted' ? ', a stand-in,' : ''} in ${sandboxWords(asked)}`,
    )
    if (session.uiUrl) terminal.say(`Temporal UI: ${session.uiUrl}`)
    if (isDetached) {
      terminal.emit({ format: 'prchain.run/1', status: 'detached', campaign: asked.name, temporalUi: session.uiUrl })
      return EXIT.detached
    }
    const followed = await followCampaign({ session, name: asked.name, terminal, signal })
    if (followed.status !== 'detached') terminal.say(describeSpend(await readSpend(config, asked.name)))
    return report({ followed, name: asked.name, terminal, uiUrl: session.uiUrl })
  } finally {
    await session.close()
  }
}

/** What a campaign is asked, checked. Writes nothing but the environment's blob. Throws {@link InputError}. */
export async function askCampaign(options: {
  config: Config
  targets: string[]
  terminal: Terminal
}): Promise<Campaign> {
  const { config, targets, terminal } = options
  if (config.campaign !== null && !campaignName.safeParse(config.campaign).success) {
    throw new InputError(`campaign: "${config.campaign}" is no name: letters, digits, ".", "_" and "-", at most 60`)
  }
  await checkEnvironmentFile(config.environment)
  await checkScaffold({ config, terminal })
  await checkTargets({ config, store: composeStore(config), targets, onLine: (line) => terminal.say(line) })
  const { settings, prices } = await settleRollouts(config)
  await checkCeilings({ config, settings, prices, asked: ceilingsOf(config) })
  const wanted = { settings, targets: [...targets].sort(), rollouts: config.rollouts, concurrency: config.concurrency }
  const name = config.campaign ?? `run-${digestOfJson(wanted).slice('sha256:'.length, 'sha256:'.length + 8)}`
  return { format: 'prchain.campaign/1', name, ...wanted, createdAt: new Date().toISOString() }
}

/** Throws {@link InputError} when the environment file is not there. */
async function checkEnvironmentFile(path: string | null): Promise<void> {
  if (path === null || path === 'none') return
  const found = await stat(path).catch(() => null)
  if (found?.isFile()) return
  throw new InputError(
    `environment: ${found ? `${path} is no file` : `there is no file ${path}`}; name a prchain.environment/1 file (docs/formats/environment.md), "none" for no tests, or leave it out`,
  )
}

/** Puts a campaign and its ceilings on record. Throws {@link InputError} when its name is on record with other settings. */
export async function recordCampaign(config: Config, asked: Campaign): Promise<void> {
  const { value } = await composeStore(config).putRecord(recordKey.campaign(asked.name), asked)
  const { createdAt: _at, ...known } = value
  const { createdAt: _now, ...now } = asked
  if (canonicalJson(known) !== canonicalJson(now)) {
    throw new InputError(
      `campaign ${asked.name} is on record with other settings: ${differences(known, now).join('; ')}. Give another --campaign, or the same settings`,
    )
  }
  await setCeilings({ config, campaign: asked.name, asked: ceilingsOf(config) })
}

/** Starts a campaign's workflow: attached to when it runs, started again when it failed, refused when it is done. */
export async function startCampaign(options: { session: Session; config: Config; asked: Campaign }): Promise<void> {
  const { session, config, asked } = options
  try {
    await session.client.workflow.start('campaign', {
      workflowId: workflowId.campaign(asked.name),
      taskQueue: TASK_QUEUE,
      args: [{ name: asked.name }],
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
      typedSearchAttributes: [{ key: searchAttribute.campaign, value: asked.name }],
      staticSummary: `campaign ${asked.name}`,
      staticDetails: `targets: ${asked.targets.slice(0, 20).join(', ')}\n\nmodel ${asked.settings.model}, accept ${asked.settings.accept}, threshold ${asked.settings.threshold}`,
    })
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
    throw new InputError(
      `campaign ${asked.name} is done; its samples are in ${storeDir(config)}/samples/${asked.name}.jsonl. Give another --campaign to run it anew`,
      { cause: error },
    )
  }
}

/** Says how a campaign stands when following it ended, and returns the exit code. */
export function report(options: {
  followed: Followed
  name: string
  terminal: Terminal
  uiUrl: string | null
}): number {
  const { followed, name, terminal, uiUrl } = options
  switch (followed.status) {
    case 'completed': {
      const { state } = followed
      terminal.say(describeFunnel(state.funnel))
      terminal.say(`samples: ${state.samplesPath}`)
      terminal.emit({
        format: 'prchain.run/1',
        status: 'completed',
        campaign: name,
        funnel: state.funnel,
        endings: state.endings,
        samplesPath: state.samplesPath,
        temporalUi: uiUrl,
      })
      return EXIT.ended
    }
    case 'cancelled': {
      const { funnel = null, endings = null, samplesPath = null } = followed.state ?? {}
      terminal.say(`campaign ${name} was cancelled; the same command starts what it had not begun`)
      if (funnel) terminal.say(describeFunnel(funnel))
      if (samplesPath) terminal.say(`samples: ${samplesPath}`)
      terminal.emit({
        format: 'prchain.run/1',
        status: 'cancelled',
        campaign: name,
        funnel,
        endings,
        samplesPath,
        temporalUi: uiUrl,
      })
      return EXIT.ended
    }
    case 'needs-attention': {
      const { parked, chains } = followed.state
      for (const { rollout, reason } of parked) {
        terminal.say(`needs attention: ${reason}`)
        terminal.say(`  it tries again by itself; resume it now with: prchain resume ${workflowId.chain(rollout)}`)
      }
      if (chains.parked > 1) terminal.say(`all ${chains.parked} at once: prchain resume ${name}`)
      terminal.emit({
        format: 'prchain.run/1',
        status: 'needs-attention',
        campaign: name,
        parked: parked.map((one) => ({ ...one, resume: `prchain resume ${workflowId.chain(one.rollout)}` })),
        temporalUi: uiUrl,
      })
      return EXIT.failed
    }
    case 'failed':
      terminal.say(`campaign ${name} failed: ${followed.reason}`)
      terminal.say('  run the same command again to start it anew; nothing that is on record is done twice')
      terminal.emit({
        format: 'prchain.run/1',
        status: 'failed',
        campaign: name,
        reason: followed.reason,
        temporalUi: uiUrl,
      })
      return EXIT.failed
    case 'detached':
      terminal.say(`detached; the campaign goes on: prchain status ${name}`)
      terminal.emit({ format: 'prchain.run/1', status: 'detached', campaign: name, temporalUi: uiUrl })
      return EXIT.detached
    default:
      return followed satisfies never
  }
}

function sandboxWords(asked: Campaign): string {
  const { sandbox } = asked.settings
  if (sandbox === 'process') return 'plain processes, which do not isolate'
  return `${sandbox === 'docker' ? 'Docker' : 'bubblewrap'} sandboxes without a network`
}

function differences(known: object, now: object, path = ''): string[] {
  return Object.keys({ ...known, ...now }).flatMap((name) => {
    const [a, b] = [known, now].map((side) => (side as Record<string, unknown>)[name])
    if (canonicalJson(a) === canonicalJson(b)) return []
    const isNested = [a, b].every((side) => side !== null && typeof side === 'object' && !Array.isArray(side))
    return isNested
      ? differences(a as object, b as object, `${path}${name}.`)
      : [`${path}${name} is ${JSON.stringify(a)} there and ${JSON.stringify(b)} now`]
  })
}
