import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client, Connection } from '@temporalio/client'
import { isPortFree } from '../../temporal/address.ts'
import { giveBack } from '../../temporal/deadWorker.ts'
import { findTemporal, TemporalNotFound, type FoundTemporal } from '../../temporal/binary.ts'
import { startDevServer, type DevServer } from '../../temporal/devServer.ts'
import { ensureResumeSchedule } from '../../temporal/schedules.ts'
import { removeServerFile, serverFilePath, writeServerFile } from '../../temporal/serverFile.ts'
import { storeDir } from '../compose.ts'
import { hasGateway } from '../composeGateway.ts'
import { composeScriptedModel, hasRealModel } from '../composeModel.ts'
import { holderOf } from '../composePorts.ts'
import { readHost, toEnvironment, type Config } from '../config.ts'
import { gatewayPort, gatewaySocket } from '../gatewayReach.ts'
import { RESUME_SCHEDULE, TASK_QUEUE } from '../domain/identifiers.ts'
import { keepChild } from './child.ts'
import { FailedError, InputError } from './terminal.ts'

/** A Temporal dev server, the scripted model where no real one is named, the schedule, a gateway and a worker: one process tree. */
export interface Embedded {
  address: string
  uiUrl: string
  scriptedUrl: string | null
  /** Process ids, for those who watch or test: they change when a process had to be started again. */
  processes(): { temporal: number; worker: number | null; gateway: number | null }
  /** Stops the worker, which hands over first, then the rest. Idempotent. */
  stop(): Promise<void>
}

/** Checks what settings say of the servers, before anything is made. Throws {@link InputError}. */
export async function checkServers(config: Config): Promise<void> {
  if (config.temporalCli !== null) await findCli(config, () => {})
  for (const [flag, port] of [
    ['--temporal-port', config.temporalPort],
    ['--temporal-ui-port', config.temporalUiPort],
    ['--gateway-port', config.gatewayReach === 'network' ? gatewayPort(config) : null],
  ] as const) {
    if (port === null || (await isPortFree(port))) continue
    throw new InputError(`${flag}: port ${port} is taken; stop what listens there, or choose another`)
  }
  if (await hasGateway(config))
    throw new InputError(
      `a gateway listens on ${gatewaySocket(config)} already: stop it, or name another socket by --gateway-socket`,
    )
}

/** The Temporal CLI of the settings, or one that is found or installed. */
async function findCli(config: Config, onLine: (line: string) => void): Promise<FoundTemporal> {
  const { path, cacheDir } = readHost()
  try {
    return await findTemporal({
      configured: config.temporalCli,
      path,
      cacheDir,
      onProgress: onLine,
      allowInstall: true,
    })
  } catch (cause) {
    if (!(cause instanceof TemporalNotFound)) throw cause
    if (config.temporalCli === null) throw new FailedError(cause.message, { cause })
    throw new InputError(`--temporal-cli: ${cause.message}`, { cause })
  }
}

/**
 * Starts all that prchain needs on one machine. A worker or server that dies is started again on the same database and
 * ports; all of it ends with this process, however this one ends.
 */
export async function startEmbedded(options: {
  config: Config
  /** The environment that the worker's settings are laid over. */
  inherited: NodeJS.ProcessEnv
  onLine: (line: string) => void
}): Promise<Embedded> {
  const { config, inherited, onLine } = options
  const dir = storeDir(config)
  const temporal = await findCli(config, onLine)
  mkdirSync(join(dir, 'logs'), { recursive: true })

  let isStopping = false
  let server: DevServer = await startServer()
  const scripted = hasRealModel(config) ? null : await composeScriptedModel(config)
  await withClient(server.address, (client) =>
    ensureResumeSchedule(client, {
      scheduleId: RESUME_SCHEDULE,
      workflowType: 'resumeFailedChains',
      taskQueue: TASK_QUEUE,
      everyMs: config.resumeEveryMs,
      args: [],
    }),
  )
  const keep = (name: string, onDeath?: (pid: number) => void) => {
    const file = fileURLToPath(new URL(`../${name}.ts`, import.meta.url))
    return keepChild({ name, file, dir, env: ownEnvironment, onLine, onDeath })
  }
  const gateway = keep('gateway')
  const worker = keep('worker', (pid) => void giveBackOf(pid))
  const path = serverFilePath(dir)
  await writeServerFile(path, {
    format: 'prchain.server/1',
    temporal: { address: server.address, namespace: config.temporalNamespace, uiUrl: server.uiUrl },
    scriptedModelUrl: scripted?.baseUrl ?? null,
    pid: process.pid,
    startedAt: new Date().toISOString(),
  })
  let stopping: Promise<void> | null = null

  return {
    address: server.address,
    uiUrl: server.uiUrl,
    scriptedUrl: scripted?.baseUrl ?? null,
    processes: () => ({ temporal: server.pid, worker: worker.pid(), gateway: gateway.pid() }),
    stop: () => (stopping ??= stopAll()),
  }

  function startServer(ports?: { port: number; uiPort: number }): Promise<DevServer> {
    return startDevServer({
      binary: temporal.path,
      dbFile: join(dir, 'temporal.db'),
      logFile: join(dir, 'logs', 'temporal.log'),
      namespace: config.temporalNamespace,
      port: ports?.port ?? config.temporalPort ?? undefined,
      uiPort: ports?.uiPort ?? config.temporalUiPort ?? undefined,
      onExit: () => void restartServer(),
    })
  }

  async function restartServer(): Promise<void> {
    if (isStopping) return
    onLine('the Temporal server ended by itself; starting it again on the same database')
    const ports = { port: portOf(`http://${server.address}`), uiPort: portOf(server.uiUrl) }
    try {
      const next = await startServer(ports)
      if (isStopping) return await next.stop()
      server = next
    } catch (error) {
      onLine(
        `the Temporal server does not come back: ${(error as Error).message}; what is on record stays: stop this with Ctrl-C and start it again over the same store`,
      )
    }
  }

  /** What a dead worker held is taken over at once. Without this, it is when its heartbeats are missed. */
  async function giveBackOf(pid: number): Promise<void> {
    try {
      await withClient(server.address, (client) => giveBack(client, holderOf(pid)))
    } catch (error) {
      if (isStopping) return
      onLine(`what the worker held is taken over when its heartbeats are missed: ${(error as Error).message}`)
    }
  }

  /** The settings of a process of ours, over what this one inherited. */
  function ownEnvironment(): NodeJS.ProcessEnv {
    return {
      ...inherited,
      ...toEnvironment(config),
      PRCHAIN_STORE: dir,
      TEMPORAL_ADDRESS: server.address,
      ...(scripted ? { PRCHAIN_SCRIPTED_URL: scripted.baseUrl } : {}),
    }
  }

  async function stopAll(): Promise<void> {
    isStopping = true
    await worker.stop()
    await gateway.stop()
    await server.stop()
    await scripted?.close()
    await removeServerFile(path)
  }

  async function withClient(address: string, work: (client: Client) => Promise<unknown>): Promise<void> {
    const connection = await Connection.connect({ address })
    try {
      await work(new Client({ connection, namespace: config.temporalNamespace }))
    } finally {
      await connection.close()
    }
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port)
}
