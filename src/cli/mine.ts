import {
  WorkflowFailedError,
  WorkflowIdConflictPolicy,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client'
import { ApplicationFailure } from '@temporalio/common'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.ts'
import { TASK_QUEUE, workflowId } from '../domain/identifiers.ts'
import { repositoryName } from '../formats/common.ts'
import type { DistantLinks, MiningMode, MiningSource } from '../formats/mining.ts'
import type { MiningState } from '../formats/state.ts'
import { miningQuery } from '../workflows/messages.ts'
import type { Mined, mineRepository } from '../workflows/mineRepository.ts'
import { askWorker, describeWorkflow, QUERY_MS } from './answer.ts'
import { settleLinkJudge } from './rolloutSettings.ts'
import { openSession, type Session } from './session.ts'
import { openRepository } from './targets.ts'
import { EXIT, FailedError, InputError, type Terminal } from './terminal.ts'

const SILENCE_MS = 15_000
const POLL_MS = 1_000
const GIT_ALONE =
  'git alone: the texts of commits, no bodies, comments or reviews. In the paper’s chains 5 % of the links can be seen in git; commit texts hold 1 to 3 references for 100 pull requests in good repositories, almost none in most'

/** What is mined, and how. */
export interface MineOptions {
  repository: string
  mode: MiningMode
  source: MiningSource
  isOffline: boolean
  min: number
  max: number
  distant: DistantLinks
  /** Whether a model is asked about each link. */
  isJudged: boolean
}

/** `prchain mine REPO`: gathers a repository's pull requests, links them, and stores the chains. */
export async function mine(
  options: MineOptions & { config: Config; terminal: Terminal; signal: AbortSignal },
): Promise<number> {
  const { config, repository, mode, source, isOffline, min, max, distant, isJudged, terminal, signal } = options
  if (!repositoryName.safeParse(repository).success)
    throw new InputError(`"${repository}" is no repository: expected owner/name`)
  if (!(min >= 1 && max >= min)) throw new InputError(`--min ${min} --max ${max}: expected 1 ≤ min ≤ max`)
  if (config.mirrors !== null) await openRepository(config, repository)
  const judge = isJudged ? await settleLinkJudge(config) : null
  const settings = describeSettings(options)
  const session = await openSession(config)
  const ended = new AbortController()
  try {
    const handle = await session.client.workflow.start<typeof mineRepository>('mineRepository', {
      workflowId: workflowId.mine(repository),
      taskQueue: TASK_QUEUE,
      args: [
        {
          repository,
          mirrors: config.mirrors === null ? null : resolve(config.mirrors),
          mode,
          source,
          isOffline,
          min,
          max,
          seed: config.seed,
          distant,
          judge,
        },
      ],
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      memo: { settings },
      staticSummary: `mine ${repository}`,
    })
    const { memo } = await handle.describe()
    if (memo?.settings !== settings)
      throw new InputError(
        `${repository} is being mined with other settings (${String(memo?.settings)}): wait until that has ended, or end it with \`prchain cancel ${handle.workflowId}\``,
      )
    terminal.say(`mining ${repository}${session.uiUrl ? `; Temporal UI: ${session.uiUrl}` : ''}`)
    if (source === 'git') terminal.say(GIT_ALONE)
    if (judge) terminal.say(`links are judged by ${judge.model}${judge.isScripted ? ', a stand-in' : ''}`)
    const followed = follow(session, { repository, terminal, signal: ended.signal })
    const mined = await Promise.race([handle.result(), detachment(signal)])
    ended.abort()
    await followed
    if (mined === 'detached') {
      terminal.say(
        `detached; the mining goes on: the same command attaches to it, \`prchain cancel ${handle.workflowId}\` ends it`,
      )
      return EXIT.detached
    }
    await tellLast(handle, terminal, await followed)
    tell(mined, terminal)
    terminal.emit({ format: 'prchain.mined/1', ...mined })
    return EXIT.ended
  } catch (cause) {
    if (cause instanceof WorkflowFailedError) throw explain(cause, repository)
    throw cause
  } finally {
    ended.abort()
    await session.close()
  }
}

/** What was asked for, as flags: two minings with the same flags are one. */
function describeSettings({
  config,
  mode,
  source,
  isOffline,
  min,
  max,
  distant,
  isJudged,
}: Parameters<typeof mine>[0]) {
  return [
    ...[`--mode ${mode}`, `--source ${source}`, `--min ${min}`, `--max ${max}`, `--distant ${distant}`],
    ...[`--seed ${config.seed}`, ...(isOffline ? ['--offline'] : []), ...(isJudged ? ['--judge-links'] : [])],
    ...(config.mirrors === null ? [] : [`--mirrors ${resolve(config.mirrors)}`]),
  ].join(' ')
}

function detachment(signal: AbortSignal): Promise<'detached'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('detached')
    signal.addEventListener('abort', () => resolve('detached'), { once: true })
  })
}

function tell(mined: Mined, terminal: Terminal): void {
  const { pullRequests, issues, references, chainCount, outdatedCount, chains } = mined
  terminal.say(`${pullRequests} pull requests, ${issues} issues, ${references} references, ${chainCount} chains`)
  for (const id of chains) terminal.say(`  ${id}`)
  if (outdatedCount > 0)
    terminal.say(
      `${outdatedCount} of these chains were stored by an earlier mining with other evidence and stay as they are, since rollouts may stand on them; a new store (--store) takes them as they are now`,
    )
}

/** Says a mining's news until the signal; returns how many lines were said. */
async function follow(
  session: Pick<Session, 'client' | 'address'>,
  options: { repository: string; terminal: Terminal; signal: AbortSignal },
): Promise<number> {
  const { repository, terminal, signal } = options
  const workflow = workflowId.mine(repository)
  let told = 0
  let heardMs = Date.now()
  let isWarned = false
  while (!signal.aborted) {
    const state = await askWorker(session, { workflow, timeoutMs: QUERY_MS }, (handle) =>
      handle.query<MiningState>(miningQuery),
    ).catch(() => null)
    if (state) {
      heardMs = Date.now()
      told = tellNews(state, told, terminal)
    } else if (!isWarned && !signal.aborted && Date.now() - heardMs > SILENCE_MS) {
      isWarned = true
      const described = await describeWorkflow(session, workflow).catch(() => null)
      if (described?.status.name === 'RUNNING')
        terminal.say(
          `no worker has answered for ${SILENCE_MS / 1_000} s: start one with \`prchain worker\`, or \`prchain up\``,
        )
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {})
  }
  return told
}

/** What came between the last look and the end. */
async function tellLast(
  handle: Pick<WorkflowHandleWithFirstExecutionRunId, 'query'>,
  terminal: Terminal,
  told: number,
): Promise<void> {
  const state = await handle.query<MiningState>(miningQuery).catch(() => null)
  if (state) tellNews(state, told, terminal)
}

function tellNews(state: MiningState, told: number, terminal: Terminal): number {
  for (const line of state.news.slice(Math.max(0, told - state.firstNews))) terminal.say(`  ${line}`)
  return state.firstNews + state.news.length
}

/** A mining's failure for people: input that cannot be mined is theirs to mend. */
function explain(error: WorkflowFailedError, repository: string): Error {
  const failure = error.cause?.cause ?? error.cause
  const reason = failure instanceof Error ? failure.message : error.message
  if (failure instanceof ApplicationFailure && failure.type === 'InvalidInput') {
    return new InputError(reason, { cause: error })
  }
  return new FailedError(
    `mining ${repository} failed: ${reason}; run the same command again, what was gathered is kept`,
    { cause: error },
  )
}
