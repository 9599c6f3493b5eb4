import { describe, expect, test } from 'vitest'
import { compareMergeOrder, filterPulls, isBotAccount, OVERSIZE, PULL_RULES } from '../../src/domain/pullRequest.ts'
import { isCiPath, isDocsPath, isSourcePath, isTestPath } from '../../src/domain/testPath.ts'
import type { PullRequest } from '../../src/formats/pullRequest.ts'

function pull(title: string, paths: string[] | null = ['src/a.py'], changes: Partial<PullRequest> = {}): PullRequest {
  return {
    format: 'prchain.pull-request/1',
    repository: 'acme/tool',
    number: 1,
    title,
    author: 'ann',
    isBot: false,
    isMerged: true,
    mergeCommitSha: null,
    headSha: null,
    baseRef: 'main',
    createdAt: null,
    mergedAt: '2024-01-01T00:00:00Z',
    url: 'https://github.com/acme/tool/pull/1',
    labels: [],
    files: paths?.map((path) => ({ path, additions: 1, deletions: 1 })) ?? null,
    commitCount: 1,
    texts: [],
    citedBy: [],
    issues: [],
    closes: [],
    lacks: [],
    ...changes,
  }
}

const ruleOf = (one: PullRequest) => filterPulls([one]).dropped[0]?.rule ?? 'kept'
const body = (text: string) => ({
  texts: [{ source: 'body' as const, text, url: null, author: null, isBot: false, sha: null }],
})

const none = Object.fromEntries(PULL_RULES.map((rule) => [rule, 0]))

describe('which pull requests can be a stage', () => {
  test.each<[string, PullRequest]>([
    ['unmerged', pull('Add x', ['src/a.py'], { isMerged: false })],
    ['bot', pull('Bump y', ['src/a.py'], { isBot: true })],
    ['revert', pull('Revert "Add x"')],
    ['revert', pull('Take x out', ['src/a.py'], body('This reverts commit 0123456789abcdef.'))],
    ['revert', pull('Take x out', ['src/a.py'], body('Reverts acme/tool#12'))],
    ['release', pull('Release 1.2.3')],
    ['release', pull('chore(release): 1.2.3')],
    ['release', pull('Prepare for release v2.0')],
    ['release', pull('v1.2.3')],
    ['release', pull('Bump version to 1.2.3')],
    ['release', pull('Merge `stable` into `main`; Release 8.2.0')],
    ['release', pull('Merge stable into main.')],
    ['release', pull('merge main into stable to synchronize commits.')],
    ['release', pull("Merge branch '8.1.x' into main")],
    ['release', pull("Merge remote-tracking branch 'upstream/stable' into main")],
    ['kept', pull('Merge helpers into main')],
    ['kept', pull('Merge main into main.py')],
    ['kept', pull('Merge next to last token into the buffer')],
    ['kept', pull("Merge branch 'fix-names' into main")],
    ['release', pull('Next one', ['CHANGELOG.md', 'src/tool/__about__.py'])],
    ['docs-only', pull('docs(utils): say when', ['src/a.py'])],
    ['docs-only', pull('doc: say when', ['src/a.py'])],
    ['docs-only', pull('Say when', ['README.md', 'docs/conf.py'])],
    ['ci-only', pull('Pin actions', ['.github/workflows/test.yml', 'noxfile.py'])],
    ['no-source', pull('Add cases', ['tests/test_a.py'])],
    ['no-source', pull('Pin', ['requirements.txt', 'README.md'])],
    ['no-source', pull('Nothing', [])],
    ['kept', pull('Release the lock while parsing')],
    ['kept', pull('Documentation strings are parsed', ['src/a.py', 'docs/a.rst'])],
    ['kept', pull('Fix x', ['CHANGELOG.rst', 'src/a.py', 'tests/test_a.py'])],
    ['kept', pull('Where GitHub gave no files', null)],
  ])('%s: %j', (rule, one) => expect(ruleOf(one)).toBe(rule))

  test('the first rule that fits is counted, and each pull request once', () => {
    const pulls = [
      pull('docs: a', ['a.md'], { isBot: true }),
      pull('docs: b', ['b.md'], { number: 2 }),
      pull('C', ['c.go'], { number: 3 }),
    ]
    const { kept, dropped, counts } = filterPulls(pulls)
    expect(kept.map(({ number }) => number)).toEqual([3])
    expect(dropped).toEqual([
      { number: 1, rule: 'bot' },
      { number: 2, rule: 'docs-only' },
    ])
    expect(counts).toEqual({ ...none, bot: 1, 'docs-only': 1 })
  })

  test('what changes too many source files, or too many lines of them, is oversize; tests and data do not count', () => {
    const files = (count: number, path = (n: number) => `src/${n}.py`) =>
      Array.from({ length: count }, (_, n) => path(n))
    const lines = (path: string, additions: number) => ({ files: [{ path, additions, deletions: 0 }] })
    expect(ruleOf(pull('Many', files(OVERSIZE.files)))).toBe('kept')
    expect(ruleOf(pull('More', files(OVERSIZE.files + 1)))).toBe('oversize')
    expect(ruleOf(pull('Long', null, lines('src/a.py', OVERSIZE.lines)))).toBe('kept')
    expect(ruleOf(pull('Longer', null, lines('src/a.py', OVERSIZE.lines + 1)))).toBe('oversize')
    const snapshots = files(200, (n) => `tests/snapshots/${n}.py`)
    expect(ruleOf(pull('Tested', ['src/a.py', ...snapshots]))).toBe('kept')
  })

  test('what git does not agree on is unproven, and what it was not asked of is not', () => {
    const pulls = [1, 2, 3].map((number) => pull('Add x', ['src/a.py'], { number }))
    const { kept, dropped, counts } = filterPulls(pulls, (number) => (number === 3 ? null : number === 1))
    expect(kept.map(({ number }) => number)).toEqual([1, 3])
    expect(dropped).toEqual([{ number: 2, rule: 'unproven' }])
    expect(counts).toEqual({ ...none, unproven: 1 })
  })
})

