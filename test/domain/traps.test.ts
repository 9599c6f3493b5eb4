import { expect, test } from 'vitest'
import { buildLinks } from '../../src/domain/link.ts'
import { LINK_THRESHOLD } from '../../src/domain/linkScore.ts'
import { findReferences } from '../../src/domain/reference.ts'
import type { EvidenceText, PullRequest } from '../../src/formats/pullRequest.ts'

// Each is built as a real case is, whose pull request is named, in words of our own. Those of git stand in
// test/contract/git-reference.test.ts (stale base) and test/contract/pullHistory.test.ts (merges of the target).

type Text = Partial<EvidenceText> & { text: string }

function pull(number: number, texts: Text[], changes: Partial<PullRequest> = {}): PullRequest {
  return {
    format: 'prchain.pull-request/1',
    ...{ repository: 'acme/tool', number, title: `Change ${number}`, author: 'ann', isBot: false, isMerged: true },
    ...{ mergeCommitSha: null, headSha: null, baseRef: 'main', createdAt: null, labels: [], files: null },
    mergedAt: new Date(Date.UTC(2024, 0, 1) + number * 3_600_000).toISOString(),
    url: `https://github.com/acme/tool/pull/${number}`,
    commitCount: texts.length,
    texts: texts.map((text) => ({ source: 'body', url: null, author: 'ann', isBot: false, sha: null, ...text })),
    ...{ citedBy: [], issues: [], closes: [], lacks: [] },
    ...changes,
  }
}

const earlier = Array.from({ length: 20 }, (_, index) => pull(1 + index, []))
const cited = (texts: Text[], changes: Partial<PullRequest> = {}) =>
  findReferences([...earlier, pull(50, texts, changes)]).map(({ to, cue, isBot }) => ({ to, cue, isBot }))
const commit = (...lines: string[]): Text => ({ source: 'commit', text: lines.join('\n') })

test('the squash trap: what a branch merged of the main line brings the subjects of others (astral-sh/ruff 20647)', () => {
  const brought = [
    "Merge remote-tracking branch 'origin/main' into ann/inherited",
    '',
    '* origin/main:',
    '  [`pep8`] Clarify how safe the fix is (`E101`) (#11)',
    '  Bump 0.13.3 (#12)',
  ]
  expect(cited([commit(...brought)])).toEqual([])
  const squashed = [
    'Tell tuples apart (#50)',
    '',
    '* Bump 0.13.3 (#12)',
    '* Clarify the fix (#11)',
    '',
    'Follow-up to #10.',
  ]
  expect(cited([commit(...squashed)])).toEqual([{ to: 10, cue: 'extends', isBot: false }])
})

test('the quoted reply: what another said is not said again (encode/httpx 1244)', () => {
  const body = 'In line with the new names:\n\n> 103 and 425 were added. (By ann in #11 and bob in #12.)\n\nSee #13.'
  expect(cited([{ text: body }])).toEqual([{ to: 13, cue: 'mentions', isBot: false }])
})

test('the code block: a log of tests is no prose, nor is what follows in it (astral-sh/ruff 24100)', () => {
  const body = 'Closes #99\n\n## Local run\n\n```────\n Starting 2 tests (#11)\n PASS [0.049s] tests::f12 #12\n```\n'
  expect(cited([{ text: body }])).toEqual([])
})

test('the bot: its pull requests cite nothing, and what it comments makes no link (numpy/numpy 31568)', () => {
  const notes = 'Bumps a package from 1.12 to 1.13.\n\n- Fix of the fix, follow-up to #11\n- Since #12'
  expect(cited([{ text: notes, author: 'dependabot[bot]', isBot: true }], { isBot: true })).toEqual([])
  const comment: Text = { source: 'comment', text: 'A follow-up to #11?', author: 'helper[bot]', isBot: true }
  expect(cited([comment])).toEqual([{ to: 11, cue: 'extends', isBot: true }])
  const [link] = buildLinks(findReferences([...earlier, pull(50, [comment])]))
  expect(link!.score).toBeLessThan(LINK_THRESHOLD)
})

test('the backport: a release’s branch brings a change with its number, which is no follow-up of it (numpy/numpy 28420)', () => {
  const texts = [
    commit('BUG: safer casting (#11)', '', '* Fixes #99', '', '* MAINT: PR 11 revisions'),
    commit('Merge pull request #50 from ann/backport-11', '', 'BUG: safer casting (#11)'),
  ]
  const found = findReferences([...earlier, pull(50, texts, { baseRef: 'maintenance/2.2.x' })])
  expect(new Set(found.map(({ to }) => to))).toEqual(new Set([11]))
  expect(found.some(({ cue }) => cue === 'backports')).toBe(true)
  expect(buildLinks(found).map(({ score }) => score)).toEqual([0])
})

test('the issue’s number: a subject that ends in one proves no pull request (mahmoud/boltons 445)', () => {
  expect(cited([commit('Handle frozen sets (#343)'), { text: 'As in #343.' }])).toEqual([])
})

test('the contrast: setting oneself apart is shown and makes no link (python-humanize/humanize 329)', () => {
  const body =
    'Round before choosing the unit.\n\nThis is **distinct** from two other changes:\n\n- **#11** rounds up\n- **#12** rolls over'
  const links = buildLinks(findReferences([...earlier, pull(50, [{ text: body }])]))
  expect(links.map(({ to, score, references }) => ({ to, score, cue: references[0]!.cue }))).toEqual([
    { to: 11, score: 0, cue: 'contrasts' },
    { to: 12, score: 0, cue: 'contrasts' },
  ])
})
