import { existsSync, renameSync } from 'node:fs'
import type { WorkflowHandle } from '@temporalio/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cancel } from '../../src/cli/cancel.ts'
import { resume } from '../../src/cli/resume.ts'
import { report } from '../../src/cli/run.ts'
import { recordKey, workflowId } from '../../src/domain/identifiers.ts'
import type { CallRecord } from '../../src/formats/record.ts'
import { campaignQuery, resumeUpdate, stateQuery } from '../../src/workflows/messages.ts'
import { temporalForTests } from '../temporal/server.ts'
import { openLab, until, type Lab } from './lab.ts'
import { exampleChain } from './exampleChain.ts'

const server = await temporalForTests()
const TRIES = 3
/** How often each of many chains is looked at: every look is a query that the worker answers. */
const MANY_LOOK_MS = 300

describe.skipIf(server === null)('a model endpoint that fails', () => {
  let lab: Lab
  let chain: string
  beforeAll(async () => {
    const settings = { modelTries: TRIES, modelRetryMs: 20, modelTimeoutMs: 3_000, modelStream: true }
    lab = await openLab({ temporal: server!.binary, settings, isUntested: true })
    chain = await exampleChain(lab, 2)
  })
  afterAll(() => lab.stop())

  const kinds = [
    ['429', { kind: 'status', status: 429, retryAfterSeconds: 0 }],
    ['500', { kind: 'status', status: 500 }],
    ['rubbish', { kind: 'rubbish' }],
    ['cut streams', { kind: 'cut' }],
    ['no answer', { kind: 'never' }],
  ] as const
  const campaignOf = (sort: 'twice' | 'parked', name: string) => `${sort}-${name.replaceAll(' ', '-')}`

  describe('for one rollout each, which run side by side', () => {
    beforeAll(() =>
      lab.script({
        faults: kinds.flatMap(([name, fault]) => {
          const of = (campaign: string) => ({ role: 'agent', rollout: `${campaign}/${chain}/1`, skip: 2 })
          return [
            { ...fault, ...of(campaignOf('twice', name)), count: 2 },
            { ...fault, ...of(campaignOf('parked', name)), count: TRIES },
          ]
        }),
      }),
    )

    test.concurrent.each(kinds)(
      '%s, twice: asked again within bounds, and the chain ends as if nothing had been',
      async (name) => {
        const campaign = campaignOf('twice', name)
        await lab.run(campaign, [chain])
        expect((await lab.rollout(`${campaign}/${chain}/1`)).ending).toBe('accepted')
        const keys = await lab.store.listRecords(`rollouts/${campaign}/${chain}/1/stages`)
        const records = await Promise.all(
          keys.filter((key) => key.includes('/calls/')).map((key) => lab.store.getRecord<CallRecord>(key)),
        )
        expect(records.flatMap((record) => record!.failures)).toHaveLength(2)
      },
    )

    test.concurrent.each(kinds)(
      '%s, as often as it is tried: parked after that, exit 1 with the command that resumes, which does',
      async (name) => {
        const campaign = campaignOf('parked', name)
        const id = `${campaign}/${chain}/1`
        await lab.start(campaign, [chain])
        const followed = await lab.follow(campaign)
        expect(followed).toMatchObject({ status: 'needs-attention' })
        const lines: string[] = []
        const terminal = { isJson: false, say: (line: string) => void lines.push(line), emit: () => {} }
        expect(report({ followed, name: campaign, terminal, uiUrl: null })).toBe(1)
        expect(lines.join('\n')).toContain(`prchain resume chain/${id}`)

        expect(
          await resume({
            config: { ...lab.config, temporalAddress: lab.embedded.address },
            target: `chain/${id}`,
            terminal,
          }),
        ).toBe(0)
        await until('the campaign to end', async () => (await lab.follow(campaign)).status === 'completed')
        expect((await lab.rollout(id)).ending).toBe('accepted')
        const counts = await lab.counts()
        for (const [key, { answered }] of Object.entries(counts))
          if (key.startsWith(`${id}/`)) expect(answered, key).toBe(1)
      },
    )
  })

  /** Has a chain park until that is for the third time in a row, which is for five minutes: none goes on by itself meanwhile. */
  async function parkForLong(handle: WorkflowHandle): Promise<void> {
    for (let parkings = 1, since = ''; ; parkings++) {
      const before = since
      since = await until(
        'a chain to be parked',
        async () => {
          const at = (await handle.query(stateQuery).catch(() => null))?.attention?.since
          return at !== undefined && at > before && at
        },
        120,
        MANY_LOOK_MS,
      )
      if (parkings === 3) return
      // One that has gone on by itself since then refuses it.
      await handle.executeUpdate(resumeUpdate, { args: [{}] }).catch(() => {})
    }
  }

  test('resume of a campaign lets all go on that are parked, more than the campaign names', async () => {
    const many = 21
    const config = { ...lab.config, temporalAddress: lab.embedded.address }
    const lines: string[] = []
    const emitted: unknown[] = []
    const terminal = {
      isJson: true,
      say: (line: string) => void lines.push(line),
      emit: (value: unknown) => void emitted.push(value),
    }
    await lab.script({ faults: [{ kind: 'status', status: 500, role: 'writer', count: 'forever' }] })
    await lab.start('crowd', [chain], { rollouts: many, concurrency: many })
    const campaign = lab.client.workflow.getHandle(workflowId.campaign('crowd'))
    const handles = Array.from({ length: many }, (_, n) =>
      lab.client.workflow.getHandle(workflowId.chain(`crowd/${chain}/${n + 1}`)),
    )
    await Promise.all(handles.map(parkForLong))
    const told = await until('the campaign to know', async () => {
      const state = await campaign.query(campaignQuery)
      return state.chains.parked === many && state
    })
    expect(told.parked).toHaveLength(20)

    await lab.script({ latencyMs: 500 })
    expect(await resume({ config, target: 'crowd', terminal })).toBe(0)
    expect(emitted).toHaveLength(many)
    expect(lines.at(-1)).toBe(`${many} of crowd go on`)
    await until('none to be parked', async () => (await campaign.query(campaignQuery)).chains.parked === 0)
    await cancel({ config, target: 'crowd', terminal })
    expect(await lab.follow('crowd')).toMatchObject({ status: 'cancelled' })
  })

  test('a judge that answers no JSON is asked again, then its chain waits', async () => {
    await lab.script({ judge: { garbage: 2 } })
    await lab.run('mumbling', [chain])
    const [verdict] = await lab.verdicts(`mumbling/${chain}/1`, 0)
    expect(verdict!.judgeCall).toBe(`mumbling/${chain}/1/stages/0/0/judge/000002`)
    await lab.script({ judge: { garbage: 99 } })
    await lab.start('babbling', [chain])
    expect(await lab.follow('babbling')).toMatchObject({
      status: 'needs-attention',
      state: { parked: [{ reason: expect.stringContaining('raw reply in sha256:') }] },
    })
    await lab.client.workflow.getHandle(workflowId.campaign('babbling')).terminate()
    await lab.client.workflow.getHandle(workflowId.chain(`babbling/${chain}/1`)).cancel()
  })

  test('an agent whose replies have no tool call or broken arguments is told, and goes on', async () => {
    await lab.script({ flaws: ['no-tool-call', 'bad-arguments'] })
    await lab.run('clumsy', [chain])
    expect((await lab.rollout(`clumsy/${chain}/1`)).ending).toBe('accepted')
    const [line] = lab.samples('clumsy')
    expect(
      line!.messages.some(
        (message) =>
          message.role === 'assistant' &&
          message.tool_calls?.some((call) => '_raw' in call.function.arguments) &&
          !message.train,
      ),
    ).toBe(true)
  })

  test('a parked chain that nobody resumes goes on by itself', async () => {
    await lab.script({ faults: [{ kind: 'status', status: 500, role: 'agent', count: 3 }] })
    await lab.start('patient', [chain])
    const handle = lab.client.workflow.getHandle(workflowId.chain(`patient/${chain}/1`))
    await until('the chain to park', async () => (await handle.query(stateQuery).catch(() => null))?.attention)
    await until('the chain to end', () => lab.store.getRecord(recordKey.rollout(`patient/${chain}/1`)), 60)
    expect((await lab.rollout(`patient/${chain}/1`)).ending).toBe('accepted')
    await lab.follow('patient')
  })

  test('a chain failed by force comes back and ends accepted with no command given, and its campaign counts it again', async () => {
    await lab.script({ latencyMs: 150, extraSteps: 10 })
    await lab.start('forced', [chain])
    const id = `forced/${chain}/1`
    const handle = lab.client.workflow.getHandle(workflowId.chain(id))
    await until('the first stage to be accepted', () => lab.store.getRecord(recordKey.stageResult(id, 0)), 90)
    const away = `${lab.config.mirrors}-away`
    renameSync(lab.config.mirrors!, away)
    try {
      await until('the chain to fail', async () => (await handle.describe()).status.name === 'FAILED')
    } finally {
      if (existsSync(away)) renameSync(away, lab.config.mirrors!)
    }
    const followed = await lab.follow('forced')
    expect(followed).toMatchObject({ status: 'completed', state: { endings: { accepted: 1 } } })
    expect((await lab.rollout(id)).ending).toBe('accepted')
    expect(((await handle.describe()).memo as { restarts: number }).restarts).toBeGreaterThan(0)
    const counts = await lab.counts()
    for (const [key, { answered }] of Object.entries(counts))
      if (key.startsWith(`${id}/`)) expect(answered, key).toBe(1)
  })
})
