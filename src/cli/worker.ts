import { registerSearchAttributes } from '../../temporal/namespace.ts'
import { ensureResumeSchedule } from '../../temporal/schedules.ts'
import { hasRealModel } from '../composeModel.ts'
import type { Config } from '../config.ts'
import { RESUME_SCHEDULE, TASK_QUEUE } from '../domain/identifiers.ts'
import { runWorker } from '../worker.ts'
import { openSession } from './session.ts'
import { EXIT, InputError, type Terminal } from './terminal.ts'

/** `prchain worker`: one worker, for more machines or processes, until it is stopped. Throws {@link InputError} without a model. */
export async function worker(options: { config: Config; terminal: Terminal }): Promise<number> {
  const { config, terminal } = options
  const session = await openSession(config)
  const { address, scriptedUrl, client } = session
  try {
    if (!hasRealModel(config) && scriptedUrl === null) {
      throw new InputError(
        'model: there is none to work with; set OPENAI_BASE_URL and OPENAI_API_KEY for a real one, or PRCHAIN_SCRIPTED_URL to the scripted model that `prchain up` prints',
      )
    }
    await registerSearchAttributes(session.connection, config.temporalNamespace)
    await ensureResumeSchedule(client, {
      scheduleId: RESUME_SCHEDULE,
      workflowType: 'resumeFailedChains',
      taskQueue: TASK_QUEUE,
      everyMs: config.resumeEveryMs,
      args: [],
    })
  } finally {
    await session.close()
  }
  terminal.say(`worker for the Temporal server at ${address}; Ctrl-C hands over and stops it`)
  terminal.emit({ format: 'prchain.worker/1', status: 'running', address })
  await runWorker({ config, address, scriptedUrl })
  return EXIT.ended
}
