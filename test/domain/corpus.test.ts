import { describe, expect, test } from 'vitest'
import { assembleCorpus, assembleGitCorpus } from '../../src/domain/corpus.ts'
import type { MergedInGit } from '../../src/domain/corpusTexts.ts'
import { describeDuration, estimateFetchMs } from '../../src/domain/fetchTime.ts'
import { firstCursor, nextSince, readCursor, writeCursor } from '../../src/domain/pageCursor.ts'
import type { CommentEntry, IssueEntry, PageEntry, PullEntry, ThreadEntry } from '../../src/domain/pageEntry.ts'
import { issueThread, pullRequest } from '../../src/formats/pullRequest.ts'

const PAGE = 'https://github.com/acme/tool'
const sha = (digit: string) => digit.repeat(40)
const pull = (number: number, changed: Partial<PullEntry> = {}): PullEntry => ({
  ...{ kind: 'pull', number, title: `Change ${number}`, body: null, author: 'ann', isBot: false, isClosed: true },
  ...{
    mergeCommitSha: sha('a'),
    headSha: sha('b'),
    baseRef: 'main',
    baseSha: sha('e'),
    labels: [],
    url: `${PAGE}/pull/${number}`,
  },
  ...{ createdAt: '2024-03-01T00:00:00Z', mergedAt: '2024-03-02T00:00:00Z', updatedAt: '2024-03-02T00:00:00Z' },
  ...changed,
})
const issue = (number: number, changed: Partial<IssueEntry> = {}): IssueEntry => ({
  ...{ kind: 'issue', number, isPullRequest: false, mergedAt: null, title: `Issue ${number}`, body: 'It is.' },
  ...{ author: 'eve', isBot: false, isClosed: true, labels: ['bug'], url: `${PAGE}/issues/${number}` },
  ...{ createdAt: '2024-03-01T00:00:00Z', updatedAt: '2024-03-02T00:00:00Z' },
  ...changed,
})
const comment = (id: number, number: number, body: string, kind: CommentEntry['kind'] = 'comment'): CommentEntry => ({
  ...{ kind, id: String(id), number, body, url: null, author: 'bob', isBot: false, updatedAt: '2024-03-02T00:00:00Z' },
  createdAt: '2024-03-01T12:00:00Z',
})
const thread = (number: number, changed: Partial<ThreadEntry> = {}): ThreadEntry => ({
  ...{ kind: 'thread', number, updatedAt: '2024-03-02T00:00:00Z', isWhole: true, reviews: [], closes: [], citedBy: [] },
  ...changed,
})
const review = (id: string) => ({ id, body: `review ${id}`, url: null, author: 'bob', isBot: false, createdAt: null })
const merged = (number: number, changed: Partial<MergedInGit> = {}): MergedInGit => ({
  ...{ number, resultSha: sha('a'), headSha: sha('b'), mergedAt: '2024-03-02T00:00:00Z', title: `Change ${number}` },
  ...{ body: '', author: 'Ann', branch: 'main', isProven: true },
  files: [{ path: 'src/a.py', additions: 3, deletions: null }],
  commits: [{ sha: sha('c'), message: 'Do it', author: 'Ann' }],
  ...changed,
})
const assemble = (entries: PageEntry[], inGit: MergedInGit[] = [], heads: [number, string][] = []) =>
  assembleCorpus({
    ...{ repository: 'acme/tool', page: PAGE, entries, lacks: [] },
    history: { merged: inGit, heads: new Map(heads) },
  })

