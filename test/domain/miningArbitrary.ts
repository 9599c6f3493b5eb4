import type { Chain, Link, Reference } from '../../src/formats/chain.ts'
import type { MiningFacts } from '../../src/report/miningFacts.ts'

const SHA = 'a'.repeat(40)
const BLOB = `sha256:${'b'.repeat(64)}` as const

/** A mined chain of three pull requests in which every text and address from outside is what `say` and `lead` give. */
export function makeChain(say: () => string, lead: () => string | null): Chain {
  const reference = (from: number, to: number, viaIssue: number | null): Reference => ({
    from,
    to,
    source: 'body',
    cue: 'extends',
    viaIssue,
    isClosing: false,
    viaText: viaIssue === null ? null : say(),
    text: say(),
    url: lead(),
    author: say(),
    isBot: viaIssue !== null,
  })
  const link = (from: number, to: number, kind: Link['kind'], score: number): Link => ({
    from,
    to,
    score,
    kind,
    references: [reference(from, to, null), reference(from, to, 7)],
    overlap: { files: [say(), say()], symbols: [say()], lines: 3 },
    judgement: { isLink: true, reason: say(), model: say(), call: say() },
  })
  return {
    format: 'prchain.chain/1',
    id: 'acme__tool.11-12-13',
    repository: 'acme/tool',
    source: 'mined',
    mode: 'semantic',
    shape: 'star',
    license: say(),
    languages: [{ name: say(), share: 1 }],
    links: [link(12, 11, 'stated', 0.9), link(13, 11, 'distant', 0.4)],
    stages: [11, 12, 13].map((number) => ({
      number,
      title: say(),
      url: lead() ?? say(),
      mergedAt: '2026-01-05T09:02:00Z',
      style: 'squash',
      baseSha: SHA,
      resultSha: SHA,
      headSha: SHA,
      files: [],
      testFiles: number === 12 ? [] : [say()],
      flags: number === 13 ? [say()] : [],
      patch: BLOB,
      pullRequest: BLOB,
    })),
  }
}

/** The facts of a mining with that chain, texts from outside as given. */
export function makeFacts(say: () => string, lead: () => string | null): MiningFacts {
  return {
    mining: {
      format: 'prchain.mining/2',
      repository: 'acme/tool',
      mode: 'semantic',
      minedAt: '2026-01-05T09:02:04Z',
      gathering: 0,
      counts: {
        ...{ pullRequests: 40, merged: 30, effective: 20, withTests: 10, reviewed: 5 },
        ...{ issues: 2, references: 9, pairs: 4, links: 2, distant: 1, judged: 2, refused: 0 },
      },
      settings: { min: 2, max: 5, seed: 0, distant: 'propose', judgeModel: say() },
      cues: { extends: 4 },
      links: BLOB,
      removed: { bot: 9, 'docs-only': 1 },
      dropped: BLOB,
      unresolved: [{ number: 9, reason: say() }],
      outdated: [],
      chains: ['acme__tool.11-12-13'],
    },
    gathering: {
      format: 'prchain.gathering/1',
      repository: 'acme/tool',
      source: 'github',
      gatheredAt: '2026-01-05T09:02:00Z',
      facts: { defaultBranch: say(), headSha: SHA, license: say(), languages: [{ name: say(), share: 0.97 }] },
      lacks: [{ kind: 'reviews', reason: say() }],
      pages: {},
      calls: { rest: 22, unchanged: 1, graphql: 2, points: 2 },
      pulls: [],
      issues: [],
    },
    chains: [makeChain(say, lead)],
    funnel: [
      { name: 'Closed', count: 40, meaning: 'pull requests' },
      { name: 'In chains', count: 3, meaning: 'stages' },
    ],
    references: new Map([['body', new Map([['extends', 4]])]]),
    throughIssues: 2,
    byBots: 2,
    links: { stated: 1, distant: 1 },
  }
}
