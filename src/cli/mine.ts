import { WorkflowFailedError, WorkflowIdConflictPolicy } from '@temporalio/client'
import { resolve } from 'node:path'
import type { Config } from '../config.ts'
import { TASK_QUEUE, workflowId } from '../domain/identifiers.ts'
import { repositoryName } from '../formats/common.ts'
import type { Mined, mineRepository } from '../workflows/mineRepository.ts'
import { openSession } from './session.ts'
import { EXIT, FailedError, InputError, type Terminal } from './terminal.ts'

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
  const session = await openSession(config)
  try {
    const handle = await session.client.workflow.start<typeof mineRepository>('mineRepository', {
      workflowId: workflowId.mine(repository),
      taskQueue: TASK_QUEUE,
      args: [{ repository, mirrors: config.mirrors === null ? null : resolve(config.mirrors), min, max }],
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      staticSummary: `mine ${repository}`,
    })
    terminal.say(`mining ${repository}${session.uiUrl ? `; Temporal UI: ${session.uiUrl}` : ''}`)
    const detached = new Promise<'detached'>((resolve) =>
      signal.addEventListener('abort', () => resolve('detached'), { once: true }),
    )
    const mined: Mined | 'detached' = await Promise.race([handle.result(), detached])
    if (mined === 'detached') {
      terminal.say('detached; the mining goes on')
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
    await session.close()
  }
}
