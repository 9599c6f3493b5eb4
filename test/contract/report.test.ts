import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listChains, showChain, type ChainFilter } from '../../src/cli/chains.ts'
import { report } from '../../src/cli/report.ts'
import { recordKey } from '../../src/domain/identifiers.ts'
import type { Chain } from '../../src/formats/chain.ts'
import type { Mining } from '../../src/formats/mining.ts'
import { reportOutput } from '../../src/formats/output.ts'
import { readMiningFacts, type MiningFacts } from '../../src/report/miningFacts.ts'
import { mineExample, type MinedExample } from './minedExample.ts'

const EVERY: ChainFilter = { repository: null, mode: null, minScore: null, limit: null }
let mined: MinedExample
let facts: MiningFacts

beforeAll(async () => {
  mined = await mineExample()
  facts = (await readMiningFacts(mined.store, mined.repository))!
})
afterAll(() => mined?.close())

describe('the facts of a mining', () => {
  test('have a funnel in which each step leaves no more than the one before, and ends with the chains’ stages', () => {
    const counts = facts.funnel.map(({ count }) => count)
    expect(counts).toEqual(counts.toSorted((a, b) => b - a))
    expect(facts.funnel.map(({ name }) => name)).toEqual([
      ...['Closed', 'Merged', 'Effective', 'With references', 'Linked', 'In chains'],
    ])
    expect(counts.at(-1)).toBe(facts.chains.flatMap(({ stages }) => stages).length)
    expect(counts[0]).toBe(facts.mining.counts.pullRequests)
  })

  test('count every reference of the record once, by source and cue', () => {
    const counted = [...facts.references.values()].flatMap((cues) => [...cues.values()])
    expect(counted.reduce((sum, n) => sum + n, 0)).toBe(facts.mining.counts.references)
  })

  test('are of the latest mining', async () => {
    const key = recordKey.mining(mined.repository, 1)
    await mined.store.putRecord<Mining>(key, { ...facts.mining, chains: [], mode: 'single' })
    const latest = (await readMiningFacts(mined.store, mined.repository))!
    expect([latest.mining.mode, latest.chains]).toEqual(['single', []])
    // For the tests that follow, a third as the first.
    await mined.store.putRecord<Mining>(recordKey.mining(mined.repository, 2), facts.mining)
  })

  test('are none of a repository that was never mined', async () => {
    expect(await readMiningFacts(mined.store, 'acme/tool')).toBeNull()
  })
})

describe('prchain report', () => {
  test('writes one page with every chain and its evidence, below the store', async () => {
    const terminal = mined.terminal({ isJson: true })
    expect(await report({ ...mined, targets: [mined.repository, mined.repository], out: null, terminal })).toBe(0)
    const [said] = terminal.emitted
    const { path, repositories } = reportOutput.parse(said)
    expect(path).toBe(join(mined.dir, 'store', 'reports', 'prchain-example__almanac.html'))
    expect(repositories).toEqual([
      { repository: mined.repository, minedAt: facts.mining.minedAt, chains: facts.chains.length },
    ])
    const page = readFileSync(path, 'utf8')
    for (const chain of facts.chains) {
      expect(page).toContain(`id="${chain.id}"`)
      for (const { number, title } of chain.stages) expect(page).toContain(`>#${number}</a> ${title}`)
      for (const { text } of chain.links.flatMap(({ references }) => references))
        expect(page).toContain(text.replaceAll("'", '&#39;'))
    }
    expect(page).toContain('<b>reviews</b>: GraphQL refuses callers without a token')
    expect(page).toMatch(/22 REST calls/)
    expect(page).toContain('61,810')
  })

  test('writes the same bytes from the same store', async () => {
    const [a, b] = ['a.html', 'deep/b.html'].map((name) => join(mined.dir, name))
    for (const out of [a!, b!]) await report({ ...mined, targets: [mined.repository], out, terminal: mined.terminal() })
    expect(readFileSync(a!)).toEqual(readFileSync(b!))
  })

  test.each([
    ['acme/tool', 'prchain mine acme/tool`; the store has minings of prchain-example/almanac'],
    ['night', 'expected owner/name'],
  ])('refuses %s, which was not mined or is no repository', async (target, said) => {
    const given = { ...mined, targets: [target], out: null, terminal: mined.terminal() }
    await expect(report(given)).rejects.toMatchObject({ name: 'InputError', message: expect.stringContaining(said) })
  })

  test('refuses to write to a folder', async () => {
    const given = { ...mined, targets: [mined.repository], out: mined.dir, terminal: mined.terminal() }
    await expect(report(given)).rejects.toThrow('is a folder: expected a file')
  })
})

