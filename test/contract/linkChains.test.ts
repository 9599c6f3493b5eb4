import { describe, expect, test } from 'vitest'
import { planCampaign, readCampaign } from '../../src/activities/campaign.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import { chain, type Chain } from '../../src/formats/chain.ts'
import { mining as miningFormat } from '../../src/formats/mining.ts'
import { NAME } from './gitFixture.ts'
import { makeLinkLab, type LinkLab, type Told } from './linkFixture.ts'

const lines = (name: string, count: number, value = 1) =>
  Array.from({ length: count }, (_, index) => `${name}_${index} = ${value}\n`).join('')
const BASE = { 'src/a.py': lines('alpha', 12), 'src/b.py': lines('beta', 12), 'src/c.py': 'gamma = 1\n' }
const JUDGE = { model: 'scripted', isScripted: true, seed: 1, prices: null }

/** Three that go on from each other, two that do, one alone, one whose number is another's, and one of documentation. */
const TOLD: Told[] = [
  { files: { 'src/a.py': `${lines('alpha', 12)}def first_step(value):\n    return value\n` } },
  { files: { 'src/b.py': `${lines('beta', 12)}def other_step(value):\n    return value\n` } },
  {
    files: { 'src/a.py': `${lines('alpha', 12)}def first_step(value):\n    return value + 1\n` },
    body: 'Follow-up to #1.',
  },
  { files: { 'README.md': 'Words.\n' }, body: 'Documents #3.' },
  { files: { 'src/c.py': 'gamma = 2\n' } },
  {
    files: { 'src/b.py': `${lines('beta', 12)}def other_step(value):\n    return value + 2\n` },
    body: 'Fixes a regression from #2.',
  },
  {
    files: { 'src/a.py': `${lines('alpha', 12)}def first_step(value):\n    return value + 3\n` },
    body: 'This extends #3.',
  },
  { files: { 'src/c.py': 'gamma = 3\n' }, body: 'This extends #5.', isForeign: true },
]

async function chainsOf({ store }: LinkLab, ids: readonly string[]): Promise<Chain[]> {
  return Promise.all(ids.map(async (id) => chain.parse(await store.getRecord(recordKey.chain(id)))))
}

describe('linking a gathering', () => {
  test('stores the chains that texts and git agree on, and says what was dropped and why', async () => {
    const linked = await makeLinkLab(BASE, TOLD)
    const mining = miningFormat.parse(await linked.link())
    expect(mining).toMatchObject({
      mode: 'semantic',
      gathering: 0,
      settings: { min: 2, max: 5, seed: 0, distant: 'none', judgeModel: null },
      counts: { pullRequests: 8, merged: 8, effective: 6, pairs: 5, links: 5, judged: 0 },
      removed: { 'docs-only': 1, unproven: 1, bot: 0 },
      unresolved: [],
      chains: ['acme__widgets.1-3-7', 'acme__widgets.2-6'],
    })
    expect((await linked.store.getBlob(mining.dropped)).toString()).toBe(
      '{"number":4,"rule":"docs-only"}\n{"number":8,"rule":"unproven"}',
    )
    const [first] = await chainsOf(linked, mining.chains)
    expect(first).toMatchObject({ mode: 'semantic', shape: 'path', license: 'MIT', languages: [{ name: 'Python' }] })
    expect(first!.links).toMatchObject([
      { from: 3, to: 1, overlap: { files: ['src/a.py'], symbols: ['first_step'], lines: 1 } },
      { from: 7, to: 3, overlap: { files: ['src/a.py'] } },
    ])
    // Again it is the same, and git is not asked again.
    expect(await linked.link()).toEqual(mining)
    const again = await linked.link({ n: 1 })
    expect({ ...again, minedAt: '' }).toEqual({ ...mining, minedAt: '' })
    expect(await linked.store.listRecords(recordKey.gitEvidences(NAME))).toHaveLength(1)
  })

  test('by nearness in time makes as many chains, as long, of neighbours; each alone makes one of each', async () => {
    const linked = await makeLinkLab(BASE, TOLD)
    const temporal = await linked.link({ mode: 'temporal', seed: 3 })
    const chains = await chainsOf(linked, temporal.chains)
    expect(chains.map(({ stages }) => stages.length).sort((a, b) => a - b)).toEqual([2, 3])
    const order = [1, 2, 3, 5, 6, 7]
    for (const { id, mode, shape, stages } of chains) {
      const numbers = stages.map(({ number }) => number)
      expect(order.join('-')).toContain(numbers.join('-'))
      expect({ id, mode, shape }).toEqual({
        id: `acme__widgets.temporal.${numbers.join('-')}`,
        mode: 'temporal',
        shape: 'given',
      })
    }
    const single = await linked.link({ mode: 'single', n: 1 })
    expect(single.chains).toEqual(order.map((number) => `acme__widgets.single.${number}`))
  })

  test('builds chains anew without a pull request whose commits cannot be found', async () => {
    const linked = await makeLinkLab(BASE, TOLD)
    const { resolveStage } = linked.ports
    linked.ports.resolveStage = async (repository, pull) => {
      if (pull.number !== 3) return resolveStage(repository, pull)
      throw Object.assign(new Error('its head is gone'), { name: 'GitError' })
    }
    const mining = await linked.link()
    expect(mining.unresolved).toEqual([{ number: 3, reason: 'its head is gone' }])
    expect(mining.chains).toEqual(['acme__widgets.2-6'])
  })

  test('proposes links that no text states, which make chains only when that is asked for', async () => {
    const linked = await makeLinkLab(BASE, [
      { files: { 'src/a.py': lines('alpha', 12, 2) } },
      { files: { 'src/a.py': lines('alpha', 12, 7) } },
    ])
    const proposed = await linked.link({ distant: 'propose' })
    expect(await linked.linksOf(proposed)).toMatchObject([
      {
        from: 2,
        to: 1,
        kind: 'distant',
        references: [{ source: 'diff', text: expect.stringContaining('12 line(s)') }],
      },
    ])
    expect(proposed).toMatchObject({ counts: { pairs: 0, links: 0, distant: 1 }, chains: [] })
    const chained = await linked.link({ distant: 'chain', n: 1 })
    expect(chained.chains).toEqual(['acme__widgets.1-2'])
    expect((await chainsOf(linked, chained.chains))[0]!.links).toMatchObject([{ kind: 'distant' }])
  })
})

