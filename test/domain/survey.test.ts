import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expectChains, surveyHistory, surveySample, type HistorySurvey } from '../../src/domain/survey.ts'
import { PAPER_REPOSITORIES, PAPER_TOTAL, paperFigures } from '../../src/domain/paperTable.ts'
import type { PullRequest } from '../../src/formats/pullRequest.ts'

/** Merged pull request n, on day n, by Ada, with a source file and a body or a commit text. */
function pull(
  number: number,
  texts: { body?: string; commit?: string },
  change: Partial<PullRequest> = {},
): PullRequest {
  const said = { url: null, author: 'ada', isBot: false, sha: null }
  return {
    ...{ format: 'prchain.pull-request/1', repository: 'acme/tool', number, title: `Change ${number}`, author: 'ada' },
    ...{ isBot: false, isMerged: true, mergeCommitSha: String(number).padStart(40, 'a'), headSha: null },
    ...{ baseRef: 'main', createdAt: null, mergedAt: new Date(Date.UTC(2026, 0, number)).toISOString() },
    ...{ url: `https://github.com/acme/tool/pull/${number}`, labels: [], commitCount: 1, citedBy: [], issues: [] },
    ...{ closes: [], lacks: [] },
    files: [{ path: 'src/a.ts', additions: 1, deletions: 0 }],
    texts: [
      ...(texts.body === undefined ? [] : [{ ...said, source: 'body' as const, text: texts.body }]),
      ...(texts.commit === undefined ? [] : [{ ...said, source: 'commit' as const, text: texts.commit }]),
    ],
    ...change,
  }
}

const inGit = [
  pull(1, {}),
  pull(2, { commit: 'Follow-up to #1.' }),
  pull(3, {}, { files: [{ path: 'test/a.test.ts', additions: 1, deletions: 0 }] }),
  pull(4, {}, { files: ['src/b.ts', 'test/b.test.ts'].map((path) => ({ path, additions: 1, deletions: 0 })) }),
  pull(5, {}),
]

describe('what git alone shows', () => {
  test('is counted: effective pull requests, those with tests, links, chains and their stages', () => {
    expect(surveyHistory(inGit)).toMatchObject({
      ...{ merged: 5, effective: 4, withTests: 1, linked: 1, chains: 1, stages: 2 },
      removed: { 'no-source': 1, bot: 0 },
    })
  })
})

describe('a sample', () => {
  const sample = { issues: [], comments: 6, mergedByPeople: 3 }
  const pulls = [pull(4, { body: 'Builds on #2.' }), pull(5, { body: 'Unlike #1.' })]

  test('shows links that git does not, and comments for each merged pull request', () => {
    expect(surveySample(inGit, { ...sample, pulls })).toEqual({
      ...{ effective: 2, linked: 1, linkedInGit: 0, reviewDensity: 2 },
    })
  })

  test('has no review density where nobody merged anything', () => {
    expect(surveySample(inGit, { ...sample, pulls: [], mergedByPeople: 0 }).reviewDensity).toBeNull()
  })
})

describe('the expected chains', () => {
  const history = (change: Partial<HistorySurvey> = {}): HistorySurvey => ({
    ...{ merged: 1_000, effective: 800, withTests: 0, linked: 10, chains: 8, stages: 20 },
    ...{ removed: surveyHistory([]).removed },
    ...change,
  })

  test('of a sample are its share of linked pull requests among all effective ones', () => {
    const expected = expectChains(history(), { effective: 50, linked: 10, linkedInGit: 1, reviewDensity: 1 })
    // 20% of 800 in chains of 2.5: 160 joins of 1.5 each. Wilson: 11.2% to 33.0%.
    expect(expected).toEqual({ chains: 107, low: 60, high: 176, basis: 'sample' })
  })

  test('of git alone are a range and no guess', () => {
    expect(expectChains(history(), null)).toEqual({ chains: null, low: 8, high: 128, basis: 'git' })
  })

  test('lie within their range, which holds what git shows and no more chains than pull requests can make', () => {
    const counts = fc.record({ effective: fc.nat(5_000), share: fc.double({ min: 0, max: 1, noNaN: true }) })
    const samples = fc.option(fc.record({ effective: fc.nat(100), share: fc.double({ min: 0, max: 1, noNaN: true }) }))
    fc.assert(
      fc.property(counts, samples, ({ effective, share }, sampled) => {
        const chains = Math.floor((effective * share) / 2)
        const given = history({ effective, chains, stages: 2 * chains, linked: chains })
        const {
          chains: guess,
          low,
          high,
        } = expectChains(
          given,
          sampled && {
            ...{ effective: sampled.effective, linked: Math.floor(sampled.effective * sampled.share) },
            ...{ linkedInGit: 0, reviewDensity: null },
          },
        )
        expect(low).toBeGreaterThanOrEqual(chains)
        expect(guess ?? low).toBeGreaterThanOrEqual(low)
        expect(high).toBeGreaterThanOrEqual(guess ?? low)
        expect(high).toBeLessThanOrEqual(Math.round(effective / 2))
      }),
    )
  })
})

test('the paper’s table sums to what the paper says', () => {
  expect(PAPER_REPOSITORIES).toHaveLength(9)
  expect(PAPER_TOTAL).toEqual({ pullRequests: 61_810, queries: 1_762 })
  expect(paperFigures('Numpy/NumPy')?.queries).toBe(354)
  expect(paperFigures('acme/tool')).toBeNull()
})
