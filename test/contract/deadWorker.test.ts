import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { msToTs } from '@temporalio/common/lib/time.js'
import { expect, onTestFinished, test } from 'vitest'
import { giveBack } from '../../temporal/deadWorker.ts'
import { startDevServer } from '../../temporal/devServer.ts'
import { temporalForTests } from '../temporal/server.ts'

const temporal = await temporalForTests()
const namespace = 'default'
const taskQueue = { name: 'queue' }
const SCHEDULE_ACTIVITY = 1
const POLL_MS = 30_000
const AN_HOUR = msToTs('1 hour')

test.skipIf(!temporal)('what a dead worker held is given back, and nothing that another holds', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'prchain-dead-'))
  const server = await startDevServer({
    binary: temporal!.binary,
    dbFile: join(folder, 'temporal.db'),
    logFile: join(folder, 'temporal.log'),
  })
  onTestFinished(() => server.stop())
  const connection = await Connection.connect({ address: server.address })
  onTestFinished(() => connection.close())
  const client = new Client({ connection })
  const { workflowService } = client

  function poll<T>(ask: () => Promise<T>): Promise<T> {
    return connection.withDeadline(Date.now() + POLL_MS, ask)
  }

  /** A workflow that has asked for one activity, which would wait for an hour for whoever took it. */
  async function askForActivity(workflowId: string): Promise<void> {
    await client.workflow.start('asks', { workflowId, taskQueue: taskQueue.name, args: [] })
    const { taskToken } = await poll(() =>
      workflowService.pollWorkflowTaskQueue({ namespace, taskQueue, identity: 'any' }),
    )
    const scheduleActivityTaskCommandAttributes = {
      ...{ activityId: '1', activityType: { name: 'work' }, taskQueue },
      ...{ startToCloseTimeout: AN_HOUR, heartbeatTimeout: AN_HOUR },
    }
    await workflowService.respondWorkflowTaskCompleted({
      ...{ namespace, taskToken, identity: 'any' },
      commands: [{ commandType: SCHEDULE_ACTIVITY, scheduleActivityTaskCommandAttributes }],
    })
  }
  const take = (identity: string) =>
    poll(() => workflowService.pollActivityTaskQueue({ namespace, taskQueue, identity }))

  await askForActivity('first')
  const first = await take('host/1')
  await askForActivity('other')
  const other = await take('host/2')
  expect(await giveBack(client, 'host/3')).toBe(0)
  expect(await giveBack(client, 'host/1')).toBe(1)
  const again = await take('host/2')
  expect(again).toMatchObject({ workflowExecution: first.workflowExecution, attempt: 2 })
  expect(other.workflowExecution).not.toEqual(first.workflowExecution)
  expect(await giveBack(client, 'host/1')).toBe(0)
})
