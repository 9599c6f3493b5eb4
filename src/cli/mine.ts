import { WorkflowFailedError, WorkflowIdConflictPolicy } from '@temporalio/client'
import { resolve } from 'node:path'
import type { Config } from '../config.ts'
import { TASK_QUEUE, workflowId } from '../domain/identifiers.ts'
import { repositoryName } from '../formats/common.ts'
import type { Mined, mineRepository } from '../workflows/mineRepository.ts'
import { describeWorkflow } from './answer.ts'
import { openSession } from './session.ts'
import { openRepository } from './targets.ts'
import { EXIT, FailedError, InputError, type Terminal } from './terminal.ts'

const SILENCE_MS = 15_000

/** `prchain mine REPO`: gathers a repository's pull requests, links them, and stores the chains. */
export async function mine(options: {
  config: Config
  repository: string
  min: number
  max: number
  terminal: Terminal
  signal: AbortSignal
}): Promise<number> {
  const { config, repository, min, max, terminal, signal } = options
  if (!repositoryName.safeParse(repository).success)
    throw new InputError(`"${repository}" is no repository: expected owner/name`)
  if (!(min >= 1 && max >= min)) throw new InputError(`--min ${min} --max ${max}: expected 1 ≤ min ≤ max`)
  if (config.mirrors !== null) await openRepository(config, repository)
  const session = await openSession(config)
  const silence = setTimeout(() => void warn().catch(() => {}), SILENCE_MS)
  try {
    const handle = await session.client.workflow.start<typeof mineRepository>('mineRepository', {
      workflowId: workflowId.mine(repository),
      taskQueue: TASK_QUEUE,
      args: [
        {
          repository,
          mirrors: config.mirrors === null ? null : resolve(config.mirrors),
          mode: 'semantic',
          source: 'github',
          min,
          max,
        },
      ],
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      staticSummary: `mine ${repository}`,
    })
    terminal.say(`mining ${repository}${session.uiUrl ? `; Temporal UI: ${session.uiUrl}` : ''}`)
    const detached = new Promise<'detached'>((resolve) =>
      signal.addEventListener('abort', () => resolve('detached'), { once: true }),
    )
    const mined: Mined | 'detached' = await Promise.race([handle.result(), detached])
    if (mined === 'detached') {
      terminal.say(
        `detached; the mining goes on: the same command attaches to it, \`prchain cancel ${handle.workflowId}\` ends it`,
      )
      return EXIT.detached
    }
    terminal.say(`${mined.pullRequests} pull requests, ${mined.references} references, ${mined.chainCount} chains`)
    for (const id of mined.chains) terminal.say(`  ${id}`)
    terminal.emit({ format: 'prchain.mined/1', ...mined })
    return EXIT.ended
  } catch (cause) {
    if (cause instanceof WorkflowFailedError) {
      const reason =
        cause.cause?.cause instanceof Error ? cause.cause.cause.message : (cause.cause?.message ?? cause.message)
      throw new FailedError(
        `mining ${repository} failed: ${reason}; run the same command again, what was gathered is kept`,
        { cause },
      )
    }
    throw cause
  } finally {
    clearTimeout(silence)
    await session.close()
  }

  /** A mining that nobody has taken up. */
  async function warn(): Promise<void> {
    const described = await describeWorkflow(session, workflowId.mine(repository))
    // Started, and its first task scheduled: a worker adds more.
    if ((described?.historyLength ?? 0) <= 2)
      terminal.say(
        `no worker has taken this up for ${SILENCE_MS / 1_000} s: start one with \`prchain worker\`, or \`prchain up\``,
      )
  }
}
