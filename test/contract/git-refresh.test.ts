import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createGitHost } from '../../src/git/host.ts'
import { makeLab, NAME, runGit } from './gitFixture.ts'

describe('bringing the store’s own clone up to date', () => {
  it('clones when it is absent, then fetches branches and pull requests’ heads; what the origin lost stays', async () => {
    const lab = await makeLab()
    lab.git('branch', 'old')
    lab.git('update-ref', 'refs/pull/1/head', 'HEAD')
    expect(await lab.host.refresh(NAME, null)).toEqual({ isFetched: true })
    const before = await lab.host.open(NAME, null)
    expect([...(await before.pullHeads()).keys()]).toEqual([1])

    const head = await lab.commit({ 'b.txt': 'b\n' })
    lab.git('update-ref', 'refs/pull/2/head', head)
    lab.git('update-ref', '-d', 'refs/pull/1/head')
    lab.git('branch', '-m', 'main', 'trunk')
    expect(await lab.host.refresh(NAME, null)).toEqual({ isFetched: true })
    const after = await lab.host.open(NAME, null)
    expect([...(await after.pullHeads()).keys()]).toEqual([1, 2])
    expect(await after.pullHistory()).toMatchObject({ defaultBranch: 'trunk', headSha: head })
    expect(await readFile(join(cloneOf(lab), 'packed-refs'), 'utf8')).toContain('refs/heads/old')
  })

  it('a branch that stands in the way of a new one goes, and its commits stay', async () => {
    const lab = await makeLab()
    lab.git('branch', 'work')
    lab.git('branch', 'old/one')
    await lab.host.refresh(NAME, null)
    lab.git('branch', '-m', 'work', 'work/one')
    lab.git('branch', '-m', 'old/one', 'old')
    await lab.host.refresh(NAME, null)
    const names = runGit(cloneOf(lab), ['for-each-ref', '--format=%(refname)', 'refs/heads']).trim().split('\n')
    expect(names).toEqual(['refs/heads/main', 'refs/heads/old', 'refs/heads/work/one'])
  })

  it('keeps no URL, which may hold a token, and names none in an error', async () => {
    const lab = await makeLab()
    await lab.host.refresh(NAME, null)
    await lab.host.refresh(NAME, null)
    expect(await readFile(join(cloneOf(lab), 'config'), 'utf8')).not.toContain(lab.source)
    const url = 'http://x-access-token:s3cret@127.0.0.1:9/acme/widgets.git'
    const host = createGitHost({ cacheDir: lab.cacheDir, cloneUrl: () => url })
    const refused = host.refresh(NAME, null)
    await expect(refused).rejects.toMatchObject({ name: 'GitError', message: expect.stringContaining('127.0.0.1:9') })
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining('s3cret') })
  })

  it('only reads a folder of mirrors', async () => {
    const lab = await makeLab()
    expect(await lab.host.refresh(NAME, lab.mirrors)).toEqual({ isFetched: false })
    await expect(lab.host.refresh('acme/absent', lab.mirrors)).rejects.toMatchObject({ kind: 'missing' })
  })

  it('goes on after a kill: the clone is readable in between, and locks that were left go', async () => {
    const lab = await makeLab()
    await lab.host.refresh(NAME, null)
    const clone = cloneOf(lab)
    const refs = Array.from({ length: 200 }, (_, index) => `create refs/pull/${index + 1}/head HEAD\n`)
    runGit(lab.source, ['update-ref', '--stdin'], Buffer.from(refs.join('')))
    const head = await lab.commit({ 'b.bin': Buffer.alloc(1 << 20, 'abc') })
    const fetching = spawn('git', ['--git-dir', clone, 'fetch', '--quiet', lab.source, '+refs/*:refs/*'], {
      detached: true,
    })
    await new Promise((resolve) => setImmediate(resolve))
    process.kill(-fetching.pid!, 'SIGKILL')
    await once(fetching, 'close')
    const lock = join(clone, 'refs/heads/main.lock')
    await writeFile(lock, '')
    await utimes(lock, new Date(0), new Date(0))
    expect((await (await lab.host.open(NAME, null)).pullHistory()).defaultBranch).toBe('main')
    await lab.host.refresh(NAME, null)
    const repository = await lab.host.open(NAME, null)
    expect(await repository.pullHistory()).toMatchObject({ headSha: head })
    expect((await repository.pullHeads()).size).toBe(200)
    expect(runGit(clone, ['fsck', '--no-dangling'])).toBe('')
  })
})

function cloneOf(lab: { cacheDir: string }): string {
  return join(lab.cacheDir, 'mirrors/acme__widgets.git')
}
