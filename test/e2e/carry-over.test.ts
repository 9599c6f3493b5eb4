import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { composeChains } from '../../src/compose.ts'
import { rebaseRound, recordKey } from '../../src/domain/identifiers.ts'
import type { Rebase, RebaseCheck } from '../../src/formats/carryOver.ts'
import type { StageState } from '../../src/formats/rollout.ts'
import { temporalForTests } from '../temporal/server.ts'
import { COLLISION_ENVIRONMENT, buildCollision } from './collision.ts'
import { openLab, type Lab } from './lab.ts'

const server = await temporalForTests()
const CHAIN = 'acme__names.1-3'
const OWN_WORDS = { chains: { [CHAIN]: { stages: { 0: { flaws: ['equivalent'] } } } } }

describe.skipIf(server === null)('carry-over that collides with what moved upstream', () => {
  let lab: Lab
  beforeAll(async () => {
    const { repository, mirrorsDir, recordedDir } = await buildCollision()
    lab = await openLab({
      temporal: server!.binary,
      mirrors: mirrorsDir,
      recorded: recordedDir,
      environment: COLLISION_ENVIRONMENT,
      // The judge is not asked, so that only the tests decide.
      settings: { accept: 'tests', refinements: 2 },
    })
    const { resolveChain, storeChain } = composeChains(lab.config)
    await storeChain(await resolveChain({ repo: repository, prs: [1, 3] }))
  })
  afterAll(() => lab.stop())

  const state = async (rollout: string) => (await lab.store.getRecord<StageState>(recordKey.stageState(rollout, 1)))!
  const check = (rollout: string, n: number) =>
    lab.store.getRecord<RebaseCheck>(recordKey.round(rollout, 1, rebaseRound(n), 'rebase-check'))

  test('opens a rebase round in which the agent sees both sides; what it reconciles is where the stage starts', async () => {
    await lab.script({ ...OWN_WORDS, rebase: 'idle' })
    await lab.run('reconciled', [CHAIN])
    const rollout = `reconciled/${CHAIN}/1`
    expect(await lab.rollout(rollout)).toMatchObject({ ending: 'accepted' })

    const rebase = (await lab.store.getRecord<Rebase>(recordKey.rebase(rollout, 1)))!
    expect(rebase.carryOver.conflicts).toMatchObject([{ path: 'src/names.js', kind: 'content' }])
    const repository = await lab.openRepository()
    const collided = (await repository.readFile(rebase.tree, 'src/names.js'))!.toString()
    expect(collided).toMatch(/<<<<<<< upstream\n[^]*word = 'and'[^]*=======\n[^]*>>>>>>> yours\n/)

    // Nothing was done at first: told, it was reconciled in the second try.
    expect(await check(rollout, 0)).toMatchObject({ isDone: false, markers: ['src/names.js'] })
    expect(await check(rollout, 1)).toMatchObject({ isDone: true, markers: [], broken: [] })
    const { initialTree, carryOver, before } = await state(rollout)
    expect(carryOver).toMatchObject({ decidedBy: 'rebase', conflicts: [{ path: 'src/names.js' }] })
    expect(carryOver.survivingShare).toBeLessThan(1)
    expect(before!.brokenByCarryOver).toEqual([])
    expect((await repository.readFile(initialTree, 'src/names.js'))!.toString()).not.toContain('<<<<<<<')

    const [line] = lab.samples('reconciled')
    expect(line!.stages[1]!.carryOver).toMatchObject({ conflicts: 1, decidedBy: 'rebase', rebaseRounds: 2 })
    const phases = line!.messages.filter(({ stage }) => stage === 1).map(({ phase, round }) => `${phase} ${round}`)
    expect([...new Set(phases)]).toEqual(['rebase 0', 'rebase 1', 'work 0'])
    const trained = line!.messages.filter((message) => message.role === 'assistant' && message.train)
    expect(trained.some(({ phase, round }) => phase === 'rebase' && round === 0)).toBe(false)
    expect(trained.some(({ phase, round }) => phase === 'rebase' && round === 1)).toBe(true)
  })

  test('loses the chain when what passed before is not made to pass again, and says why', async () => {
    await lab.script({ ...OWN_WORDS, rebase: 'yours' })
    await lab.run('lost', [CHAIN])
    const rollout = `lost/${CHAIN}/1`
    const ended = await lab.rollout(rollout)
    expect(ended).toMatchObject({ ending: 'carry-over-lost', stages: [{ isAccepted: true }] })
    expect(ended.reason).toContain('src/names.js; not reconciled in 3 round(s)')
    expect((await check(rollout, 2))!.broken).toEqual(expect.arrayContaining([expect.stringContaining('another word')]))
    expect(lab.samples('lost')).toHaveLength(1)
  })

  test.each([
    ['agent', 'yours were kept, in:\n- src/names.js', 1],
    ['upstream', "upstream's were kept, in:\n- src/names.js", 0],
  ] as const)('is decided for the side that --on-conflict %s names, and told', async (onConflict, told, broken) => {
    await lab.script(OWN_WORDS)
    await lab.run(onConflict, [CHAIN], { onConflict })
    const { carryOver, opening, before } = await state(`${onConflict}/${CHAIN}/1`)
    expect(carryOver).toMatchObject({ decidedBy: onConflict, conflicts: [{ path: 'src/names.js' }] })
    expect(opening).toContain(told)
    expect(before!.brokenByCarryOver.length).toBeGreaterThanOrEqual(broken)
    if (broken === 0) expect(before!.brokenByCarryOver).toEqual([])
  })

  test('ends the chain by --on-conflict end', async () => {
    await lab.script(OWN_WORDS)
    await lab.run('ended', [CHAIN], { onConflict: 'end' })
    expect(await lab.rollout(`ended/${CHAIN}/1`)).toMatchObject({ ending: 'carry-over-lost' })
  })

  test('does not come about under replay, which never brings the humans’ other work in', async () => {
    await lab.script(OWN_WORDS)
    await lab.run('replayed', [CHAIN], { carry: 'replay', accept: 'judge' })
    const rollout = `replayed/${CHAIN}/1`
    const { initialTree, carryOver } = await state(rollout)
    expect(carryOver).toMatchObject({ policy: 'replay', conflicts: [], movedUpstream: [] })
    expect(initialTree).toBe((await lab.rollout(rollout)).stages[0]!.tree)
  })

  test('under overlay the literal patch does not apply, and the merge that it stands for collides', async () => {
    await lab.script(OWN_WORDS)
    await lab.run('overlaid', [CHAIN], { carry: 'overlay', onConflict: 'upstream' })
    const { carryOver } = await state(`overlaid/${CHAIN}/1`)
    expect(carryOver).toMatchObject({ policy: 'overlay', decidedBy: 'upstream' })
    expect(carryOver.conflicts.map(({ kind }) => kind)).toEqual(['added-twice'])
  })

  test('does not come about when the agent did as the humans: S_init is B_t, byte for byte', async () => {
    await lab.script({ chains: { [CHAIN]: { includeTests: true } } })
    await lab.run('same', [CHAIN])
    const { initialTree } = await state(`same/${CHAIN}/1`)
    const chain = (await lab.store.getRecord<{ stages: { baseSha: string }[] }>(recordKey.chain(CHAIN)))!
    const repository = await lab.openRepository()
    expect(initialTree).toBe((await repository.commit(chain.stages[1]!.baseSha))!.tree)
  })
})
