import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { Queries, StageState } from '../../src/formats/rollout.ts'
import { temporalForTests } from '../temporal/server.ts'
import { openLab, type Lab } from './lab.ts'
import { exampleChain } from './exampleChain.ts'
import { checkSample } from './sampleCheck.ts'

const server = await temporalForTests()

describe.skipIf(server === null)('rounds, verdicts and what follows from them', () => {
  let lab: Lab
  let chain: string
  beforeAll(async () => {
    lab = await openLab({ temporal: server!.binary })
    chain = await exampleChain(lab, 3)
  })
  afterAll(() => lab.stop())

  test('a first round that lacks a hunk is refused, told, repaired and accepted', async () => {
    await lab.script({ chains: { [chain]: { stages: { 0: { flaws: [{ kind: 'missing-hunk', hunk: 0 }] } } } } })
    await lab.run('repaired', [chain])
    const id = `repaired/${chain}/1`
    const [first, second] = await lab.verdicts(id, 0)
    expect(first).toMatchObject({ isAccepted: false, rule: 'hybrid', hasPassedTests: false })
    expect(first!.feedback).toContain(first!.comment.slice(0, 20))
    expect(second).toMatchObject({ isAccepted: true, hasPassedTests: true, feedback: '' })
    const [lacking, repaired] = [await lab.capture(id, 0, 0), await lab.capture(id, 0, 1)]
    expect(repaired.tree).not.toBe(lacking.tree)
    expect((await lab.rollout(id)).ending).toBe('accepted')

    const [line] = lab.samples('repaired')
    expect(line).toMatchObject({ id, ending: 'accepted', isScripted: true })
    const trained = line!.messages.filter((message) => message.role === 'assistant' && message.stage === 0)
    expect(trained.every((message) => message.role === 'assistant' && message.train === (message.round === 1))).toBe(
      true,
    )
    for (const message of line!.messages) {
      for (const call of message.role === 'assistant' ? (message.tool_calls ?? []) : [])
        expect(typeof call.function.arguments).toBe('object')
    }
    const { commands } = await checkSample(lab.store, line!)
    const ran = (await lab.store.listRecords(recordKey.stages(id))).filter((key) => key.includes('/commands/'))
    expect(commands, 'every command that was run is in the sample').toBe(ran.length)
  })

  test('every accepted stage has its verdict, raw reply, exact patch and test results on record', async () => {
    const id = `repaired/${chain}/1`
    for (const [index, stage] of (await lab.rollout(id)).stages.entries()) {
      const verdict = (await lab.verdicts(id, index)).at(-1)!
      const capture = await lab.capture(id, index, stage.rounds - 1)
      expect(verdict.patch).toBe(capture.patch)
      expect(stage.patch).toBe(capture.patch)
      expect((await lab.store.getBlob(verdict.rawReply!)).toString()).toContain('"score"')
      expect(await lab.store.getRecord(recordKey.round(id, index, stage.rounds - 1, 'tests'))).toMatchObject({
        stillFailing: [],
        broken: [],
      })
      const state = await lab.store.getRecord<StageState>(recordKey.stageState(id, index))
      expect(state!.before!.failToPass.length).toBeGreaterThan(0)
    }
  })

  test('a flaw that is never repaired ends rejected, with its reason', async () => {
    await lab.script({ flaws: ['half'], repair: 'never' })
    await lab.run('stubborn', [chain])
    const rollout = await lab.rollout(`stubborn/${chain}/1`)
    expect(rollout).toMatchObject({ ending: 'rejected', stages: [{ isAccepted: false, rounds: 4 }] })
    expect(rollout.reason).toContain('refused in 4 round(s)')
    expect(lab.samples('stubborn')).toEqual([])
  })

  test('a later stage that stays flawed leaves a partial rollout, whose accepted part is a sample', async () => {
    await lab.script({ chains: { [chain]: { stages: { 2: { flaws: ['nothing'], repair: 'never' } } } } })
    await lab.run('halfway', [chain])
    expect(await lab.rollout(`halfway/${chain}/1`)).toMatchObject({ ending: 'partial' })
    const [line] = lab.samples('halfway')
    expect(line).toMatchObject({ ending: 'partial' })
    expect(line!.stages).toHaveLength(2)
    expect(line!.messages.every((message) => message.stage <= 1)).toBe(true)
  })

  test('an unrelated patch is refused by the judge, from the patches alone', async () => {
    await lab.script({ chains: { [chain]: { stages: { 0: { flaws: ['unrelated'] } } } } })
    await lab.run('unrelated', [chain], { accept: 'judge' })
    const [first] = await lab.verdicts(`unrelated/${chain}/1`, 0)
    expect(first).toMatchObject({ isAccepted: false, rule: 'judge', hasPassedTests: null })
    expect(first!.score).toBeLessThan(0.2)
    expect((await lab.rollout(`unrelated/${chain}/1`)).ending).toBe('accepted')
  })

  test('another way to the same effect is accepted', async () => {
    await lab.script({ flaws: ['equivalent'] })
    await lab.run('other-way', [chain])
    const rollout = await lab.rollout(`other-way/${chain}/1`)
    expect(rollout.stages.map((stage) => [stage.isAccepted, stage.rounds])).toEqual([
      [true, 1],
      [true, 1],
      [true, 1],
    ])
  })

  test('carry-over of a perfect agent starts each stage at B_t, byte for byte', async () => {
    await lab.script({})
    await lab.run('perfect', [chain])
    const id = `perfect/${chain}/1`
    const repository = await lab.openRepository()
    const known = (await lab.store.getRecord<{ stages: { baseSha: string; testFiles: string[] }[] }>(
      recordKey.chain(chain),
    ))!
    for (const [index, stage] of known.stages.entries()) {
      const state = (await lab.store.getRecord<StageState>(recordKey.stageState(id, index)))!
      expect(state.initialTree).toBe((await repository.commit(stage.baseSha))!.tree)
      expect(state.carryOver.conflicts).toEqual([])
      // Upstream changed some of the lines since, as it changed the humans' own.
      expect(state.carryOver.survivingShare).toBeGreaterThan(0.8)
    }
  })

  test('queries state the intent and name nothing that the patch brings, but for the interface', async () => {
    await lab.script({ writer: { leak: true } })
    await lab.run('leaky', [chain])
    const queries = (await lab.store.getRecord<Queries>(recordKey.queries(`leaky/${chain}/1`)))!
    expect(queries.overview.length).toBeGreaterThan(20)
    expect(await lab.store.listRecords(`rollouts/leaky/${chain}/1/plan/query-0`)).toHaveLength(2)
    expect(queries.stages.map((stage) => stage.masked)).toEqual([[], [], []])
  })

  test('a samples file built again from the store is the same bytes', async () => {
    const { readFileSync } = await import('node:fs')
    const path = `${lab.config.store}/samples/repaired.jsonl`
    const before = readFileSync(path)
    await lab.rewriteSamples('repaired')
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('a campaign that is done is refused, one with other settings too', async () => {
    await expect(lab.start('perfect', [chain])).rejects.toThrow(/is done/)
    await expect(lab.start('perfect', [chain], { threshold: 0.5 })).rejects.toThrow(
      /other settings.*threshold is 0.8 there and 0.5 now/,
    )
  })
})
