import { readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { cancel } from '../../src/cli/cancel.ts'
import { resume } from '../../src/cli/resume.ts'
import { report } from '../../src/cli/run.ts'
import { status } from '../../src/cli/status.ts'
import type { Config } from '../../src/config.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import { recordKey, RESUME_SCHEDULE, TASK_QUEUE, workflowId } from '../../src/domain/identifiers.ts'
import type { Output } from '../../src/formats/output.ts'
import { temporalForTests } from '../temporal/server.ts'
import { exampleChain } from './exampleChain.ts'
import { openLab, until, type Lab } from './lab.ts'

const server = await temporalForTests()

/** What a command said and emitted. */
function listen() {
  const said: string[] = []
  const emitted: Output[] = []
  const terminal: Terminal = {
    isJson: true,
    say: (line) => void said.push(line),
    emit: (value) => void emitted.push(value),
  }
  return { said, emitted, terminal }
}

describe.skipIf(server === null)('cancelling', () => {
  // Agents that take their time.
  const SLOW = { latencyMs: 100, extraSteps: 10 }
  let lab: Lab
  let config: Config
  beforeAll(async () => {
    lab = await openLab({ temporal: server!.binary, settings: { resumeEveryMs: 1_000 }, isUntested: true })
    // As a command finds the server.
    config = { ...lab.config, temporalAddress: lab.embedded.address }
  })
  beforeEach(() => lab.script(SLOW))
  afterAll(() => lab.stop())

  const executionOf = async (lab: Lab, id: string) => (await lab.client.workflow.getHandle(id).describe()).status.name
  const sandboxesOf = (lab: Lab) =>
    readdirSync(join(lab.config.store, 'sandboxes')).filter((name) => !name.startsWith('.'))

  test('a campaign ends its open chains in order, keeps what was accepted, and is shown as cancelled', async () => {
    const chain = await exampleChain(lab, 3)
    const ids = [1, 2, 3].map((n) => `night/${chain}/${n}`)
    await lab.start('night', [chain], { rollouts: 3, concurrency: 2 })
    await until('a first stage to be accepted', () => lab.store.getRecord(recordKey.stageResult(ids[0]!, 0)), 120)
    const { terminal, emitted, said } = listen()

    expect(await cancel({ config, target: 'night', terminal })).toBe(0)
    const followed = await lab.follow('night')
    expect(followed).toMatchObject({ status: 'cancelled', state: { chains: { running: 0, ended: 2, waiting: 1 } } })
    expect(await executionOf(lab, 'campaign/night')).toBe('CANCELLED')
    for (const id of ids.slice(0, 2)) {
      expect(await executionOf(lab, workflowId.chain(id))).toBe('COMPLETED')
      expect((await lab.rollout(id)).ending).toBe('cancelled')
    }
    expect(await lab.store.getRecord(recordKey.rollout(ids[2]!))).toBeNull()
    expect(lab.samples('night').map((sample) => sample.ending)).toContain('partial')
    // One that was just being made is removed by its host.
    await until('no sandbox to be left', async () => sandboxesOf(lab).length === 0, 120)

    expect(await status({ config, campaign: 'night', terminal })).toBe(0)
    expect(await cancel({ config, target: 'campaign/night', terminal })).toBe(0)
    expect(emitted).toMatchObject([
      { format: 'prchain.cancel/1', workflow: 'campaign/night', status: 'asked' },
      { format: 'prchain.status/1', campaign: 'night', status: 'cancelled', endings: { cancelled: 2 } },
      { format: 'prchain.cancel/1', workflow: 'campaign/night', status: 'ended' },
    ])
    expect(said.at(-1)).toContain('has ended already (cancelled)')
    expect(report({ followed, name: 'night', terminal, uiUrl: null })).toBe(0)
    expect(emitted.at(-1)).toMatchObject({ status: 'cancelled', endings: { cancelled: 2 } })

    // The same run starts it again: what ended stays, what was not begun is run.
    await lab.script({})
    expect((await lab.run('night', [chain], { rollouts: 3, concurrency: 2 })).endings).toEqual({
      cancelled: 2,
      accepted: 1,
    })
  })

  test('a campaign puts a failed chain on record with what it had accepted, and nothing starts it again', async () => {
    const chain = await exampleChain(lab, 2)
    const id = `broken/${chain}/1`
    const away = `${lab.config.mirrors}-away`
    const { terminal } = listen()
    const schedule = lab.client.schedule.getHandle(RESUME_SCHEDULE)
    await schedule.pause()
    await lab.start('broken', [chain])
    await until('the first stage to be accepted', () => lab.store.getRecord(recordKey.stageResult(id, 0)), 120)
    renameSync(lab.config.mirrors!, away)
    try {
      await until('the chain to fail', async () => (await executionOf(lab, workflowId.chain(id))) === 'FAILED')
    } finally {
      renameSync(away, lab.config.mirrors!)
    }
    await expect(cancel({ config, target: id, terminal })).rejects.toThrow(/has failed.*cancel its campaign/)
    await cancel({ config, target: 'broken', terminal })
    expect(await lab.follow('broken')).toMatchObject({ status: 'cancelled', state: { endings: { cancelled: 1 } } })
    expect(await lab.rollout(id)).toMatchObject({ ending: 'cancelled', reason: expect.stringContaining('had failed') })
    expect(lab.samples('broken')).toHaveLength(1)
    // One that was just being made is removed by its host.
    await until('no sandbox to be left', async () => sandboxesOf(lab).length === 0, 120)
    const swept = await lab.client.workflow.execute('resumeFailedChains', {
      workflowId: 'look-once',
      taskQueue: TASK_QUEUE,
      args: [],
    })
    expect(swept).toEqual({ restarted: [], givenUp: [] })
    await schedule.unpause()
  })

  test('one chain, by its rollout or its workflow id; the campaign counts it and goes on', async () => {
    const chain = await exampleChain(lab, 2)
    const { terminal, emitted } = listen()
    await lab.start('one', [chain], { rollouts: 2 })
    const ids = [1, 2].map((n) => `one/${chain}/${n}`)
    for (const id of ids) await until('its queries', () => lab.store.getRecord(recordKey.queries(id)))
    for (const target of [ids[0]!, workflowId.chain(ids[1]!)]) await cancel({ config, target, terminal })
    expect(await lab.follow('one')).toMatchObject({ status: 'completed', state: { endings: { cancelled: 2 } } })
    expect(emitted.map((document) => 'workflow' in document && document.workflow)).toEqual(ids.map(workflowId.chain))
    await expect(resume({ config, target: ids[0]!, terminal })).rejects.toThrow(
      /does not run \(completed\).*prchain show/,
    )
    await expect(cancel({ config, target: 'one/nothing/1', terminal })).rejects.toThrow(
      /no workflow chain\/one\/nothing\/1.*prchain status/,
    )
    await expect(resume({ config, target: 'nix', terminal })).rejects.toThrow(/no campaign "nix".*prchain status/)
  })

  test('with no worker that answers, commands say so in time and name the next move', async () => {
    const chain = await exampleChain(lab, 2)
    const { terminal, emitted, said } = listen()
    await lab.start('silent', [chain])
    await until('its queries', () => lab.store.getRecord(recordKey.queries(`silent/${chain}/1`)))
    const worker = lab.embedded.processes().worker!
    process.kill(worker, 'SIGSTOP')
    try {
      await expect(resume({ config, target: `silent/${chain}/1`, terminal })).rejects.toThrow(
        /no worker answered for chain\/silent.*prchain worker.*prchain up/,
      )
      expect(await status({ config, campaign: 'silent', terminal: { ...terminal, isJson: false } })).toBe(0)
      expect(emitted).toMatchObject([{ status: 'running, but no worker answers', live: null }])
      expect(said.join('\n')).toContain('start `prchain worker`')
      await cancel({ config, target: 'silent', terminal })
    } finally {
      process.kill(worker, 'SIGCONT')
    }
    expect(await lab.follow('silent')).toMatchObject({ status: 'cancelled' })
  })
})
