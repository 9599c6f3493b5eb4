import { describe, expect, it } from 'vitest'
import { resolveStage } from '../../src/git/reference.ts'
import { makeLab, type GitLab } from './gitFixture.ts'

describe('the stage of a pull request', () => {
  it('is a merge when the pull request’s head is merged, whatever the title says', async () => {
    const lab = await makeLab()
    const head = await branch(lab, [{ 'new.txt': 'n\n' }])
    const base = await lab.commit({ 'other.txt': 'o\n' })
    lab.git('merge', '--quiet', '--no-ff', '-m', 'Add new (#5)', 'work')
    const stage = await resolveStage(
      lab.repository,
      pull(lab, { files: [{ path: 'new.txt', additions: 1, deletions: 0 }] }),
    )
    expect(stage).toMatchObject({
      style: 'merge',
      baseSha: base,
      resultSha: lab.git('rev-parse', 'HEAD'),
      headSha: head,
      mergedAt: '2026-04-09T17:42:08Z',
    })
    expect(stage.changes.map(({ path }) => path)).toEqual(['new.txt'])
    expect(await lab.repository.applyPatch(base, stage.patch)).toBe(lab.tree())
  })

  it('is refused when the merge merges another head: the number is a foreign one', async () => {
    const lab = await makeLab()
    await branch(lab, [{ 'new.txt': 'n\n' }])
    lab.git('merge', '--quiet', '--no-ff', '-m', 'Merge pull request #5', 'work')
    lab.git('update-ref', 'refs/pull/5/head', 'HEAD~1')
    await expect(resolveStage(lab.repository, pull(lab, {}))).rejects.toMatchObject({
      kind: 'failed',
      message: expect.stringContaining('acme/widgets#5'),
    })
  })

  it('is a squash when the commit’s own change is the file list, given or from the branch', async () => {
    const lab = await makeLab()
    await branch(lab, [{ 'new.txt': 'n\n' }, { 'new.txt': 'n\nm\n' }])
    const base = await lab.commit({ 'other.txt': 'o\n' })
    const result = await lab.commit({ 'new.txt': 'n\nm\n' }, 'Add new (#5)')
    for (const files of [[{ path: 'new.txt', additions: 2, deletions: 0 }], null]) {
      expect(await resolveStage(lab.repository, pull(lab, { files, commitCount: 2 }))).toMatchObject({
        style: 'squash',
        baseSha: base,
        resultSha: result,
      })
    }
  })

  it('is a rebase when the last commits together are the file list', async () => {
    const lab = await makeLab()
    await branch(lab, [{ 'x.txt': 'x\n' }, { 'y.txt': 'y\n' }, { 'x.txt': 'x\nz\n' }])
    const base = await lab.commit({ 'other.txt': 'o\n' })
    lab.git('cherry-pick', 'work~2', 'work~1', 'work')
    const files = [
      { path: 'x.txt', additions: 2, deletions: 0 },
      { path: 'y.txt', additions: 1, deletions: 0 },
    ]
    for (const [given, commitCount] of [
      [files, 3],
      [null, 3],
      [null, 0],
    ] as const) {
      expect(await resolveStage(lab.repository, pull(lab, { files: given && [...given], commitCount }))).toMatchObject({
        style: 'rebase',
        baseSha: base,
        resultSha: lab.git('rev-parse', 'HEAD'),
      })
    }
  })

  it('is refused when the commit changes other files or other counts, and says which', async () => {
    const lab = await makeLab()
    await branch(lab, [{ 'new.txt': 'n\n' }])
    await lab.commit({ 'new.txt': 'n\n', 'stray.txt': 's\n' }, 'Add new (#5)')
    for (const [files, named] of [
      [[{ path: 'new.txt', additions: 1, deletions: 0 }], 'stray.txt'],
      [null, 'stray.txt'],
      [
        [
          { path: 'new.txt', additions: 8, deletions: 0 },
          { path: 'stray.txt', additions: 1, deletions: 0 },
        ],
        '+8',
      ],
      [[{ path: 'lost.txt', additions: 1, deletions: 0 }], 'lost.txt'],
    ] as const) {
      const resolving = resolveStage(lab.repository, pull(lab, { files: files && [...files] }))
      await expect(resolving).rejects.toMatchObject({ kind: 'failed', message: expect.stringContaining(named) })
      await expect(resolving).rejects.toThrow("does not match the pull request's own file list")
    }
  })

  it('is refused without a head, without a merge commit, and when the mirror lacks that commit', async () => {
    const lab = await makeLab()
    await expect(resolveStage(lab.repository, pull(lab, {}))).rejects.toMatchObject({
      kind: 'missing',
      message: expect.stringContaining('refs/pull/5/head'),
    })
    await branch(lab, [{ 'new.txt': 'n\n' }])
    await expect(resolveStage(lab.repository, pull(lab, { mergeCommitSha: null }))).rejects.toMatchObject({
      name: 'GitError',
    })
    const sha = 'd'.repeat(40)
    const lost = resolveStage(lab.repository, pull(lab, { mergeCommitSha: sha }))
    await expect(lost).rejects.toMatchObject({
      kind: 'missing',
      message: expect.stringMatching(new RegExp(`${sha}.*acme/widgets#5`)),
    })
  })

  it('is a merge of what stands on the head too, and of GitHub’s head where the ref was moved; both are said', async () => {
    const lab = await makeLab()
    const head = await branch(lab, [{ 'new.txt': 'n\n' }])
    lab.git('checkout', '--quiet', 'work')
    const onTop = await lab.commit({ 'new.txt': 'n\nm\n' }, 'mended by whoever merged')
    lab.git('checkout', '--quiet', 'main')
    lab.git('merge', '--quiet', '--no-ff', '-m', 'Merge pull request #5 from ada/work', 'work')
    expect(await resolveStage(lab.repository, pull(lab, {}))).toMatchObject({
      style: 'merge',
      headSha: head,
      flags: [
        expect.stringContaining(`merged as ${onTop}, which stands on its head ${head}`),
        expect.stringContaining('new.txt is listed with +1 -0 and changed by +2 -0'),
      ],
    })
    lab.git('update-ref', 'refs/pull/5/head', 'HEAD~1')
    const moved = lab.git('rev-parse', 'HEAD~1')
    expect(await resolveStage(lab.repository, pull(lab, { headSha: onTop }))).toMatchObject({
      headSha: onTop,
      flags: [`GitHub names ${onTop} as its head, refs/pull/5/head is ${moved}`],
    })
  })

  it('says by how much GitHub’s base is behind B_t, and does not use it', async () => {
    const lab = await makeLab()
    const stale = lab.git('rev-parse', 'HEAD')
    await branch(lab, [{ 'new.txt': 'n\n' }])
    await lab.commit({ 'foreign.txt': 'f\n' })
    const base = await lab.commit({ 'other.txt': 'o\n' })
    lab.git('merge', '--quiet', '--no-ff', '-m', 'Merge pull request #5 from ada/work', 'work')
    const stage = await resolveStage(lab.repository, pull(lab, { baseSha: stale }))
    expect(stage).toMatchObject({
      baseSha: base,
      flags: [`GitHub names ${stale} as its base, 2 commits behind B_t`],
    })
    expect(stage.changes.map(({ path }) => path)).toEqual(['new.txt'])
    expect(await resolveStage(lab.repository, pull(lab, { baseSha: base }))).toMatchObject({ flags: [] })
  })

  it('tells a pull request that it absorbed from one on which its branch stands', async () => {
    const lab = await makeLab()
    lab.git('update-ref', 'refs/pull/3/head', await branch(lab, [{ 'three.txt': '3\n' }]))
    lab.git('checkout', '--quiet', 'work')
    lab.git('update-ref', 'refs/pull/4/head', await lab.commit({ 'four.txt': '4\n' }))
    lab.git('update-ref', 'refs/pull/5/head', await lab.commit({ 'five.txt': '5\n' }))
    lab.git('checkout', '--quiet', 'main')
    const base = await lab.commit({ 'three.txt': '3\n' }, 'Three (#3)')
    await lab.commit({ 'four.txt': '4\n', 'five.txt': '5\n' }, 'Five (#5)')
    const stage = await resolveStage(lab.repository, pull(lab, { commitCount: 3 }))
    expect(stage).toMatchObject({ style: 'squash', baseSha: base })
    expect(stage.changes.map(({ path }) => path)).toEqual(['five.txt', 'four.txt'])
    expect(stage.flags).toEqual([
      expect.stringContaining('three.txt'),
      'its branch stands on #3, which B_t already has',
      'it absorbed #4: its patch holds that change too',
    ])
  })

  it('is a rebase where the head itself is on the target, as long as the commits are many', async () => {
    const lab = await makeLab()
    const base = lab.git('rev-parse', 'HEAD')
    await branch(lab, [{ 'x.txt': 'x\n' }, { 'y.txt': 'y\n' }])
    lab.git('merge', '--quiet', '--ff-only', 'work')
    expect(await resolveStage(lab.repository, pull(lab, { commitCount: 2 }))).toMatchObject({
      style: 'rebase',
      baseSha: base,
      flags: [],
    })
    expect(await resolveStage(lab.repository, pull(lab, { commitCount: 0 }))).toMatchObject({
      baseSha: lab.git('rev-parse', 'HEAD~1'),
      flags: [expect.stringContaining('nothing says how many')],
    })
  })
})

/** A branch `work` of one commit for each set of files, as the head of pull request 5; main stays where it was. */
async function branch(lab: GitLab, commits: readonly Record<string, string>[]): Promise<string> {
  lab.git('checkout', '--quiet', '-b', 'work')
  for (const files of commits) await lab.commit(files, 'work on it')
  const head = lab.git('rev-parse', 'HEAD')
  lab.git('update-ref', 'refs/pull/5/head', head)
  lab.git('checkout', '--quiet', 'main')
  return head
}

function pull(lab: GitLab, changes: Partial<Parameters<typeof resolveStage>[1]>): Parameters<typeof resolveStage>[1] {
  return {
    number: 5,
    mergeCommitSha: lab.git('rev-parse', 'HEAD'),
    headSha: null,
    commitCount: 1,
    files: null,
    ...changes,
  }
}
