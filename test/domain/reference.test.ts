import { describe, expect, test } from 'vitest'
import { scoreReferences } from '../../src/domain/linkScore.ts'
import { findReferences } from '../../src/domain/reference.ts'
import { findNamedNumbers } from '../../src/domain/referenceNumber.ts'
import type { Cue } from '../../src/formats/chain.ts'
import type { EvidenceText, IssueThread, PullRequest } from '../../src/formats/pullRequest.ts'

type Text = Partial<EvidenceText> & { text: string }

function pull(number: number, texts: (string | Text)[] = [], changes: Partial<PullRequest> = {}): PullRequest {
  return {
    format: 'prchain.pull-request/1',
    repository: 'acme/tool',
    number,
    title: `Change ${number}`,
    author: 'ann',
    isBot: false,
    isMerged: true,
    mergeCommitSha: number.toString(16).padStart(6, 'a').padEnd(40, 'b'),
    headSha: null,
    baseRef: 'main',
    createdAt: null,
    mergedAt: new Date(Date.UTC(2024, 0, 1) + number * 3_600_000).toISOString(),
    url: `https://github.com/acme/tool/pull/${number}`,
    labels: [],
    files: [{ path: 'src/a.py', additions: 1, deletions: 0 }],
    commitCount: 1,
    texts: texts.map((text) => ({
      source: 'body',
      url: null,
      author: 'ann',
      isBot: false,
      sha: null,
      ...(typeof text === 'string' ? { text } : text),
    })),
    citedBy: [],
    issues: [],
    closes: [],
    lacks: [],
    ...changes,
  }
}

/** References of #50 with these texts, where #10 to #20 are earlier and #60 is later; 7 and 8 are issues. */
function cited(
  texts: (string | Text)[],
  others: PullRequest[] = [],
  changes: Partial<PullRequest> = {},
  issues: IssueThread[] = [],
) {
  const earlier = Array.from({ length: 11 }, (_, index) => pull(10 + index))
  const replaced = new Set(others.map(({ number }) => number))
  const pulls = [...earlier, pull(60)].filter(({ number }) => !replaced.has(number))
  return findReferences([...pulls, ...others, pull(50, texts, changes)], issues).filter(({ from }) => from === 50)
}

const numbers = (text: string | Text) => cited([text]).map(({ to }) => to)
const cues = (text: string | Text) => Object.fromEntries(cited([text]).map(({ to, cue }) => [to, cue]))