describe('the corpus of GitHub and git', () => {
  test('has of a pull request what each of them knows, as the format has it', () => {
    const { pulls, issues } = assemble(
      [
        issue(5, { title: 'Narrow' }),
        pull(15, { body: 'See #5 and #99.' }),
        comment(2, 15, 'second'),
        comment(1, 15, 'first'),
        comment(3, 15, 'at a line', 'review-comment'),
        comment(4, 5, 'me too'),
        thread(15, { reviews: [review('r')], closes: [5], citedBy: [{ number: 21, isPullRequest: true }] }),
      ],
      [merged(15)],
    )
    expect(pulls.map((one) => pullRequest.parse(one))).toEqual(pulls)
    expect(issues.map((one) => issueThread.parse(one))).toEqual(issues)
    expect(pulls[0]).toMatchObject({
      ...{
        number: 15,
        isMerged: true,
        baseSha: sha('e'),
        commitCount: 1,
        closes: [5],
        citedBy: [{ number: 21, isPullRequest: true }],
      },
      files: [{ path: 'src/a.py', additions: 3, deletions: 0 }],
      issues: [{ number: 5, title: 'Narrow', body: 'It is.' }],
    })
    const said = pulls[0]!.texts.map(({ source, text }) => [source, text])
    expect(said).toEqual([
      ...[
        ['title', 'Change 15'],
        ['body', 'See #5 and #99.'],
        ['commit', 'Do it'],
      ],
      ...[
        ['comment', 'first'],
        ['comment', 'second'],
        ['review', 'review r'],
        ['review-comment', 'at a line'],
      ],
    ])
    expect(issues[0]!.texts.map(({ text }) => text)).toEqual(['Narrow', 'It is.', 'me too'])
  })

  test('the last answer counts, an older one that comes later does not', () => {
    const { pulls } = assemble([
      pull(1, { title: 'new', updatedAt: '2024-03-05T00:00:00Z' }),
      pull(1, { title: 'old', updatedAt: '2024-03-04T00:00:00Z' }),
      issue(1, { isPullRequest: true, title: 'newest', labels: ['x'], updatedAt: '2024-03-06T00:00:00Z' }),
      comment(7, 1, 'before'),
      comment(7, 1, 'after'),
      thread(1, { reviews: [review('gone')], closes: [9] }),
      thread(1, { reviews: [review('one')] }),
      thread(1, { isWhole: false, reviews: [review('two')] }),
    ])
    expect(pulls[0]).toMatchObject({ title: 'newest', labels: ['x'], closes: [] })
    expect(pulls[0]!.texts.map(({ text }) => text)).toEqual(['newest', 'after', 'review one', 'review two'])
  })

  test('a number of a former home, whose merge is another commit, gives its files to nobody', () => {
    const foreign = merged(206, { resultSha: sha('f'), isProven: false })
    expect(assemble([pull(206)], [foreign]).pulls[0]).toMatchObject({
      files: null,
      commitCount: 0,
      mergeCommitSha: sha('a'),
    })
  })

  test('one that was closed without a merge has no files, its head, and no merge commit', () => {
    const closed = pull(3, { mergedAt: null, mergeCommitSha: null, headSha: null, author: null })
    expect(assemble([closed, pull(4, { isClosed: false, mergedAt: null })], [], [[3, sha('d')]]).pulls).toMatchObject([
      { number: 3, isMerged: false, files: null, headSha: sha('d'), mergeCommitSha: null, author: null },
    ])
  })

  test('one that the list of pull requests skipped is made of the list of issues', () => {
    const skipped = issue(8, { isPullRequest: true, mergedAt: '2024-03-02T00:00:00Z', url: `${PAGE}/pull/8` })
    const { pulls, issues } = assemble([skipped], [merged(8)])
    expect(pulls).toMatchObject([{ number: 8, isMerged: true, mergeCommitSha: sha('a'), baseRef: 'main' }])
    expect(issues).toEqual([])
  })
})

test('the corpus of git alone has proven merges with the texts of their commits and of the merge, once', () => {
  const { pulls } = assembleGitCorpus({
    ...{ repository: 'acme/tool', page: PAGE, lacks: ['comments'] },
    history: {
      heads: new Map(),
      merged: [
        merged(2, { body: 'Follow-up to #1.' }),
        merged(1, { body: 'Do it', author: 'helper[bot]' }),
        merged(9, { isProven: false }),
      ],
    },
  })
  expect(pulls.map((one) => pullRequest.parse(one))).toEqual(pulls)
  expect(pulls.map(({ number, isBot, texts }) => [number, isBot, texts.map(({ text }) => text)])).toEqual([
    [1, true, ['Change 1', 'Do it']],
    [2, false, ['Change 2', 'Do it', 'Change 2\n\nFollow-up to #1.']],
  ])
  expect(pulls[0]).toMatchObject({ lacks: ['comments'], author: null, commitCount: 1, url: `${PAGE}/pull/1` })
})

describe('cursors', () => {
  test('go from a time to the time of the last entry, and by page where a time fills a page', () => {
    expect(nextSince('', 'T1')).toBe('since=T1')
    expect(nextSince('since=T1', 'T2')).toBe('since=T2')
    expect(nextSince('since=T1', 'T1')).toBe('since=T1&page=2')
    expect(nextSince('since=T1&page=2', 'T1')).toBe('since=T1&page=3')
    expect(nextSince('since=T1&page=3', 'T2')).toBe('since=T2')
  })

  test('a pass ends ten minutes before the one before began', () => {
    const first = firstCursor('pulls', { last: null, newest: '2024-03-02T00:00:00Z' })
    expect(readCursor(first)).toEqual({ order: 'created', page: '1', begun: '2024-03-02T00:00:00Z' })
    const second = firstCursor('pulls', { last: first, newest: '2024-03-09T00:00:00Z' })
    expect(readCursor(second)).toEqual({
      ...{ order: 'updated', page: '1', until: '2024-03-01T23:50:00.000Z', begun: '2024-03-09T00:00:00Z' },
    })
  })

  test('hold what any field holds', () => {
    const fields = { after: 'Y3Vyc29y+/=', more: 'id part a&b,c', since: '2024-03-02T00:00:00Z' }
    expect(readCursor(writeCursor(fields))).toEqual(fields)
  })
})

test.each([
  [{ calls: 100, quota: null, hasToken: true }, '50 s'],
  [
    { calls: 1_000, quota: { limit: 5_000, remaining: 4_000, resetsAt: '2024-03-02T00:30:00Z' }, hasToken: true },
    '8 min',
  ],
  [{ calls: 500, quota: { limit: 60, remaining: 56, resetsAt: '2024-03-02T01:00:00Z' }, hasToken: false }, '8 h'],
  [{ calls: 61, quota: { limit: 60, remaining: 0, resetsAt: '2024-03-02T00:30:00Z' }, hasToken: false }, '2 h'],
])('%j takes about %s', (ahead, time) => {
  expect(describeDuration(estimateFetchMs(ahead, Date.parse('2024-03-02T00:00:00Z')))).toBe(time)
})
