import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Client, Connection } from '@temporalio/client'
import { defineSearchAttributeKey } from '@temporalio/common'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { acceptsConnections } from '../../temporal/address.ts'
import { DatabaseInUse } from '../../temporal/databaseLock.ts'
import { DevServerError, startDevServer, type DevServer, type DevServerOptions } from '../../temporal/devServer.ts'
import { isRunning, type Exit } from '../../temporal/guardedProcess.ts'
import { raiseRetention, registerSearchAttributes, SearchAttributeConflict } from '../../temporal/namespace.ts'
import { ensureResumeSchedule } from '../../temporal/schedules.ts'
import { SEARCH_ATTRIBUTES } from '../../temporal/searchAttributes.ts'
import { temporalForTests } from '../temporal/server.ts'

const temporal = await temporalForTests()
const STARTER = fileURLToPath(new URL('../temporal/devServerProcess.ts', import.meta.url))
const TIMEOUT_MS = 60_000

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prchain-dev-server-'))
})
afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))

async function start(options: Partial<DevServerOptions> = {}): Promise<DevServer> {
  const server = await startDevServer({
    binary: temporal?.binary ?? '',
    dbFile: join(folder, 'temporal.db'),
    logFile: join(folder, 'temporal.log'),
    ...options,
  })
  onTestFinished(() => server.stop())
  return server
}

async function connectTo({ address }: DevServer): Promise<{ client: Client; connection: Connection }> {
  const connection = await Connection.connect({ address })
  onTestFinished(() => connection.close())
  return { client: new Client({ connection }), connection }
}

const scores = defineSearchAttributeKey('Score', 'DOUBLE')

async function startWorkflow(client: Client, workflowId: string): Promise<void> {
  const typedSearchAttributes = [{ key: scores, value: 0.9 }]
  await client.workflow.start('nobodyRunsThis', { workflowId, taskQueue: 'nobody', args: [], typedSearchAttributes })
}

describe.skipIf(!temporal)('a dev server', { timeout: TIMEOUT_MS }, () => {
  test('starts with its UI, keeps closed workflows for 30 days and has the search attributes', async () => {
    const server = await start()
    const { connection } = await connectTo(server)
    expect((await fetch(server.uiUrl)).status).toBe(200)
    const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' })
    expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 24 * 60 * 60)
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'default' })
    expect(Object.keys(customAttributes ?? {})).toEqual(
      expect.arrayContaining(SEARCH_ATTRIBUTES.map(({ name }) => name)),
    )
    expect(await registerSearchAttributes(connection, 'default')).toEqual([])
  })

  test('stops, starts again on the same database, and still has its workflows', async () => {
    const first = await start()
    await startWorkflow((await connectTo(first)).client, 'chain/a/b/1')
    await first.stop()
    expect(isRunning(first.pid)).toBe(false)
    await first.stop()

    const { client, connection } = await connectTo(await start())
    const { status, typedSearchAttributes } = await client.workflow.getHandle('chain/a/b/1').describe()
    expect(status.name).toBe('RUNNING')
    expect(typedSearchAttributes.get(scores)).toBe(0.9)
    expect(await raiseRetention(connection, 'default')).toBe(30)
  })

  test('is reported when it is killed, and loses nothing by it', async () => {
    const exited = vi.fn<(exit: Exit) => void>()
    const first = await start({ onExit: exited })
    await startWorkflow((await connectTo(first)).client, 'chain/a/b/1')
    process.kill(first.pid, 'SIGKILL')
    await vi.waitFor(() => expect(exited).toHaveBeenCalledOnce(), { timeout: TIMEOUT_MS })
    expect(exited).toHaveBeenCalledWith({ code: null, signal: 'SIGKILL' })

    const { client } = await connectTo(await start())
    expect((await client.workflow.getHandle('chain/a/b/1').describe()).status.name).toBe('RUNNING')
  })

  test('stop is not reported as an exit', async () => {
    const exited = vi.fn<(exit: Exit) => void>()
    const server = await start({ onExit: exited })
    await server.stop()
    expect(exited).not.toHaveBeenCalled()
  })

  test('ends when the process that started it is killed, and its database can be used at once', async () => {
    const dbFile = join(folder, 'temporal.db')
    const logFile = join(folder, 'temporal.log')
    const parent = spawn(process.execPath, [STARTER, temporal?.binary ?? '', dbFile, logFile], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void parent.kill('SIGKILL'))
    const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string]
    const orphan = JSON.parse(line) as { address: string; pid: number }
    onTestFinished(() => {
      if (isRunning(orphan.pid)) process.kill(orphan.pid, 'SIGKILL')
    })
    expect(await acceptsConnections(orphan.address)).toBe(true)

    parent.kill('SIGKILL')
    await once(parent, 'exit')
    const next = await start()
    expect(next.pid).not.toBe(orphan.pid)
    expect(isRunning(orphan.pid)).toBe(false)
    expect(await acceptsConnections(orphan.address)).toBe(false)
  })

  test('has a process group of its own, so that Ctrl-C in a terminal does not reach it', async () => {
    const { pid } = await start()
    // Signals go to a group by the negative of its leader's id: there is a group only if the server leads it.
    expect(() => process.kill(-pid, 0)).not.toThrow()
  })

  test('refuses a database that another one has open, and gives it free when that has ended', async () => {
    const first = await start()
    await expect(start()).rejects.toThrow(DatabaseInUse)
    await expect(start()).rejects.toThrow(first.address)
    await first.stop()
    await start()
  })

  test('two on two databases started at once get ports of their own', async () => {
    const servers = await Promise.all([
      start({ dbFile: join(folder, 'a.db') }),
      start({ dbFile: join(folder, 'b.db') }),
    ])
    const ports = servers.flatMap(({ address, uiUrl }) => [address, uiUrl.replace('http://', '')])
    expect(new Set(ports).size).toBe(4)
  })

  test('a port that is taken is an error that names it', async () => {
    const blocker = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void blocker.close())
    await once(blocker, 'listening')
    const { port } = blocker.address() as AddressInfo
    await expect(start({ port })).rejects.toThrow(`port ${port}`)
    await expect(start({ uiPort: port })).rejects.toThrow(`port ${port}`)
  })

  test('a binary that cannot be started is an error with what the log says, and frees the database', async () => {
    const failure = await start({ binary: '/no/such/temporal' }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(DevServerError)
    expect(String(failure)).toMatch(/\/no\/such\/temporal.*not found/)
    await start()
  })

  test('writes to its log only what is worth a warning', async () => {
    await start()
    expect(await readFile(join(folder, 'temporal.log'), 'utf8')).not.toMatch(/level=(INFO|DEBUG)/i)
  })
})