describe('forms of a reference', () => {
  test.each([
    ['Needs #12.', [12]],
    ['Needs (#12), #13; and #14!', [12, 13, 14]],
    ['Needs **#12**, _#13_', [12, 13]],
    ['Needs acme/tool#12', [12]],
    ['Needs ACME/Tool#12', [12]],
    ['Needs GH-12', [12]],
    ['Needs PR 12 and tool#13', [12, 13]],
    ['Needs #12/#13', [12, 13]],
    ['> [!NOTE]\n> Needs #12\n\n> #13', [12]],
    ['See https://github.com/acme/tool/pull/12.', [12]],
    ['See https://github.com/acme/tool/pull/12/files#diff-0', [12]],
    ['See https://github.com/acme/tool/issues/12#issuecomment-99', [12]],
    ['See [the parser change](https://github.com/acme/tool/pull/12).', [12]],
    ['See [#12](https://github.com/acme/tool/pull/12) and <https://github.com/acme/tool/pull/13>', [12, 13]],
  ])('%s', (text, expected) => expect(numbers(text)).toEqual(expected))

  test.each([
    ['another repository', 'Needs other/tool#12'],
    ['a fork', 'Needs ann#12'],
    ['an address of another repository', 'See https://github.com/other/tool/pull/12'],
    ['a repository whose name only begins alike', 'See https://github.com/acme/tools/pull/12'],
    ['a link text over a foreign address', 'See [#12](https://github.com/other/tool/pull/12)'],
    ['an anchor', 'See https://example.com/page#12 and docs/page#12'],
    ['an entity', 'An &#12; entity'],
    ['a longer token', 'Colour #12ab34 and #12x'],
    ['a number that was cut off', 'Fix the parser (since #12… and #13...'],
    ['itself', 'This is #50'],
    ['one merged later', 'Prepares #60'],
    ['a number that is no pull request', 'See #999'],
  ])('%s is none', (_, text) => expect(numbers(text)).toEqual([]))

  test('a merge commit stands for its pull request, by seven digits or more, as text or as an address', () => {
    const sha = pull(12).mergeCommitSha!
    expect(numbers(`Broken since ${sha.slice(0, 7)}`)).toEqual([12])
    expect(numbers(`Broken since ${sha}.`)).toEqual([12])
    expect(numbers(`Broken since https://github.com/acme/tool/commit/${sha.slice(0, 10)}`)).toEqual([12])
    expect(numbers(`Broken since ${sha.slice(0, 6)}`)).toEqual([])
    expect(numbers(`Broken since ${sha.slice(0, 7)}0`)).toEqual([])
  })

  test('a sha that two merge commits begin with stands for neither', () => {
    const twin = (number: number) => pull(number, [], { mergeCommitSha: `abcdef1${number}`.padEnd(40, '0') })
    expect(cited(['Broken since abcdef1'], [twin(12), twin(13)])).toEqual([])
    expect(cited(['Broken since abcdef112'], [twin(12), twin(13)])).toHaveLength(1)
  })

  test('unmerged pull requests neither cite nor are cited', () => {
    const open = pull(12, [], { isMerged: false, mergedAt: null })
    expect(cited(['Extends #12'], [open])).toEqual([])
    expect(cited(['Extends #13'], [], { isMerged: false, mergedAt: null })).toEqual([])
  })

  test('a higher number that was merged earlier is cited', () => {
    const early = pull(70, [], { mergedAt: '2024-01-01T01:00:00Z' })
    expect(cited(['Extends #70'], [early]).map(({ to }) => to)).toEqual([70])
  })
})

