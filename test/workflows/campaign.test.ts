import { Context } from '@temporalio/activity'
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client'
import { CancelledFailure } from '@temporalio/common'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Activities } from '../../src/activities/activities.ts'
import { TASK_QUEUE } from '../../src/domain/identifiers.ts'
import type { CampaignState } from '../../src/formats/state.ts'
import { campaignQuery } from '../../src/workflows/messages.ts'
import { timeSkippingServerForTests } from '../temporal/server.ts'
import { failure, openTimeSkipping, playableActivities } from './chainFixture.ts'

const server = await timeSkippingServerForTests()

describe.skipIf(server === null)('a campaign that is cancelled', () => {
  let opened: Awaited<ReturnType<typeof openTimeSkipping>>
  beforeAll(async () => {
    opened = await openTimeSkipping(server!.binary)
  })
  afterAll(() => opened.close())

  const start = (name: string) =>
    opened.env.client.workflow.start('campaign', {
      workflowId: `campaign/${name}`,
      taskQueue: TASK_QUEUE,
      args: [{ name }],
    })
  const chain = (name: string, n: number) => opened.env.client.workflow.getHandle(`chain/${name}/acme__tool.11-12/${n}`)

  /** A campaign of so many rollouts, two at a time. */
  const many = (rollouts: number): Partial<Activities> => ({
    readCampaign: async () => ({ repositories: [], mirrors: null, concurrency: 2 }),
    planCampaign: async () => ({ pullRequests: 2, references: 1, chains: 1, stages: 2, rollouts }),
    listRollouts: async ({ name, from, count }) => ({
      rollouts: Array.from({ length: rollouts }, (_, n) => ({
        rollout: `${name}/acme__tool.11-12/${n + 1}`,
        epoch: 0,
      })).slice(from, from + count),
    }),
  })

  /** Ended rollouts and why, as they would stand in the store, and an activity that waits until it is cancelled. */
  function ends() {
    const ended: Record<string, string> = {}
    const endRollout: Activities['endRollout'] = async ({ rollout, ending, reason }) => {
      ended[rollout] = `${ending}: ${reason}`
      return { ending, stagesAccepted: 1, rounds: 1, steps: 1, hasSample: true }
    }
    const runSlice: Activities['runSlice'] = async () => {
      const beating = setInterval(() => Context.current().heartbeat(), 50)
      return Context.current().cancelled.finally(() => clearInterval(beating))
    }
    return { ended, endRollout, runSlice }
  }

  /** Waits for a campaign's state; queries go by without skipping time. */
  async function reach(handle: WorkflowHandle, holds: (state: CampaignState) => boolean): Promise<void> {
    while (!holds(await handle.query(campaignQuery)));
  }

  /** Waits for activities that end by cancellation alone: the time-skipping server hangs when one that is cancelled ends. */
  async function reachActivity(acts: { calls: string[] }, name: string, count: number): Promise<void> {
    await vi.waitFor(() => expect(acts.calls.filter((call) => call === name)).toHaveLength(count), { timeout: 60_000 })
  }

  async function expectCancelled(handle: WorkflowHandle): Promise<CampaignState> {
    const error = await handle.result().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(WorkflowFailedError)
    expect((error as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure)
    expect((await handle.describe()).status.name).toBe('CANCELLED')
    return handle.query(campaignQuery)
  }

  test('has its chains end in order, begins no other, writes the samples, and ends as cancelled', async () => {
    const { ended, ...held } = ends()
    const acts = playableActivities({ ...many(5), ...held })
    await opened.withWorker(acts, async () => {
      const handle = await start('night')
      await reach(handle, (state) => state.open.length === 2)
      await reachActivity(acts, 'runSlice', 2)
      await handle.cancel()
      expect(await expectCancelled(handle)).toMatchObject({
        status: 'cancelled',
        samplesPath: 'samples.jsonl',
        endings: { cancelled: 2 },
        chains: { total: 5, ended: 2, running: 0, waiting: 3 },
        funnel: { accepted: 2 },
      })
      for (const n of [1, 2]) expect((await chain('night', n).describe()).status.name).toBe('COMPLETED')
    })
    expect(Object.keys(ended).sort()).toEqual(['night/acme__tool.11-12/1', 'night/acme__tool.11-12/2'])
    expect(acts.calls.at(-1)).toBe('writeSamples')
  })

  test('has a parked chain end too', async () => {
    const { ended, endRollout } = ends()
    const acts = playableActivities({
      ...many(1),
      endRollout,
      judgeRound: () => Promise.reject(failure('ModelRefused')),
    })
    await opened.withWorker(acts, async () => {
      const handle = await start('parked')
      await reach(handle, (state) => state.parked.length === 1)
      await handle.cancel()
      expect(await expectCancelled(handle)).toMatchObject({ endings: { cancelled: 1 }, parked: [] })
    })
    expect(ended).toEqual({ 'parked/acme__tool.11-12/1': 'cancelled: cancelled by request' })
  })

  test('puts a chain that had failed on record as cancelled, with what it had accepted', async () => {
    const { ended, endRollout } = ends()
    const acts = playableActivities({
      ...many(1),
      endRollout,
      prepareStage: () => Promise.reject(failure('GitFailed')),
      lookUpChain: async () => ({ status: 'failed', epoch: 3 }),
    })
    await opened.withWorker(acts, async () => {
      const handle = await start('broken')
      await reach(handle, (state) => state.failed.length === 1)
      await handle.cancel()
      expect(await expectCancelled(handle)).toMatchObject({
        endings: { cancelled: 1 },
        failed: [],
        funnel: { accepted: 1 },
      })
    })
    expect(ended).toEqual({ 'broken/acme__tool.11-12/1': 'cancelled: cancelled by request after it had failed' })
  })

  test('has a chain end that an earlier run of it had started', async () => {
    const { ended, ...held } = ends()
    const acts = playableActivities({ ...many(1), ...held })
    await opened.withWorker(acts, async () => {
      const first = await start('twice')
      await reach(first, (state) => state.open.length === 1)
      await first.terminate()
      const handle = await start('twice')
      await reach(handle, (state) => state.open.length === 1)
      await reachActivity(acts, 'runSlice', 1)
      await handle.cancel()
      expect(await expectCancelled(handle)).toMatchObject({ endings: { cancelled: 1 } })
    })
    expect(Object.keys(ended)).toEqual(['twice/acme__tool.11-12/1'])
  })

  test('while it mines, ends its mining and writes no samples', async () => {
    const acts = playableActivities({
      gatherPulls: async () => {
        const beating = setInterval(() => Context.current().heartbeat(), 50)
        return Context.current().cancelled.finally(() => clearInterval(beating))
      },
    })
    await opened.withWorker(acts, async () => {
      const handle = await start('mining')
      await reach(handle, (state) => state.news.some((line) => line.includes('mining acme/tool')))
      await reachActivity(acts, 'gatherPulls', 1)
      await handle.cancel()
      expect(await expectCancelled(handle)).toMatchObject({ status: 'cancelled', samplesPath: null })
      expect((await opened.env.client.workflow.getHandle('mine/acme/tool/mining').describe()).status.name).toBe(
        'CANCELLED',
      )
    })
    expect(acts.calls).not.toContain('writeSamples')
  })

  test('counts a chain whose end cannot be put on record, with the reason, and ends all the same', async () => {
    const acts = playableActivities({
      ...many(1),
      prepareStage: () => Promise.reject(failure('GitFailed')),
      endRollout: () => Promise.reject(failure('GitFailed', 'the mirror is gone')),
      lookUpChain: async () => ({ status: 'failed', epoch: 0 }),
    })
    await opened.withWorker(acts, async () => {
      const handle = await start('lost')
      await reach(handle, (state) => state.failed.length === 1)
      await handle.cancel()
      const state = await expectCancelled(handle)
      expect(state).toMatchObject({ endings: { cancelled: 1 } })
      expect(state.news.join('\n')).toContain('the mirror is gone')
    })
  })
})
