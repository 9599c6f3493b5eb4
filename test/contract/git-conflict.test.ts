import { describe, expect, it } from 'vitest'
import type { MergeOutcome } from '../../src/git/port.ts'
import { makeLab, runGit, type GitLab } from './gitFixture.ts'

/** A file of a test's tree: its text or bytes, or its mode and content. */
type Given = Record<string, string | Buffer | { mode: string; content: string }>

const LINES = 'one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n'
const BYTES = (last: number) => Buffer.from([1, 0, 2, last])

describe('a conflict', () => {
  it('of the same lines shows both sides and what they began with, and each side can be taken by itself', async () => {
    const lab = await makeLab()
    const merged = await merge(lab, {
      base: { f: LINES },
      ours: { f: LINES.replace('two', 'zwei').replace('nine', 'neun') },
      theirs: { f: LINES.replace('two', 'deux').replace('six', 'SIX') },
    })
    expect(merged).toMatchObject({
      kind: 'conflict',
      conflicts: [{ path: 'f', kind: 'content', base: { mode: '100644' }, ours: {}, theirs: {} }],
    })
    expect(await textAt(lab, merged.tree, 'f')).toMatch(
      /^one\n<{7} upstream\nzwei\n\|{7} \w+\ntwo\n={7}\ndeux\n>{7} yours\nthree\n/,
    )
    expect(await decided(lab, merged, 'ours')).toEqual({
      f: LINES.replace('two', 'zwei').replace('nine', 'neun').replace('six', 'SIX'),
    })
    expect(await decided(lab, merged, 'theirs')).toEqual({
      f: LINES.replace('two', 'deux').replace('nine', 'neun').replace('six', 'SIX'),
    })
  })

  it.each([
    [
      'deleted-upstream',
      { base: { f: LINES, k: 'k' }, ours: { k: 'k' }, theirs: { f: LINES.replace('two', 'deux'), k: 'k' } },
      { ours: { k: 'k' }, theirs: { f: LINES.replace('two', 'deux'), k: 'k' } },
    ],
    [
      'deleted-by-agent',
      { base: { f: LINES, k: 'k' }, ours: { f: LINES.replace('two', 'zwei'), k: 'k' }, theirs: { k: 'k' } },
      { ours: { f: LINES.replace('two', 'zwei'), k: 'k' }, theirs: { k: 'k' } },
    ],
    [
      'added-twice',
      { base: {}, ours: { f: 'upstream’s\n' }, theirs: { f: 'mine\n' } },
      { ours: { f: 'upstream’s\n' }, theirs: { f: 'mine\n' } },
    ],
    [
      'binary',
      { base: { f: BYTES(1) }, ours: { f: BYTES(2) }, theirs: { f: BYTES(3) } },
      { ours: { f: BYTES(2).toString() }, theirs: { f: BYTES(3).toString() } },
    ],
    [
      'other',
      { base: { l: link('a') }, ours: { l: link('b') }, theirs: { l: link('c') } },
      { ours: { l: 'b' }, theirs: { l: 'c' } },
    ],
  ] as const)('of kind %s is told and decided', async (kind, trees, sides) => {
    const lab = await makeLab()
    const merged = await merge(lab, trees as never)
    expect(merged).toMatchObject({ kind: 'conflict', conflicts: [{ kind }] })
    expect(await decided(lab, merged, 'ours')).toEqual(sides.ours)
    expect(await decided(lab, merged, 'theirs')).toEqual(sides.theirs)
  })

  it('of a file and a folder leaves one of them, and nothing laid aside', async () => {
    const lab = await makeLab()
    const file = { n: 'file\n', k: 'k' }
    const folder = { 'n/m': 'inner\n', 'n/o/p': 'deeper\n', k: 'k' }
    for (const [ours, theirs] of [
      [file, folder],
      [folder, file],
    ] as const) {
      const merged = await merge(lab, { base: { k: 'k' }, ours, theirs })
      expect(merged).toMatchObject({ kind: 'conflict', conflicts: [{ kind: 'other' }] })
      expect(await decided(lab, merged, 'ours')).toEqual(ours)
      expect(await decided(lab, merged, 'theirs')).toEqual(theirs)
    }
  })

  it('of a file and a link leaves one of them', async () => {
    const lab = await makeLab()
    for (const base of [{}, { n: 'base\n' }, { n: link('base') }] as Given[]) {
      const merged = await merge(lab, { base, ours: { n: 'file\n' }, theirs: { n: link('there') } })
      expect(merged.kind).toBe('conflict')
      expect(await decided(lab, merged, 'ours')).toEqual({ n: 'file\n' })
      expect(await decided(lab, merged, 'theirs')).toEqual({ n: 'there' })
    }
  })

  it('of a submodule takes a side’s commit', async () => {
    const lab = await makeLab()
    const at = (digit: string) => ({ sub: { mode: '160000', content: digit.repeat(40) } })
    const merged = await merge(lab, { base: at('1'), ours: at('2'), theirs: at('3') })
    expect(merged).toMatchObject({ kind: 'conflict', conflicts: [{ path: 'sub', kind: 'other' }] })
    const [entry] = await lab.repository.listTree(await resolve(lab, merged, 'theirs'))
    expect(entry).toMatchObject({ path: 'sub', mode: '160000', object: '3'.repeat(40) })
  })

  it('of renames keeps the side’s name and no other, and no markers', async () => {
    const lab = await makeLab()
    const changed = LINES.replace('two', 'zwei')
    const apart = await merge(lab, { base: { a: LINES }, ours: { b: LINES }, theirs: { c: changed } })
    expect(apart.kind).toBe('conflict')
    expect(await decided(lab, apart, 'ours')).toEqual({ b: LINES })
    expect(await decided(lab, apart, 'theirs')).toEqual({ c: changed })

    const gone = await merge(lab, { base: { a: LINES, k: 'k' }, ours: { b: LINES, k: 'k' }, theirs: { k: 'k' } })
    expect(gone).toMatchObject({ kind: 'conflict', conflicts: [{ path: 'b', kind: 'deleted-by-agent' }] })
    expect(await decided(lab, gone, 'ours')).toEqual({ b: LINES, k: 'k' })
    expect(await decided(lab, gone, 'theirs')).toEqual({ k: 'k' })

    const other = LINES.toUpperCase()
    const together = await merge(lab, {
      base: { a: LINES, b: other },
      ours: { c: LINES.replace('two', 'zwei'), b: other.replace('TWO', 'DOS') },
      theirs: { a: LINES.replace('two', 'deux'), c: other.replace('TWO', 'DVA') },
    })
    expect(together.kind).toBe('conflict')
    expect((await decided(lab, together, 'ours'))['c']).toBe(LINES.replace('two', 'zwei'))
    expect((await decided(lab, together, 'theirs'))['c']).toBe(other.replace('TWO', 'DVA'))
  })

  it('is none where a file is added to a folder that the other side renamed: it goes along', async () => {
    const lab = await makeLab()
    const merged = await merge(lab, {
      base: { 'old/a': LINES, 'old/b': LINES.toUpperCase() },
      ours: { 'new/a': LINES, 'new/b': LINES.toUpperCase() },
      theirs: { 'old/a': LINES, 'old/b': LINES.toUpperCase(), 'old/c': 'mine\n' },
    })
    expect(merged.kind).toBe('clean')
    expect(Object.keys(await contents(lab, merged.tree))).toEqual(['new/a', 'new/b', 'new/c'])
  })

  it('is none where one side changed the mode and the other the text', async () => {
    const lab = await makeLab()
    const merged = await merge(lab, {
      base: { f: LINES },
      ours: { f: { mode: '100755', content: LINES } },
      theirs: { f: LINES.replace('two', 'deux') },
    })
    expect(merged.kind).toBe('clean')
    const [entry] = await lab.repository.listTree(merged.tree)
    expect(entry!.mode).toBe('100755')
    const both = await merge(lab, {
      base: { f: LINES },
      ours: { f: { mode: '100755', content: LINES.replace('two', 'zwei') } },
      theirs: { f: LINES.replace('two', 'deux') },
    })
    for (const side of ['ours', 'theirs'] as const)
      expect((await lab.repository.listTree(await resolve(lab, both, side)))[0]!.mode).toBe('100755')
  })

  it('leaves a file alone whose name only looks laid aside', async () => {
    const lab = await makeLab()
    const merged = await merge(lab, {
      base: { f: LINES, 'f~upstream': 'tracked\n' },
      ours: { f: LINES.replace('two', 'zwei'), 'f~upstream': 'tracked\n' },
      theirs: { f: LINES.replace('two', 'deux'), 'f~upstream': 'tracked\n' },
    })
    expect(Object.keys(await decided(lab, merged, 'theirs'))).toEqual(['f', 'f~upstream'])
  })
})

