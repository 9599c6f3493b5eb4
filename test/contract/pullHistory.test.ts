import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { GitPull, KnownMerge } from '../../src/git/port.ts'
import { makeLab, type GitLab } from './gitFixture.ts'

describe('the pull requests that a history shows', () => {
  it('knows a merge by GitHub’s text, by a title with the number, and by its head alone', async () => {
    const lab = await makeLab()
    await branch(lab, 1, { 'one.txt': '1\n' }, 'the first')
    merge(lab, 'Merge pull request #1 from ada/one\n\nAdd one\n\nAs asked.')
    await branch(lab, 2, { 'two.txt': '2\n' })
    merge(lab, 'Add two (#2)')
    await branch(lab, 3, { 'three.txt': '3\n' })
    merge(lab, 'Merge branch three')
    const pulls = await read(lab)
    expect(pulls).toMatchObject([
      { number: 1, style: 'merge', title: 'Add one', body: 'As asked.', isProven: true, branch: 'main', flags: [] },
      { number: 2, style: 'merge', title: 'Add two', isProven: true },
      { number: 3, style: 'merge', title: 'Merge branch three', isProven: true },
    ])
    expect(pulls[0]).toMatchObject({
      baseSha: lab.git('rev-parse', 'HEAD~3'),
      resultSha: lab.git('rev-parse', 'HEAD~2'),
      mergedAt: '2026-04-09T17:42:08Z',
      author: 'Ada',
      files: [{ path: 'one.txt', oldPath: null, additions: 1, deletions: 0 }],
      commits: [{ message: 'the first', author: 'Ada', sha: lab.git('rev-parse', 'refs/pull/1/head') }],
    })
  })

  it('leaves a number unproven that has no head here, or whose head is another one: it was a former home’s', async () => {
    const lab = await makeLab()
    await branch(lab, 1, { 'one.txt': '1\n' })
    merge(lab, 'Merge pull request #7 from old/home')
    lab.git('update-ref', 'refs/pull/8/head', await branch(lab, 2, { 'two.txt': '2\n' }))
    lab.git('update-ref', '-d', 'refs/pull/1/head')
    lab.git('update-ref', '-d', 'refs/pull/2/head')
    await lab.commit({ 'other.txt': 'o\n' }, 'Fix something else (#8)')
    expect(await read(lab)).toMatchObject([
      { number: 7, isProven: false, headSha: null, flags: [expect.stringContaining('no refs/pull/7/head')] },
      { number: 8, isProven: false, flags: [expect.stringContaining('two.txt is listed and not changed')] },
    ])
  })

  it('takes of two commits with one number the one that agrees with the head', async () => {
    const lab = await makeLab()
    await lab.commit({ 'old.txt': 'o\n' }, 'Of the former home (#5)')
    await branch(lab, 5, { 'new.txt': 'n\n' })
    const result = await lab.commit({ 'new.txt': 'n\n' }, 'Add new (#5)')
    expect(await read(lab)).toMatchObject([{ number: 5, resultSha: result, isProven: true }])
  })

  it('proves a squash by what it changes, though the target moved on in the same file', async () => {
    const lab = await makeLab()
    await branch(lab, 5, { 'a.txt': 'ONE\ntwo\nthree\n' }, 'shout')
    await lab.commit({ 'a.txt': 'one\ntwo\nthree\nfour\n' })
    await lab.commit({ 'a.txt': 'ONE\ntwo\nthree\nfour\n' }, 'Shout (#5)\n\n* shout')
    expect(await read(lab)).toMatchObject([
      { style: 'squash', isProven: true, title: 'Shout', body: '* shout', commits: [{ message: 'shout' }] },
    ])
  })

  it('leaves out of a branch’s texts what it merged from the target, and the merge itself', async () => {
    const lab = await makeLab()
    await branch(lab, 5, { 'new.txt': 'n\n' }, 'own work')
    await lab.commit({ 'other.txt': 'o\n' }, 'Somebody’s (#4)')
    lab.git('checkout', '--quiet', 'pull-5')
    lab.git('merge', '--quiet', '-m', 'Merge branch main into pull-5', 'main')
    lab.git('update-ref', 'refs/pull/5/head', 'HEAD')
    lab.git('checkout', '--quiet', 'main')
    await lab.commit({ 'new.txt': 'n\n' }, 'Add new (#5)')
    const [, pull] = await read(lab)
    expect(pull).toMatchObject({ number: 5, isProven: true, commits: [{ message: 'own work' }] })
  })

  it('finds rebased commits that no text names, and a branch that main was moved on to', async () => {
    const lab = await makeLab()
    await branch(lab, 5, { 'x.txt': 'x\n' }, 'add x')
    lab.git('checkout', '--quiet', 'pull-5')
    await lab.commit({ 'y.txt': 'y\n' }, 'add y')
    lab.git('update-ref', 'refs/pull/5/head', 'HEAD')
    lab.git('checkout', '--quiet', 'main')
    const base = await lab.commit({ 'other.txt': 'o\n' })
    lab.git('cherry-pick', 'pull-5~1', 'pull-5')
    const rebased = lab.git('rev-parse', 'HEAD')
    await branch(lab, 6, { 'z.txt': 'z\n' }, 'add z')
    lab.git('merge', '--quiet', '--ff-only', 'pull-6')
    await lab.commit({ 'old.txt': 'o\n' }, 'Of a former home (#5)')
    const [first, second] = await read(lab)
    expect(first).toMatchObject({ number: 5, style: 'rebase', baseSha: base, resultSha: rebased, isProven: true })
    expect(first!.commits.map(({ message }) => message)).toEqual(['add x', 'add y'])
    expect(first!.files.map(({ path }) => path)).toEqual(['x.txt', 'y.txt'])
    expect(second).toMatchObject({ number: 6, style: 'rebase', baseSha: rebased, isProven: true })
  })

  it('takes no head for rebased that a merge brought along, though a copy of it is on main', async () => {
    const lab = await makeLab()
    const head = await branch(lab, 5, { 'x.txt': 'x\n' }, 'add x')
    await branch(lab, 6, { 'y.txt': 'y\n' }, 'add y', 'pull-5')
    lab.git('checkout', '--quiet', 'main')
    await lab.commit({ 'other.txt': 'o\n' })
    lab.git('cherry-pick', head)
    merge(lab, 'Merge pull request #6 from ada/more')
    expect(await read(lab)).toMatchObject([{ number: 6, absorbs: [5], isProven: true }])
  })

  it('says which pull requests one absorbed, and on which its branch stands', async () => {
    const lab = await makeLab()
    await branch(lab, 1, { 'one.txt': '1\n' }, 'one')
    await stack(lab, 1, 2, { 'two.txt': '2\n' }, 'two')
    await stack(lab, 2, 3, { 'three.txt': '3\n' }, 'three')
    await lab.commit({ 'one.txt': '1\n' }, 'One (#1)')
    await lab.commit({ 'two.txt': '2\n', 'three.txt': '3\n' }, 'Three (#3)')
    const [one, three] = await read(lab)
    expect(one).toMatchObject({ number: 1, absorbs: [], standsOn: [], isProven: true })
    expect(three).toMatchObject({ number: 3, style: 'squash', absorbs: [2], standsOn: [1], isProven: true })
    expect(three!.commits.map(({ message }) => message)).toEqual(['two', 'three'])
    expect(three!.flags.join()).toMatch(/absorbed #2.*stands on #1/)
    expect(three!.baseSha).toBe(one!.resultSha)
  })

  it('takes from GitHub the merges that no text names, into other branches too, and names a head pushed by force', async () => {
    const lab = await makeLab()
    lab.git('branch', 'release')
    await branch(lab, 5, { 'new.txt': 'n\n' })
    const landed = await lab.commit({ 'new.txt': 'n\n' }, 'no number here')
    lab.git('checkout', '--quiet', 'release')
    await branch(lab, 6, { 'fix.txt': 'f\n' }, 'fix', 'release')
    const fixed = await lab.commit({ 'fix.txt': 'f\n' }, 'fix it')
    lab.git('checkout', '--quiet', 'main')
    const headSha = 'd'.repeat(40)
    const pulls = await read(lab, [
      { number: 5, mergeCommitSha: landed, headSha, baseRef: 'main' },
      { number: 6, mergeCommitSha: fixed, headSha: null, baseRef: 'release' },
      { number: 7, mergeCommitSha: 'e'.repeat(40), headSha: null, baseRef: 'gone' },
    ])
    expect(pulls).toMatchObject([
      { number: 5, branch: 'main', style: 'squash', isProven: true, flags: [expect.stringContaining('by force')] },
      { number: 6, branch: 'release', style: 'squash', isProven: true, resultSha: fixed },
    ])
  })

  it('finds a merge into another pull request’s branch where GitHub names it', async () => {
    const lab = await makeLab()
    await branch(lab, 1, { 'one.txt': '1\n' }, 'one')
    const outer = lab.git('rev-parse', 'pull-1')
    await stack(lab, 1, 2, { 'two.txt': '2\n' }, 'two')
    lab.git('checkout', '--quiet', 'pull-1')
    lab.git('merge', '--quiet', '--no-ff', '-m', 'Merge pull request #2 from ada/two', 'pull-2')
    const inner = lab.git('rev-parse', 'HEAD')
    lab.git('update-ref', 'refs/pull/1/head', inner)
    lab.git('checkout', '--quiet', 'main')
    await lab.commit({ 'one.txt': '1\n', 'two.txt': '2\n' }, 'One (#1)')
    const pulls = await read(lab, [{ number: 2, mergeCommitSha: inner, headSha: null, baseRef: 'pull-one' }])
    expect(pulls).toMatchObject([
      { number: 1, absorbs: [2], isProven: true },
      { number: 2, style: 'merge', branch: 'pull-one', baseSha: outer, files: [{ path: 'two.txt' }], isProven: true },
    ])
  })

  it('tells renames apart, and in a mirror without some content lists paths alone and says so', async () => {
    const lab = await makeLab({ 'a.txt': 'one\ntwo\nthree\nfour\nfive\n', 'kept.txt': 'k\n' })
    await branch(lab, 1, { 'a.txt': null, 'b.txt': 'one\ntwo\nthree\nfour\nfive\nsix\n' })
    merge(lab, 'Merge pull request #1 from ada/rename')
    await branch(lab, 2, { 'kept.txt': 'k\nl\n' })
    merge(lab, 'Merge pull request #2 from ada/more')
    const renamed = { path: 'b.txt', oldPath: 'a.txt', additions: 1, deletions: 0 }
    expect((await read(lab))[0]!.files).toEqual([renamed])

    const lost = lab.git('rev-parse', 'HEAD:kept.txt')
    await rm(join(lab.source, '.git/objects', lost.slice(0, 2), lost.slice(2)))
    const [first, second] = await read(lab)
    expect(first!.files).toEqual([renamed])
    expect(second).toMatchObject({
      files: [{ path: 'kept.txt', additions: null, deletions: null }],
      isProven: true,
      flags: [expect.stringContaining('lacks content')],
    })
  })
})

async function read(lab: GitLab, merges?: KnownMerge[]): Promise<GitPull[]> {
  return (await lab.repository.pullHistory(merges)).merged
}

/** One commit on a branch `pull-N`, as the head of pull request N. Where it began is checked out again. */
async function branch(
  lab: GitLab,
  number: number,
  files: Record<string, string | null>,
  message = 'work on it',
  from = 'main',
): Promise<string> {
  lab.git('checkout', '--quiet', '-b', `pull-${number}`, from)
  const head = await lab.commit(files, message)
  lab.git('update-ref', `refs/pull/${number}/head`, head)
  lab.git('checkout', '--quiet', from)
  return head
}

/** A branch that stands on the one of another pull request. */
async function stack(lab: GitLab, below: number, number: number, files: Record<string, string>, message: string) {
  await branch(lab, number, files, message, `pull-${below}`)
  lab.git('checkout', '--quiet', 'main')
}

/** Merges the branch that was made last into main. */
function merge(lab: GitLab, message: string): void {
  const newest = lab.git(
    'for-each-ref',
    '--sort=-v:refname',
    '--count=1',
    '--format=%(refname:short)',
    'refs/heads/pull-*',
  )
  lab.git('merge', '--quiet', '--no-ff', '-m', message, newest)
}
