import { mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Connection } from '@temporalio/client'
import { acceptsConnections, findFreePorts, isPortFree, LOOPBACK } from './address.ts'
import { takeDatabaseLock, type DatabaseLock } from './databaseLock.ts'
import { startGuarded, type Exit, type GuardedProcess } from './guardedProcess.ts'
import { raiseRetention, registerSearchAttributes, SearchAttributeConflict } from './namespace.ts'
import { COMMAND_LINE_TYPE, SEARCH_ATTRIBUTES } from './searchAttributes.ts'

/**
 * Settings of the server that make fairness between campaigns exact: with more than one partition of a task queue the
 * order is only roughly that of the fairness keys. production/dynamicconfig.yaml has the same.
 */
export const DYNAMIC_CONFIG = {
  'matching.enableFairness': true,
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
} as const

const BIND_TRIES = 5
const CALL_TIMEOUT_MS = 5_000

/** What to start a dev server with. */
export interface DevServerOptions {
  /** The `temporal` command. */
  binary: string
  /** Its SQLite database; made when absent. One that a killed server left is fine. */
  dbFile: string
  /** The port of its gRPC endpoint; a free one when left out. */
  port?: number
  /** The port of its UI; a free one when left out. */
  uiPort?: number
  namespace?: string
  /** Its output is appended here. */
  logFile: string
  /** How long it may take to answer. */
  startTimeoutMs?: number
  /** Called when the server has ended and {@link DevServer.stop} was not called before. */
  onExit?: (exit: Exit) => void
}

/** A running dev server. It ends with this process, however this one ends. */
export interface DevServer {
  /** `host:port` of its gRPC endpoint. */
  address: string
  uiUrl: string
  pid: number
  /** Ends it: SIGTERM, then SIGKILL. Idempotent. */
  stop(): Promise<void>
}

/** A dev server that could not be started. */
export class DevServerError extends Error {
  override name = 'DevServerError'
}