describe('prchain chains', () => {
  const list = async (filter: Partial<ChainFilter>, width?: number) => {
    const terminal = mined.terminal({ width })
    expect(await listChains({ config: mined.config, filter: { ...EVERY, ...filter }, terminal })).toBe(0)
    return terminal.said.join('\n')
  }

  test('lists each with its weakest score, tests and strongest words', async () => {
    const told = await list({})
    expect(told).toContain('prchain-example/almanac · 2 chain(s) · 5 stages')
    for (const { id, links } of facts.chains) {
      const weakest = Math.min(...links.map(({ score }) => score)).toFixed(2)
      expect(told).toMatch(new RegExp(`^${id} +\\w+ +${weakest} +\\d/\\d .*“`, 'm'))
    }
  })

  test('lists those alone that the filter lets through', async () => {
    const scores = facts.chains.map(({ links }) => Math.min(...links.map(({ score }) => score)))
    const best = facts.chains[scores.indexOf(Math.max(...scores))]!
    const told = await list({ minScore: Math.max(...scores) })
    expect(facts.chains.filter(({ id }) => told.includes(id)).map(({ id }) => id)).toEqual([best.id])
    expect(await list({ mode: 'temporal' })).toBe('none of 2 chain(s) is as asked for')
    expect(await list({ limit: 1 })).toContain('1 more: --limit 1 cut the list')
  })

  test('lists what the latest mining of a mode made, and with --all what earlier ones did', async () => {
    const [first, ...rest] = facts.chains.map(({ id }) => id)
    const later = recordKey.mining(mined.repository, 99)
    await mined.store.putRecord<Mining>(later, { ...facts.mining, chains: rest })
    try {
      const told = await list({})
      expect([first!, ...rest].filter((id) => told.includes(id))).toEqual(rest)
      expect(told).toContain('1 of earlier minings: --all lists them too')
      expect(await list({ isAll: true })).toContain(first)
    } finally {
      rmSync(join(mined.config.store, 'records', `${later}.json`))
    }
  })

  test.each<Partial<ChainFilter>>([{ mode: 'random' }, { minScore: 1.5 }, { limit: 0 }, { repository: 'almanac' }])(
    'refuses a filter such as %j',
    (filter) => expect(list(filter)).rejects.toMatchObject({ name: 'InputError' }),
  )

  test.each([40, 60, 80, 120])(
    'keeps within a terminal of %i columns, but for what cannot be parted',
    async (width) => {
      const words = (await list({}, width)).split('\n').filter((line) => line.length > width)
      expect(words.filter((line) => line.trim().includes(' ') && !line.includes('prchain-example'))).toEqual([])
    },
  )
})

describe('prchain show CHAIN', () => {
  const put = async (change: (chain: Chain) => void, id: string) => {
    const chain = structuredClone(facts.chains[0]!)
    chain.id = id
    change(chain)
    await mined.store.putRecord(recordKey.chain(id), chain)
    const terminal = mined.terminal()
    await showChain({ config: mined.config, id, terminal })
    return terminal.said.join('\n')
  }

  test('tells of each link its score, kind, words, issue, author, overlap and judgement, and of each stage its flags', async () => {
    const told = await put((chain) => {
      chain.stages[1]!.flags = ['absorbs #4']
      const link = chain.links[0]!
      link.kind = 'distant'
      link.overlap = { files: ['src/a.js'], symbols: ['round', 'carry'], lines: 12 }
      link.judgement = { isLink: false, reason: 'another function', model: 'glm-4.6', call: 'x' }
      Object.assign(link.references[0]!, { viaIssue: 2, viaText: 'Fixes #2', author: 'helper', isBot: true })
    }, 'told')
    for (const words of [
      ...['! absorbs #4', 'distant: no text states it', 'by helper, a bot · through issue #2, “Fixes #2”'],
      ...[
        '1 file(s) (src/a.js), 2 symbol(s) (round, carry), 12 line(s)',
        'glm-4.6 judges it no link: another function',
      ],
    ])
      expect(told).toContain(words)
  })

  test('lets no title command the terminal', async () => {
    const told = await put((chain) => {
      chain.stages[0]!.title = 'a\u001B[2Jb\u0007\r\nc\u202Ed'
    }, 'hostile')
    expect(told).toContain('ab cd')
    // eslint-disable-next-line no-control-regex
    expect(told).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u202E]/)
  })
})
