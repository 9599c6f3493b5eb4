import { WorkflowFailedError } from '@temporalio/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TASK_QUEUE } from '../../src/domain/identifiers.ts'
import { campaignQuery, resumeUpdate, stateQuery } from '../../src/workflows/messages.ts'
import type { CampaignState } from '../../src/formats/state.ts'
import { timeSkippingServerForTests } from '../temporal/server.ts'
import { failure, openTimeSkipping, playableActivities } from './chainFixture.ts'

const server = await timeSkippingServerForTests()

describe.skipIf(server === null)('the workflows, on a server that skips time', () => {
  let opened: Awaited<ReturnType<typeof openTimeSkipping>>
  let n = 0
  beforeAll(async () => {
    opened = await openTimeSkipping(server!.binary)
  })
  afterAll(() => opened.close())

  const startChain = (restarts = 0, id = `chain/camp/acme__tool.11-12/${++n}`) =>
    opened.env.client.workflow.start('prChain', {
      workflowId: id,
      taskQueue: TASK_QUEUE,
      args: [{ rollout: id.replace('chain/', ''), restarts, epoch: restarts }],
    })

  test('a chain whose stages are accepted ends accepted, each stage prepared, captured, tested, judged and ended', async () => {
    const acts = playableActivities()
    const result = await opened.withWorker(acts, async () => (await startChain()).result())
    expect(result).toMatchObject({ ending: 'accepted', stagesAccepted: 2 })
    const stage = ['prepareStage', 'runSlice', 'captureRound', 'testRound', 'judgeRound', 'endStage']
    expect(acts.calls).toEqual(['planRollout', ...stage, ...stage, 'endRollout'])
  })

  test('a refused round is refined, and after three refinements the first stage is rejected', async () => {
    const ended: string[] = []
    const acts = playableActivities({
      judgeRound: async () => ({ isAccepted: false, score: 0.4, rule: 'hybrid' }),
      endRollout: async ({ ending, reason }) => {
        ended.push(reason)
        return { ending, stagesAccepted: 0, rounds: 4, steps: 0, hasSample: false }
      },
    })
    const result = await opened.withWorker(acts, async () => (await startChain()).result())
    expect(result).toMatchObject({ ending: 'rejected' })
    expect(acts.calls.filter((call) => call === 'runSlice')).toHaveLength(4)
    expect(ended[0]).toContain('stage 1 (#11) was refused in 4 round(s); last score 0.4')
  })

  test('a later stage that is refused leaves a partial rollout', async () => {
    const acts = playableActivities({
      judgeRound: async ({ stage }) => ({ isAccepted: stage === 0, score: 0.5, rule: 'judge' }),
    })
    expect(await opened.withWorker(acts, async () => (await startChain()).result())).toMatchObject({
      ending: 'partial',
    })
  })

  test('carry-over that conflicts ends the chain by its name', async () => {
    const acts = playableActivities({
      prepareStage: async ({ stage }) =>
        stage === 0
          ? { status: 'ready', hasEnvironment: false, brokenByCarryOver: 0, reason: null }
          : { status: 'carry-over-lost', reason: 'src/a.js' },
    })
    expect(await opened.withWorker(acts, async () => (await startChain()).result())).toMatchObject({
      ending: 'carry-over-lost',
    })
  })

  test('a restarted rollout goes on after its last accepted stage', async () => {
    const plan = await playableActivities().planRollout({} as never)
    const acts = playableActivities({ planRollout: async () => ({ ...plan, accepted: [{ rounds: 2, score: 0.9 }] }) })
    await opened.withWorker(acts, async () => (await startChain(1)).result())
    expect(acts.calls.filter((call) => call === 'prepareStage')).toHaveLength(1)
  })

  test('a model that stays away parks the chain, which goes on by itself when it is back', async () => {
    let tries = 0
    const acts = playableActivities({
      runSlice: async () => {
        if (++tries <= 3) throw failure('ModelUnavailable')
        return { status: 'ended', ending: 'submitted', steps: 1 }
      },
    })
    expect(await opened.withWorker(acts, async () => (await startChain()).result())).toMatchObject({
      ending: 'accepted',
    })
    expect(tries).toBe(5)
  })

  test('a parked chain says why and with which command it resumes, and resumes by it; a chain that is not parked refuses', async () => {
    let isBack = false
    const acts = playableActivities({
      runSlice: async () => {
        if (!isBack) throw failure('InfrastructureUnavailable', 'no Docker engine answers')
        return { status: 'ended', ending: 'submitted', steps: 1 }
      },
    })
    await opened.withWorker(acts, async () => {
      const handle = await startChain()
      let state = await handle.query(stateQuery)
      while (state.attention === null) state = await handle.query(stateQuery)
      expect(state).toMatchObject({
        status: 'needs-attention',
        attention: { reason: 'no Docker engine answers', command: `prchain resume ${handle.workflowId}` },
      })
      isBack = true
      expect(await handle.executeUpdate(resumeUpdate, { args: [{}] })).toContain('goes on')
      expect(await handle.result()).toMatchObject({ ending: 'accepted' })
    })
    expect(acts.calls.filter((call) => call === 'runSlice')).toHaveLength(3)
  })

  test('a failure that nothing can mend fails the chain with its type', async () => {
    const acts = playableActivities({
      prepareStage: async () => Promise.reject(failure('GitFailed', 'commit abc is not in the mirror')),
    })
    const error = await opened.withWorker(acts, async () =>
      (await startChain()).result().catch((thrown: unknown) => thrown),
    )
    expect(error).toBeInstanceOf(WorkflowFailedError)
    expect((error as WorkflowFailedError).cause).toMatchObject({
      type: 'GitFailed',
      message: 'commit abc is not in the mirror',
    })
  })

  test('a cancelled chain ends cancelled, its sandboxes removed', async () => {
    const acts = playableActivities({
      judgeRound: async () => {
        throw failure('ModelUnavailable')
      },
    })
    await opened.withWorker(acts, async () => {
      const handle = await startChain()
      while ((await handle.query(stateQuery)).attention === null);
      await handle.cancel()
      expect(await handle.result()).toMatchObject({ ending: 'cancelled' })
    })
    expect(acts.calls.at(-1)).toBe('endRollout')
  })

  test('a campaign mines, runs its chains, counts them and writes the samples', async () => {
    const acts = playableActivities()
    const state = await opened.withWorker(acts, () =>
      opened.env.client.workflow.execute('campaign', {
        workflowId: 'campaign/whole',
        taskQueue: TASK_QUEUE,
        args: [{ name: 'whole' }],
      }),
    )
    expect(state as CampaignState).toMatchObject({
      status: 'done',
      samplesPath: 'samples.jsonl',
      endings: { accepted: 1 },
      funnel: { pullRequests: 7, references: 3, chains: 1, stages: 2, rounds: 2, accepted: 2, samples: 1 },
    })
  })

  test('a campaign waits for a failed chain, and counts it when it was started again', async () => {
    let isBroken = true
    const acts = playableActivities({
      prepareStage: async () => {
        if (isBroken) throw failure('GitFailed')
        return { status: 'ready', hasEnvironment: true, brokenByCarryOver: 0, reason: null }
      },
    })
    const state = await opened.withWorker(acts, async () => {
      const handle = await opened.env.client.workflow.start('campaign', {
        workflowId: 'campaign/again',
        taskQueue: TASK_QUEUE,
        args: [{ name: 'again' }],
      })
      while ((await handle.query(campaignQuery)).failed.length === 0);
      isBroken = false
      await startChain(1, 'chain/again/acme__tool.11-12/1')
      return handle.result()
    })
    expect(state as CampaignState).toMatchObject({ status: 'done', endings: { accepted: 1 }, chains: { ended: 1 } })
    expect((state as CampaignState).endings.failed).toBeUndefined()
  })

  test('a chain that failed after its last restart is counted as failed, and the campaign ends', async () => {
    const acts = playableActivities({ prepareStage: async () => Promise.reject(failure('GitFailed')) })
    const state = await opened.withWorker(acts, async () => {
      const handle = await opened.env.client.workflow.start('campaign', {
        workflowId: 'campaign/lost',
        taskQueue: TASK_QUEUE,
        args: [{ name: 'lost' }],
      })
      while ((await handle.query(campaignQuery)).failed.length === 0);
      await startChain(3, 'chain/lost/acme__tool.11-12/1')
      return handle.result()
    })
    expect(state as CampaignState).toMatchObject({ status: 'done', endings: { failed: 1 } })
  })
})