/**
 * Starts a Temporal dev server with its UI on loopback, and returns when its namespace answers, keeps closed workflows
 * for 30 days, and has prchain's search attributes.
 *
 * Throws DatabaseInUse when another server has the database open, SearchAttributeConflict when the database has one of
 * prchain's names with another type, and {@link DevServerError} for whatever else keeps it from starting; then nothing
 * is left running.
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const { dbFile, logFile } = options
  await Promise.all([dbFile, logFile].map((file) => mkdir(dirname(file), { recursive: true })))
  for (const port of [options.port, options.uiPort]) {
    if (port !== undefined && !(await isPortFree(port))) {
      throw new DevServerError(`port ${port} of ${LOOPBACK} is taken; stop what listens there or choose another port`)
    }
  }
  const lock = await takeDatabaseLock(dbFile)
  try {
    for (let tries = 1; ; tries++) {
      const outcome = await tryStart(options, lock)
      if (outcome.status === 'started') return outcome.server
      if (outcome.status === 'failed' || tries === BIND_TRIES) throw outcome.error
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}

type Outcome =
  | { status: 'started'; server: DevServer }
  | { status: 'port-taken'; error: Error }
  | { status: 'failed'; error: unknown }

async function tryStart(options: DevServerOptions, lock: DatabaseLock): Promise<Outcome> {
  const { logFile, startTimeoutMs = 60_000 } = options
  const [freePort, freeUiPort] = await findFreePorts()
  const address = `${LOOPBACK}:${options.port ?? freePort}`
  const uiPort = options.uiPort ?? freeUiPort
  const logOffset = await sizeOf(logFile)
  const server = await startGuarded(commandLine(options, address, uiPort), { logFile })
  const ended = new AbortController()
  void server.exited.then(() => ended.abort())
  try {
    await lock.handTo({ pid: server.pid, address })
    await prepareNamespace({ address, namespace: options.namespace, timeoutMs: startTimeoutMs, ended: ended.signal })
    ended.signal.throwIfAborted()
  } catch (cause) {
    const hasEnded = ended.signal.aborted
    const { code } = await server.stop()
    const log = await readTail(logFile, logOffset)
    if (hasEnded && /address already in use/.test(log)) {
      return { status: 'port-taken', error: new DevServerError(`the Temporal dev server found no port: ${log}`) }
    }
    const what = hasEnded ? `ended with code ${code} while starting` : `is not usable at ${address}: ${String(cause)}`
    if (cause instanceof SearchAttributeConflict) return { status: 'failed', error: cause }
    const error = new DevServerError(
      `the Temporal dev server (${options.binary}, database ${options.dbFile}) ${what}; its log ${logFile} says: ` +
        (log || 'nothing'),
      { cause },
    )
    return { status: 'failed', error }
  }
  return { status: 'started', server: handle(server, { address, uiPort, lock, onExit: options.onExit }) }
}

function commandLine(options: DevServerOptions, address: string, uiPort: number): string[] {
  const { binary, dbFile, namespace } = options
  const [ip, port] = address.split(':') as [string, string]
  const searchAttributes = SEARCH_ATTRIBUTES.map(
    ({ name, type }) => `--search-attribute=${name}=${COMMAND_LINE_TYPE[type]}`,
  )
  const settings = Object.entries(DYNAMIC_CONFIG).map(([key, value]) => `--dynamic-config-value=${key}=${value}`)
  const where = [`--ip=${ip}`, `--port=${port}`, `--ui-port=${uiPort}`, `--db-filename=${dbFile}`]
  const names = namespace === undefined ? [] : [`--namespace=${namespace}`]
  return [binary, 'server', 'start-dev', '--log-level=warn', ...where, ...names, ...searchAttributes, ...settings]
}

async function prepareNamespace(options: {
  address: string
  namespace: string | undefined
  timeoutMs: number
  ended: AbortSignal
}): Promise<void> {
  const { address, namespace = 'default', timeoutMs, ended } = options
  const deadline = Date.now() + timeoutMs
  // A client that finds the port closed waits a second before it tries again; the port itself can be asked more often.
  while (!(await acceptsConnections(address))) await waitABit(deadline, ended, 'its port is closed')
  const connection = await connectTo({ address, namespace, deadline, ended })
  try {
    await connection.withDeadline(deadline, async () => {
      await registerSearchAttributes(connection, namespace)
      await raiseRetention(connection, namespace)
    })
  } finally {
    await connection.close()
  }
}

/** A connection to a server whose namespace answers. */
async function connectTo(options: {
  address: string
  namespace: string
  deadline: number
  ended: AbortSignal
}): Promise<Connection> {
  const { address, namespace, deadline, ended } = options
  for (;;) {
    let connection: Connection | null = null
    try {
      const opened = await Connection.connect({ address, connectTimeout: CALL_TIMEOUT_MS })
      connection = opened
      const describe = () => opened.workflowService.describeNamespace({ namespace })
      await opened.withDeadline(Date.now() + CALL_TIMEOUT_MS, describe)
      return opened
    } catch (error) {
      await connection?.close()
      await waitABit(deadline, ended, String(error))
    }
  }
}

async function waitABit(deadline: number, ended: AbortSignal, state: string): Promise<void> {
  if (Date.now() > deadline) throw new Error(`no answer in time: ${state}`)
  await pause(50, undefined, { signal: ended })
}

function handle(
  server: GuardedProcess,
  options: {
    address: string
    uiPort: number
    lock: DatabaseLock
    onExit: DevServerOptions['onExit']
  },
): DevServer {
  let isStopping = false
  const cleared = server.exited.then(async (exit) => {
    await options.lock.release()
    if (!isStopping) options.onExit?.(exit)
  })
  return {
    address: options.address,
    uiUrl: `http://${LOOPBACK}:${options.uiPort}`,
    pid: server.pid,
    async stop() {
      isStopping = true
      await server.stop()
      await cleared
    },
  }
}

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => null))?.size ?? 0
}

/** The last 2,000 characters of what a file has got since `offset`. */
async function readTail(path: string, offset: number): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const start = Math.max(offset, size - 2_000)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start)
    return buffer.toString('utf8', 0, bytesRead).trim()
  } finally {
    await file.close()
  }
}