describe('text that nobody says', () => {
  test.each([
    ['a fenced block', 'Text\n```\nsee #12\n```\n'],
    ['a fence within a list', '- item\n  ```py\n  see #12\n  ```\n'],
    ['a fence that never closes', '~~~\nsee #12\n```\n#13'],
    ['an indented block', 'Text:\n\n    see #12\n    #13\n'],
    ['inline code', 'Text `see #12` and ``a ` #13``'],
    ['inline code over a line break', 'Text `see\n#12` end'],
    ['an HTML comment', 'Text <!-- see #12 --> end'],
    ['an HTML comment of many lines', 'Text\n<!--\nFixes #12\n\n- [x] #13\n-->\n'],
    ['a comment that never closes', 'Text <!-- see #12\n\n#13'],
    ['a quoted line', '> see #12\n\nno'],
    ['an unchecked box', '- [ ] follow-up of #12\n'],
    ['preformatted HTML', '<pre>\nsee #12\n</pre> <code>#13</code>'],
  ])('%s holds no reference', (_, text) => expect(numbers(text)).toEqual([]))

  test.each([
    ['after a fence', '```\n#13\n```\nExtends #12'],
    ['after a comment', '<!-- #13 --> Extends #12'],
    ['with a comment mark in inline code', 'The mark `<!--` is kept. Extends #12'],
    ['after a single backtick', 'A ` alone. Extends #12'],
    ['continuing a list item', '- item\n\n  Extends #12'],
    ['in a nested list', '- item\n    - Extends #12'],
    ['wrapped and indented without a blank line', 'Text\n    Extends #12'],
    ['after a quoted line and a blank one', '> #13\n\nExtends #12'],
    ['with carriage returns', '```\r\n#13\r\n```\r\nExtends #12\r\n'],
  ])('prose %s is read', (_, text) => expect(numbers(text)).toEqual([12]))

  test.each([
    ['the suffix of a subject', 'Add a parser (#12)'],
    ['two suffixes', 'Add a parser (#12) (#13)\n\nBody'],
    ['bullets of a squash', 'Add a parser\n\n* Add a lexer (#12)\n* Fix it (#13)\n'],
    ['a merge of another pull request', 'Merge pull request #12 from ann/x\n\nAs in #13'],
    ['a merge of the main branch', "Merge branch 'main' into x\n\n#12"],
  ])('%s in a commit is no reference', (_, text) => expect(numbers({ source: 'commit', text })).toEqual([]))

  test('a number at the end of another line of a commit is a reference', () => {
    expect(numbers({ source: 'commit', text: 'Add a parser\n\nExtends the lexer (#12)\nfurther (#13)\n' })).toEqual([
      12, 13,
    ])
  })

  test('what a bot says is told as such and weighs nothing, and the pull requests of bots cite none', () => {
    const said = cited([{ text: 'Extends #12', isBot: true }])
    expect(said).toMatchObject([{ to: 12, isBot: true }])
    expect(scoreReferences(said)).toBe(0)
    expect(cited(['Extends #12'], [], { isBot: true })).toEqual([])
  })

  test.each(['## Changelog', "### What's Changed", '# Full changelog'])(
    'a list of changes under "%s" is none',
    (heading) => {
      expect(numbers(`Extends #13\n\n${heading}\n\n- A parser by @ann in #12\n#### More\n#14\n`)).toEqual([13])
      expect(numbers(`${heading}\n- in #12\n# Why\nExtends #13`)).toEqual([13])
    },
  )

  test('a line that several people have word for word in their pull requests is a template, and a series is none', () => {
    const line = 'See https://github.com/acme/tool/pull/12 for how to write tests'
    const others = (authors: string[]) =>
      authors.map((author, index) => pull(20 + index, [{ text: `Change\n${line}`, author }]))
    expect(cited([line], others(['bob', 'cid', 'dan', 'eve']))).toEqual([])
    expect(cited([line], others(['ann', 'ann', 'ann', 'ann']))).toHaveLength(1)
  })
})

