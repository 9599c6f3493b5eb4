import { TestWorkflowEnvironment } from '@temporalio/testing'
import { expect, onTestFinished, test } from 'vitest'
import { timeSkippingServerForTests } from '../temporal/server.ts'

const server = await timeSkippingServerForTests()
const WEEK_MS = 7 * 24 * 60 * 60 * 1000

test.skipIf(!server)(
  'the time-skipping server lets a week pass at once',
  async () => {
    const environment = await TestWorkflowEnvironment.createTimeSkipping({
      server: { executable: { type: 'existing-path', path: server?.binary ?? '' } },
    })
    onTestFinished(() => environment.teardown())
    const before = await environment.currentTimeMs()
    await environment.sleep('7 days')
    expect((await environment.currentTimeMs()) - before).toBeGreaterThanOrEqual(WEEK_MS)
  },
  60_000,
)