function link(target: string) {
  return { mode: '120000', content: target }
}

function treeOf(lab: GitLab, given: Given): string {
  const git = (args: string[], input?: Buffer) => runGit(lab.source, args, input)
  lab.git('read-tree', '--empty')
  for (const [path, file] of Object.entries(given)) {
    const { mode, content } =
      typeof file === 'string' || Buffer.isBuffer(file) ? { mode: '100644', content: file } : file
    const object =
      mode === '160000' ? String(content) : git(['hash-object', '-w', '--no-filters', '--stdin'], Buffer.from(content))
    lab.git('update-index', '--add', '--cacheinfo', `${mode},${object},${path}`)
  }
  return lab.git('write-tree')
}

function merge(lab: GitLab, trees: { base: Given; ours: Given; theirs: Given }): Promise<MergeOutcome> {
  const { base, ours, theirs } = trees
  return lab.repository.mergeTrees({ base: treeOf(lab, base), ours: treeOf(lab, ours), theirs: treeOf(lab, theirs) })
}

function resolve(lab: GitLab, merged: MergeOutcome, side: 'ours' | 'theirs'): Promise<string> {
  if (merged.kind === 'clean') throw new Error('the merge was clean')
  return lab.repository.resolveConflicts(merged, side)
}

async function decided(lab: GitLab, merged: MergeOutcome, side: 'ours' | 'theirs'): Promise<Record<string, string>> {
  const tree = await resolve(lab, merged, side)
  expect(await resolve(lab, merged, side)).toBe(tree)
  return contents(lab, tree)
}

async function contents(lab: GitLab, tree: string): Promise<Record<string, string>> {
  const entries = await lab.repository.listTree(tree)
  return Object.fromEntries(await Promise.all(entries.map(async ({ path }) => [path, await textAt(lab, tree, path)])))
}

async function textAt(lab: GitLab, tree: string, path: string): Promise<string> {
  return String(await lab.repository.readFile(tree, path))
}