describe('cues', () => {
  test.each<[string, Record<number, Cue>]>([
    ['A follow-up to #12.', { 12: 'extends' }],
    ['Follow-up of #12, #13 and #14', { 12: 'extends', 13: 'extends', 14: 'extends' }],
    ['This builds on #12', { 12: 'extends' }],
    ['Uses the hook added in #12', { 12: 'extends' }],
    ['Mirrors the handling of #12', { 12: 'sibling' }],
    ['The same off-by-one class that #12 closed', { 12: 'sibling' }],
    ['Like #12, this is about spaces', { 12: 'sibling' }],
    ['Fixes a regression from #12', { 12: 'fixes' }],
    ['Windows is broken since #12', { 12: 'fixes' }],
    ['Since #12 the parser fails', { 12: 'fixes' }],
    ['Fixes the bug introduced in #12', { 12: 'fixes' }],
    ['See #12 for the discussion', { 12: 'mentions' }],
    ['Adds regression tests, see #12', { 12: 'mentions' }],
    ['The following fails, see #12', { 12: 'mentions' }],
    ['Distinct from #12', { 12: 'contrasts' }],
    [
      'This is **different** from the\nchange in #12 (which was small) and from #13',
      { 12: 'contrasts', 13: 'contrasts' },
    ],
    [
      'Distinct from the cap in #12 (which adds suffixes) and from the metric() fix in #13',
      { 12: 'contrasts', 13: 'contrasts' },
    ],
    ['Not related to #12', { 12: 'contrasts' }],
    ["This doesn't build on #12", { 12: 'contrasts' }],
    ['The same as #12', { 12: 'contrasts' }],
    ['Supersedes #12', { 12: 'contrasts' }],
    ['Unlike #12, this extends #13', { 12: 'contrasts', 13: 'extends' }],
    ['Extends #13 (unlike #12)', { 12: 'contrasts', 13: 'extends' }],
    ['Extends #12. Unlike before, it is fast. See #13.', { 12: 'extends', 13: 'mentions' }],
    ['Reverts #12', { 12: 'reverts' }],
    ['Backport of #12', { 12: 'backports' }],
    ['Cherry-picked from #12', { 12: 'backports' }],
    ['Ports of #12', { 12: 'backports' }],
    ['Same as #12, but for columns', { 12: 'sibling' }],
    ['Same as https://github.com/acme/tool/pull/12, but for columns', { 12: 'sibling' }],
    ['Stacked on #12', { 12: 'extends' }],
    ['Split out of #12', { 12: 'extends' }],
    ['Uses the cursor from #12', { 12: 'extends' }],
    ['Add release notes for #12', { 12: 'extends' }],
    ['Fix the typo noted at #12', { 12: 'extends' }],
    ['#12 and #13 added support for names', { 12: 'extends', 13: 'extends' }],
    ['Put back the test that was accidentally dropped in #12', { 12: 'fixes' }],
    ['As fast as it was before #12', { 12: 'fixes' }],
    ['Fix the build following #12', { 12: 'fixes' }],
  ])('%s', (text, expected) => expect(cues(text)).toEqual(expected))

  test('lines of a comment that is not wrapped are sentences of their own', () => {
    expect(cues('Extends #12\nUnlike #13')).toEqual({ 12: 'extends', 13: 'contrasts' })
  })

  test('the sentence that leads a list speaks for its members, and a contrast for all of them', () => {
    const list = '\n\n- **#12** fixed the top\n- #13 fixes the same class elsewhere\n\nText about #14'
    expect(cues(`This is **distinct** from two changes:${list}`)).toEqual({
      12: 'contrasts',
      13: 'contrasts',
      14: 'mentions',
    })
    expect(cues(`Follow-up of:${list}`)).toEqual({ 12: 'extends', 13: 'sibling', 14: 'mentions' })
    expect(cited([`This is **distinct** from two changes:${list}`])[0]!.text).toBe(
      'This is **distinct** from two changes: - **#12** fixed the top',
    )
  })

  test('titles that revert or carry over a pull request say so, others end in no reference', () => {
    const title = (text: string) => cues({ source: 'title', text })
    expect(title('Revert "Add a parser (#12)"')).toEqual({ 12: 'reverts' })
    expect(title('[backport] Add a parser (#12)')).toEqual({ 12: 'backports' })
    expect(title('Add a parser (#12)')).toEqual({})
  })

  test('more than eight cited pull requests are a release list', () => {
    const list = (count: number) => Array.from({ length: count }, (_, index) => `Extends #${10 + index}.`).join(' ')
    expect(new Set(cited([list(8)]).map(({ cue }) => cue))).toEqual(new Set(['extends']))
    expect(new Set(cited([list(9)]).map(({ cue }) => cue))).toEqual(new Set(['releases']))
  })

  test('a reference tells the sentence as it was written, who wrote it and where', () => {
    const text = 'First `one`. It **extends** the `x`\n  parser of #12, and more. Last.'
    const found = cited([{ source: 'review', text, url: 'https://github.com/acme/tool/pull/50#r1', author: 'bob' }])
    expect(found).toEqual([
      {
        from: 50,
        to: 12,
        source: 'review',
        cue: 'extends',
        viaIssue: null,
        viaText: null,
        isClosing: false,
        isBot: false,
        text: 'It **extends** the `x` parser of #12, and more.',
        url: 'https://github.com/acme/tool/pull/50#r1',
        author: 'bob',
      },
    ])
  })

  test('of a very long sentence the part around the number is told', () => {
    const [found] = cited([`${'word '.repeat(300)}extends #12 ${'more '.repeat(300)}`])
    expect(found!.text.length).toBeLessThanOrEqual(400)
    expect(found!.text).toContain('extends #12')
  })
})

