import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { createActivities } from './activities/activities.ts'
import { composePorts } from './compose.ts'
import { readConfig, type Config } from './config.ts'
import { createRedact } from './domain/redaction.ts'
import { TASK_QUEUE } from './domain/identifiers.ts'

const CONNECT_TRIES = 60

/** Runs workflows and activities until it is asked to stop, then hands over: slices end before their next step. */
export async function runWorker(options: {
  config: Config
  address: string
  scriptedUrl: string | null
}): Promise<void> {
  const { config, address, scriptedUrl } = options
  const redact = createRedact([config.openaiApiKey, config.githubToken])
  Runtime.install({
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      process.stderr.write(
        `${redact(JSON.stringify({ at: new Date().toISOString(), level, message, ...meta }, showError))}\n`,
      )
    }),
    shutdownSignals: [],
  })

  let isDraining = false
  const ports = await composePorts({ config, scriptedUrl, isDraining: () => isDraining })
  const connection = await connect(address)
  const worker = await Worker.create({
    connection,
    namespace: config.temporalNamespace,
    taskQueue: TASK_QUEUE,
    workflowsPath: fileURLToPath(new URL('./workflows/index.ts', import.meta.url)),
    activities: createActivities(ports),
    maxConcurrentActivityTaskExecutions: config.workerActivities,
    // A killed worker's workflows are taken over after two seconds instead of ten.
    stickyQueueScheduleToStartTimeout: '2s',
    maxHeartbeatThrottleInterval: '2s',
    shutdownGraceTime: '10s',
    identity: ports.holder,
  })

  const stop = () => {
    if (isDraining) return
    isDraining = true
    if (worker.getState() === 'RUNNING') worker.shutdown()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  // The process that started this one is gone: nobody is left to stop it.
  process.on('disconnect', stop)
  process.send?.({ kind: 'ready' })
  await worker.run()
  await connection.close()
}

/** A server that is just starting is waited for. */
async function connect(address: string): Promise<NativeConnection> {
  for (let tries = 1; ; tries++) {
    try {
      return await NativeConnection.connect({ address })
    } catch (error) {
      if (tries === CONNECT_TRIES) throw error
      await sleep(500)
    }
  }
}

function showError(_: string, value: unknown): unknown {
  if (value instanceof Error)
    return { name: value.name, message: value.message, stack: value.stack, cause: value.cause }
  return typeof value === 'bigint' ? String(value) : value
}

if (import.meta.main) {
  const config = readConfig({ flags: {}, env: process.env, dir: process.cwd() })
  if (config.temporalAddress === null) throw new Error('TEMPORAL_ADDRESS is not set')
  await runWorker({ config, address: config.temporalAddress, scriptedUrl: config.scriptedUrl })
  process.exit(0)
}