test('bots are known by type, by suffix and by name', () => {
  expect([isBotAccount('x', 'Bot'), isBotAccount('my-app[bot]'), isBotAccount('Codecov-Commenter')]).toEqual([
    true,
    true,
    true,
  ])
  expect([isBotAccount('abbot'), isBotAccount('robot', 'User'), isBotAccount(null)]).toEqual([false, false, false])
})

test('merge order compares instants, not texts, then numbers; what has no time comes last', () => {
  const at = (number: number, mergedAt: string | null) => ({ number, mergedAt })
  const sorted = [
    at(1, null),
    at(5, '2024-01-01T01:00:00+02:00'),
    at(4, '2024-01-01T00:00:00Z'),
    at(3, '2024-01-01T00:00:00Z'),
  ]
  expect(sorted.toSorted(compareMergeOrder).map(({ number }) => number)).toEqual([5, 3, 4, 1])
  expect(compareMergeOrder(at(1, null), at(2, null))).toBeLessThan(0)
})

describe('what a path is', () => {
  test.each([
    ...[
      'tests/test_a.py',
      'tests/data/a.json',
      'pkg/tests/helper.py',
      'src/test/java/A.java',
      'conftest.py',
      'a_test.go',
    ],
    ...[
      'src/a.test.ts',
      'src/a.spec.tsx',
      'src/__tests__/a.js',
      'lib/FooTest.java',
      'lib/FooTests.cs',
      'spec/a_spec.rb',
      'test_a.py',
    ],
    ...['tests/README.md', 'src/tests.py'],
  ])('%s is a test and neither source nor docs', (path) => {
    expect([isTestPath(path), isSourcePath(path), isDocsPath(path)]).toEqual([true, false, false])
  })

  test.each([
    'README.md',
    'docs/conf.py',
    'docs/tests/a.rst',
    'CHANGELOG',
    'LICENSE.txt',
    'pkg/docs/a.png',
    'a.rst',
    'newsfragments/12.bugfix',
  ])('%s is docs and neither source nor test', (path) =>
    expect([isDocsPath(path), isSourcePath(path), isTestPath(path)]).toEqual([true, false, false]),
  )

  test.each([
    '.github/workflows/a.yml',
    '.github/CONTRIBUTING.md',
    '.circleci/run.sh',
    'tox.ini',
    '.pre-commit-config.yaml',
  ])('%s is CI and neither source nor docs', (path) =>
    expect([isCiPath(path), isSourcePath(path), isDocsPath(path)]).toEqual([true, false, false]),
  )

  test.each([
    'src/a.py',
    'numpy/testing/utils.py',
    'src/latest.py',
    'lib/docs/render.ts',
    'contest.go',
    'src/attestation.rs',
    'setup.py',
  ])('%s is source and nothing else', (path) =>
    expect([isSourcePath(path), isTestPath(path), isDocsPath(path), isCiPath(path)]).toEqual([
      true,
      false,
      false,
      false,
    ]),
  )

  test.each(['pyproject.toml', 'package.json', 'data/a.csv', 'requirements.txt'])('%s is none of them', (path) => {
    expect([isSourcePath(path), isTestPath(path), isDocsPath(path), isCiPath(path)]).toEqual([
      false,
      false,
      false,
      false,
    ])
  })
})