describe('references through an issue', () => {
  const closer = pull(12, ['Fixes https://github.com/acme/tool/issues/7.'])

  test('a pull request that speaks of an issue cites the one that closed it', () => {
    const review: Text = {
      source: 'review',
      text: 'Like https://github.com/acme/tool/issues/7, this comes from rounding.',
    }
    expect(cited([review], [closer])).toMatchObject([{ to: 12, viaIssue: 7, cue: 'sibling', source: 'review' }])
    expect(cited(['More of what #7 asks for'], [closer])).toMatchObject([{ to: 12, viaIssue: 7, cue: 'mentions' }])
    expect(cited(['Not related to #7'], [closer])).toMatchObject([{ to: 12, viaIssue: 7, cue: 'contrasts' }])
  })

  test.each([
    'Fixes #7',
    'Closes: #7',
    'Closes part of #7',
    'Fixes #8, #7 and #9',
    'Fixes the regression of #7. Fixes #7.',
  ])('two pull requests that close one issue are told to, which alone makes no link: %s', (text) => {
    const found = cited([text], [closer])
    expect(new Set(found.map(({ to, viaIssue }) => `${to} ${viaIssue}`))).toEqual(new Set(['12 7']))
    expect(found.at(-1)).toMatchObject({ cue: 'mentions', viaText: closer.texts[0]!.text })
  })

  test('one that closes the issue again and says what was wrong with the first says so', () => {
    const found = cited(['Fixes #7. The fix of #7 was incomplete.'], [closer])
    expect(found.map(({ cue }) => cue)).toEqual(['mentions', 'fixes'])
  })

  test('speaking of the same issue is not closing it', () => {
    expect(cited(['More for #7'], [pull(12, ['Groundwork for #7'])])).toEqual([])
    expect(cited(['More for #7'], [pull(12, [{ source: 'comment', text: 'Fixes #7?' }])])).toEqual([])
    expect(cited(['More for #7'], [pull(12, [{ text: 'Fixes #7', isBot: true }])])).toEqual([])
  })

  const thread = (texts: (string | Text)[]): IssueThread => ({
    format: 'prchain.issue/1',
    ...{ repository: 'acme/tool', number: 7, author: 'eve', isBot: false, createdAt: null, labels: [] },
    url: 'https://github.com/acme/tool/issues/7',
    texts: texts.map((text) => ({
      ...{ source: 'body', url: null, author: 'eve', isBot: false, sha: null },
      ...(typeof text === 'string' ? { text } : text),
    })),
  })

  test('a pull request that closes or names an issue cites what the issue was opened from, in the words of the issue', () => {
    const issues = [thread(['Windows is broken since #12, see also #60'])]
    const via = { to: 12, viaIssue: 7, cue: 'fixes', viaText: 'Windows is broken since #12, see also #60' }
    expect(cited(['Fixes #7'], [], {}, issues)).toMatchObject([{ ...via, source: 'body', text: 'Fixes #7' }])
    expect(cited([{ source: 'comment', text: 'As in #7' }], [], {}, issues)).toMatchObject([
      { ...via, source: 'comment' },
    ])
    expect(cited(['Nothing'], [], { closes: [7] }, issues)).toMatchObject([{ ...via, source: 'closing', text: '' }])
  })

  test('an issue that cites many pull requests, or whose bot does, leads to none', () => {
    const many = Array.from({ length: 9 }, (_, index) => `Fixed by #${10 + index}.`).join(' ')
    expect(cited(['Fixes #7'], [], {}, [thread([many])])).toEqual([])
    expect(cited(['Fixes #7'], [], {}, [thread([{ text: 'Since #12', isBot: true }])])).toEqual([])
  })

  test('one that GitHub says closes the issue counts as one that says so itself', () => {
    const silent = pull(12, [], { closes: [7] })
    expect(cited(['More for #7'], [silent])).toMatchObject([{ to: 12, viaIssue: 7, viaText: null }])
    expect(cited(['More for #7'], [closer])).toMatchObject([{ viaText: closer.texts[0]!.text }])
  })

  test('a number of which no more is known than that it is a pull request is no issue', () => {
    const naming = pull(50, ['More of what #7 asks for'])
    expect(findReferences([closer, naming])).toHaveLength(1)
    expect(findReferences([closer, naming], [], [7])).toEqual([])
  })

  test('of several that closed it, the last one before is cited, and none that came later', () => {
    const closers = [closer, pull(15, [{ source: 'commit', text: 'Again\n\nResolves #7' }]), pull(60, ['Fixes #7'])]
    expect(cited(['More for #7'], closers).map(({ to }) => to)).toEqual([15])
  })
})