test('a chain that is there already stays as it is, and is named where its links are others now', async () => {
  const linked = await makeLinkLab(BASE, TOLD)
  const first = await linked.link()
  const stored = await chainsOf(linked, first.chains)
  expect(first.outdated).toEqual([])
  expect((await linked.link({ n: 1 })).outdated).toEqual([])
  const judged = await linked.link({ n: 2, judge: JUDGE })
  expect(judged.outdated).toEqual(first.chains)
  expect(await chainsOf(linked, first.chains)).toEqual(stored)
})

test('a campaign over a repository takes its latest mining, and has it mined when there is none', async () => {
  const linked = await makeLinkLab(BASE, TOLD.slice(0, 3))
  const settings = { mirrors: linked.lab.mirrors }
  await linked.store.putRecord(recordKey.campaign('night'), { settings, targets: [NAME], concurrency: 1, rollouts: 1 })
  expect(await readCampaign(linked.ports, { name: 'night' })).toMatchObject({ repositories: [NAME] })
  await linked.link()
  await linked.link({ mode: 'single', n: 1 })
  expect(await readCampaign(linked.ports, { name: 'night' })).toMatchObject({ repositories: [] })
  expect(await planCampaign(linked.ports, { name: 'night' })).toMatchObject({ chains: 3, stages: 3 })
})

describe('a model that judges links', () => {
  test('is asked once about each, keeps chains together or parts them, and its reasons are kept', async () => {
    const linked = await makeLinkLab(BASE, [
      ...TOLD.slice(0, 3),
      { files: { 'src/c.py': 'gamma = 4\n' }, body: 'As #2 and #3 did, in passing: see #2.' },
    ])
    const mining = await linked.link({ judge: JUDGE })
    const judged = (await linked.linksOf(mining)).filter(({ judgement }) => judgement !== null)
    expect(linked.asked()).toBe(judged.length)
    expect(mining.counts).toMatchObject({ judged: judged.length })
    expect(judged.find(({ from, to }) => from === 3 && to === 1)?.judgement).toMatchObject({
      isLink: true,
      reason: expect.stringContaining('src/a.py'),
      model: 'scripted',
      call: '_minings/acme__widgets/0/judge/3-1/000000',
    })
    expect(mining.chains).toContain('acme__widgets.1-3')
  })

  test('is not asked again after a crash, nor by a later mining about the same', async () => {
    const linked = await makeLinkLab(BASE, TOLD)
    const { putRecord } = linked.store
    linked.store.putRecord = async (key, value) => {
      if (key === recordKey.mining(NAME, 0)) throw new Error('killed')
      return putRecord(key, value)
    }
    await expect(linked.link({ judge: JUDGE })).rejects.toThrow('killed')
    expect(linked.asked()).toBe(3)
    linked.store.putRecord = putRecord
    const mining = await linked.link({ judge: JUDGE }, 2)
    await linked.link({ judge: JUDGE, mode: 'temporal', n: 1 })
    expect(linked.asked()).toBe(3)
    expect(mining.counts).toMatchObject({ judged: 3, refused: 0 })
  })

  test('is refused when the worker has the other kind of model, or the mining was begun with another judge', async () => {
    const linked = await makeLinkLab(BASE, TOLD.slice(0, 3))
    await expect(linked.link({ judge: { ...JUDGE, isScripted: false } })).rejects.toThrow('real model')
    await linked.store.putRecord(recordKey.linkJudge('_minings/acme__widgets/0'), { model: 'glm' })
    await expect(linked.link({ judge: JUDGE })).rejects.toThrow('begun with glm')
  })
})
