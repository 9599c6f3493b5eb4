import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, Connection } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { createActivities } from './activities/activities.ts'
import { composePorts } from './composePorts.ts'
import { readConfig, secretsOf, type Config } from './config.ts'
import { createSecrets } from './domain/redaction.ts'
import { hostTaskQueue, TASK_QUEUE } from './domain/identifiers.ts'
import { createHostKeeper } from './hostKeeper.ts'

const CONNECT_TRIES = 60

/** Runs workflows and activities until it is asked to stop, then hands over: slices end before their next step. */
export async function runWorker(options: {
  config: Config
  address: string
  scriptedUrl: string | null
}): Promise<void> {
  const { config, address, scriptedUrl } = options
  const { redact } = createSecrets(secretsOf(config))
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
  const common = {
    connection,
    namespace: config.temporalNamespace,
    activities: createActivities(ports),
    maxConcurrentActivityTaskExecutions: config.workerActivities,
    maxHeartbeatThrottleInterval: '2s',
    shutdownGraceTime: '10s',
    identity: ports.holder,
  } as const
  const workers = [
    await Worker.create({
      ...common,
      taskQueue: TASK_QUEUE,
      workflowsPath: fileURLToPath(new URL('./workflows/index.ts', import.meta.url)),
      // A killed worker's workflows are taken over after two seconds instead of ten.
      stickyQueueScheduleToStartTimeout: '2s',
    }),
  ]
  const keeper = await createHostKeeper({
    ports,
    client: new Client({ connection: await Connection.connect({ address }), namespace: config.temporalNamespace }),
    onPlace: async (place) => run(await Worker.create({ ...common, taskQueue: hostTaskQueue(place) })),
    onLine: (line) =>
      process.stderr.write(`${redact(JSON.stringify({ at: new Date().toISOString(), message: line }))}\n`),
  })

  const running: Promise<void>[] = []
  const stop = () => {
    if (isDraining) return
    isDraining = true
    keeper.stop()
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  // The process that started this one is gone: nobody is left to stop it.
  process.on('disconnect', stop)
  run(workers[0]!)
  await keeper.look()
  process.send?.({ kind: 'ready' })
  // Workers of further places may come while the first one runs.
  for (let ended = 0; ended < running.length; ended++) await running[ended]
  await keeper.close()
  await ports.flush()
  await connection.close()

  function run(worker: Worker): void {
    if (!workers.includes(worker)) workers.push(worker)
    running.push(worker.run())
    if (isDraining && worker.getState() === 'RUNNING') worker.shutdown()
  }
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