describe('changes that are carried over', () => {
  const commit = (text: string): Text => ({ source: 'commit', text })

  test('on the branch of a release, the number at the end of a subject is the change that was brought', () => {
    const brought = [commit('Fix the regression of spaces (#12)'), commit('Widen (#13)')]
    expect(cited(brought, [], { baseRef: 'maintenance/1.26.x' })).toMatchObject([
      { to: 12, cue: 'backports' },
      { to: 13, cue: 'backports' },
    ])
    expect(cited(brought)).toEqual([])
    expect(cited([...brought, 'Backports for 1.2.1'])).toHaveLength(2)
    expect(cited([commit('Widen (#13)\n\n(cherry picked from commit 0a1b2c3d4e)')])).toMatchObject([{ to: 13 }])
  })

  test('many changes that are brought over at once are no list of a release', () => {
    const brought = Array.from({ length: 10 }, (_, index) => commit(`Fix it (#${10 + index})`))
    expect(new Set(cited(brought, [], { baseRef: 'v1.x' }).map(({ cue }) => cue))).toEqual(new Set(['backports']))
  })

  test('the merge of the pull request itself is read: its branch and its title', () => {
    const merge = (branch: string, title: string) => commit(`Merge pull request #50 from ann/${branch}\n\n${title}`)
    expect(cited([merge('backport-12', 'Widen it')])).toMatchObject([{ to: 12, cue: 'backports' }])
    expect(cited([merge('fix-12', 'Follow-up of #13 (#14)')])).toMatchObject([{ to: 13, cue: 'extends' }])
  })
})

describe('the timeline', () => {
  const crossed = (number: number, isPullRequest = true) => pull(12, [], { citedBy: [{ number, isPullRequest }] })

  test('adds a weak reference where no text says it', () => {
    expect(cited(['Nothing'], [crossed(50)])).toMatchObject([{ to: 12, source: 'timeline', cue: 'mentions' }])
  })

  test('adds nothing to what a text says, for an issue, or for one merged earlier', () => {
    expect(cited(['Extends #12'], [crossed(50)]).map(({ source }) => source)).toEqual(['body'])
    expect(cited(['Nothing'], [crossed(50, false)])).toEqual([])
    expect(findReferences([crossed(10), pull(10)])).toEqual([])
  })
})

test('the numbers that people name are read for issues, bots and itself left out', () => {
  const texts = ['Fixes #7, see `#9`', 'GH-8 and #7', '#50 and other/tool#3'].map((text) => ({ text, isBot: false }))
  const named = pull(50, [...texts, { text: '#99', isBot: true }])
  expect(findNamedNumbers(named)).toEqual([7, 8])
})

test('references do not depend on the order in which pull requests are given', () => {
  const pulls = [pull(10, ['Fixes #7']), pull(11, ['Extends #10']), pull(12, ['Like #7; mirrors #11 and #10'])]
  const forward = findReferences(pulls)
  expect(forward).toHaveLength(4)
  expect(findReferences(pulls.toReversed())).toEqual(forward)
})

test('a subject of blanks takes time that grows with its length', () => {
  const begunMs = performance.now()
  expect(cited([{ source: 'commit', text: `Extends #12${'\t'.repeat(120_000)}#13` }])).toHaveLength(2)
  expect(performance.now() - begunMs).toBeLessThan(2_000)
})