describe.skipIf(!temporal)('search attributes', { timeout: TIMEOUT_MS }, () => {
  test('are registered with a namespace that has none, once', async () => {
    const { connection } = await connectTo(await start())
    await connection.workflowService.registerNamespace({
      namespace: 'other',
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    })
    const names = SEARCH_ATTRIBUTES.map(({ name }) => name)
    const added = await vi.waitFor(() => registerSearchAttributes(connection, 'other'), { timeout: TIMEOUT_MS })
    expect(added).toEqual(names)
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'other' })
    // IndexedValueType: Keyword is 2, Int 3, Double 4, Bool 5.
    expect(names.map((name) => Number(customAttributes?.[name]))).toEqual([2, 2, 2, 2, 2, 3, 3, 4, 5])
    expect(await registerSearchAttributes(connection, 'other')).toEqual([])
    expect(await raiseRetention(connection, 'other')).toBe(30)
    expect(await raiseRetention(connection, 'other', 7)).toBe(30)
  })

  test('can be registered by several processes at once', async () => {
    const { connection } = await connectTo(await start())
    const searchAttributes = SEARCH_ATTRIBUTES.map(({ name }) => name)
    await connection.operatorService.removeSearchAttributes({ namespace: 'default', searchAttributes })
    await Promise.all([1, 2, 3].map(() => registerSearchAttributes(connection, 'default')))
    expect(await registerSearchAttributes(connection, 'default')).toEqual([])
  })

  test('a namespace that does not exist is an error that names it', async () => {
    const { connection } = await connectTo(await start())
    await expect(registerSearchAttributes(connection, 'nowhere')).rejects.toThrow(
      /namespace nowhere: .*; let an operator/,
    )
  })

  test('a database that has one with another type keeps the server from starting, and leaves none running', async () => {
    const first = await start()
    const { connection } = await connectTo(first)
    await connection.operatorService.removeSearchAttributes({ namespace: 'default', searchAttributes: ['Stage'] })
    await connection.operatorService.addSearchAttributes({ namespace: 'default', searchAttributes: { Stage: 2 } })
    await first.stop()
    await expect(start()).rejects.toThrow(SearchAttributeConflict)
    expect(await readdir(folder)).not.toContain('temporal.db.lock')
  })

  test('one with another type is an error that names it', async () => {
    const { connection } = await connectTo(await start())
    await connection.operatorService.removeSearchAttributes({ namespace: 'default', searchAttributes: ['Stage'] })
    await connection.operatorService.addSearchAttributes({ namespace: 'default', searchAttributes: { Stage: 2 } })
    const registering = registerSearchAttributes(connection, 'default')
    await expect(registering).rejects.toThrow(SearchAttributeConflict)
    await expect(registering).rejects.toThrow(/Stage .* is Keyword, prchain needs Int/)
  })
})

test.skipIf(!temporal)(
  'the resume schedule is made once, follows its settings, and stays paused when paused',
  async () => {
    const { client } = await connectTo(await start())
    const schedule = { scheduleId: 'resume', workflowType: 'resumeFailedChains', taskQueue: 'nobody', args: [{ n: 1 }] }
    await ensureResumeSchedule(client, { ...schedule, everyMs: 60_000 })
    const handle = client.schedule.getHandle('resume')
    const first = await handle.describe()
    expect(first.policies.overlap).toBe('SKIP')
    expect(first.spec.intervals).toEqual([expect.objectContaining({ every: 60_000 })])
    expect(first.action).toMatchObject({ workflowType: 'resumeFailedChains', taskQueue: 'nobody', args: [{ n: 1 }] })

    await handle.pause('a person')
    await ensureResumeSchedule(client, { ...schedule, everyMs: 30_000, args: [{ n: 2 }] })
    const second = await handle.describe()
    expect(second.spec.intervals).toEqual([expect.objectContaining({ every: 30_000 })])
    expect(second.action).toMatchObject({ args: [{ n: 2 }] })
    expect(second.state).toMatchObject({ paused: true, note: 'a person' })
  },
  TIMEOUT_MS,
)
