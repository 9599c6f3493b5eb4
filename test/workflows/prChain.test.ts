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

  test('a stage whose limit is spent is captured, tested and judged, and not refined', async () => {
    const ended: string[] = []
    const acts = playableActivities({
      runSlice: async () => ({ status: 'ended', ending: 'stage-tokens', steps: 3, place: null }),
      judgeRound: async () => ({ isAccepted: false, score: 0.4, rule: 'hybrid' }),
      endRollout: async ({ ending, reason }) => {
        ended.push(reason)
        return { ending, stagesAccepted: 0, rounds: 1, steps: 3, hasSample: false }
      },
    })
    expect(await opened.withWorker(acts, async () => (await startChain()).result())).toMatchObject({
      ending: 'rejected',
    })
    const stage = ['prepareStage', 'runSlice', 'captureRound', 'testRound', 'judgeRound', 'endStage']
    expect(acts.calls).toEqual(['planRollout', ...stage, 'endRollout'])
    expect(ended[0]).toContain('refused in 1 round(s), the last of which ended stage-tokens; last score 0.4')
  })

  test('a rollout whose limit is spent keeps the stage that was accepted all the same, and begins no other', async () => {
    const ended: string[] = []
    const acts = playableActivities({
      runSlice: async () => ({ status: 'ended', ending: 'chain-steps', steps: 3, place: null }),
      endRollout: async ({ ending, reason }) => {
        ended.push(reason)
        return { ending, stagesAccepted: 1, rounds: 1, steps: 3, hasSample: true }
      },
    })
    expect(await opened.withWorker(acts, async () => (await startChain()).result())).toMatchObject({
      ending: 'partial',
    })
    const stage = ['prepareStage', 'runSlice', 'captureRound', 'testRound', 'judgeRound', 'endStage']
    expect(acts.calls).toEqual(['planRollout', ...stage, 'endRollout'])
    expect(ended).toEqual(["the rollout's limit is spent (chain-steps): 1 stage(s) were not begun"])
  })

  test('carry-over that conflicts ends the chain by its name', async () => {
    const acts = playableActivities({
      prepareStage: async ({ stage }) =>
        stage === 0
          ? { status: 'ready', hasEnvironment: false, brokenByCarryOver: 0, reason: null, place: '' }
          : { status: 'carry-over-lost', reason: 'src/a.js' },
    })
    expect(await opened.withWorker(acts, async () => (await startChain()).result())).toMatchObject({
      ending: 'carry-over-lost',
    })
  })

  test('a conflict opens a rebase round, told again until it is reconciled; then the stage is played', async () => {
    const rounds: string[] = []
    let isReconciled = false
    const ready = { status: 'ready', hasEnvironment: false, brokenByCarryOver: 0, reason: null, place: '' } as const
    const acts = playableActivities({
      prepareStage: async ({ stage }) =>
        stage === 0 || isReconciled ? ready : { status: 'rebase', tries: 4, reason: 'src/a.js', place: '' },
      runSlice: async ({ stage, round }) => {
        rounds.push(`${stage}/${round}`)
        return { status: 'ended', ending: 'submitted', steps: 1, place: null }
      },
      checkRebase: async ({ n }) => {
        isReconciled = n === 1
        return { isDone: isReconciled, markers: isReconciled ? 0 : 2, broken: 0 }
      },
    })
    expect(await opened.withWorker(acts, async () => (await startChain()).result())).toMatchObject({
      ending: 'accepted',
    })
    expect(rounds).toEqual(['0/0', '1/rebase-0', '1/rebase-1', '1/0'])
  })

  test('a conflict that is never reconciled loses the carry-over after as many tries as a stage has rounds', async () => {
    const acts = playableActivities({
      prepareStage: async ({ stage }) =>
        stage === 0
          ? { status: 'ready', hasEnvironment: false, brokenByCarryOver: 0, reason: null, place: '' }
          : { status: 'rebase', tries: 4, reason: 'collides in src/a.js', place: '' },
      checkRebase: async () => ({ isDone: false, markers: 1, broken: 0 }),
      endRollout: async ({ ending, reason }) => {
        expect(reason).toBe('collides in src/a.js; not reconciled in 4 round(s)')
        return { ending, stagesAccepted: 1, rounds: 1, steps: 1, hasSample: true }
      },
    })
    expect(await opened.withWorker(acts, async () => (await startChain()).result())).toMatchObject({
      ending: 'carry-over-lost',
    })
    expect(acts.calls.filter((call) => call === 'checkRebase')).toHaveLength(4)
  })

  test('a slice goes to the queue of its sandbox; when no worker polls it, any worker takes it', async () => {
    const acts = playableActivities({
      prepareStage: async ({ stage }) => ({
        status: 'ready',
        hasEnvironment: false,
        brokenByCarryOver: 0,
        reason: null,
        place: stage === 0 ? 'a-host-that-is-gone' : '',
      }),
    })
    await opened.withWorker(acts, async () => {
      const handle = await startChain()
      expect(await handle.result()).toMatchObject({ ending: 'accepted' })
      const { events } = await handle.fetchHistory()
      const untaken = events!.filter((event) => event.activityTaskTimedOutEventAttributes)
      expect(untaken).toHaveLength(1)
      const queues = events!.flatMap((event) => event.activityTaskScheduledEventAttributes?.taskQueue?.name ?? [])
      expect(queues.filter((name) => name === 'prchain.a-host-that-is-gone')).toHaveLength(1)
    })
    expect(acts.calls.filter((call) => call === 'runSlice')).toHaveLength(2)
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
        return { status: 'ended', ending: 'submitted', steps: 1, place: null }
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
        return { status: 'ended', ending: 'submitted', steps: 1, place: null }
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
        return { status: 'ready', hasEnvironment: true, brokenByCarryOver: 0, reason: null, place: '' }
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
