import fc from 'fast-check'
import { expect, it } from 'vitest'
import { makeLab, makeTar, type GitLab } from './gitFixture.ts'
import type { MergeOutcome } from '../../src/git/port.ts'

const path = fc.constantFrom('a', 'b', 'dir/a', 'dir/b', 'dir/deep/c', 'with space', 'é', '.gitattributes')
const text = fc
  .array(fc.constantFrom('one', 'two', 'three', 'four', 'five', '* merge=union'), { maxLength: 10 })
  .map((lines) => lines.join('\n'))
const bytes = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array))
const files = fc.dictionary(path, fc.record({ content: fc.oneof(text, bytes), isExecutable: fc.boolean() }), {
  maxKeys: 6,
})
type Files = Record<string, { content: string | Buffer; isExecutable: boolean }>

it('gives upstream’s tree, byte for byte, when the agent’s tree is the humans’', async () => {
  const lab = await makeLab()
  await fc.assert(
    fc.asyncProperty(files, files, async (human, upstream) => {
      const [base, ours] = [await treeOf(lab, human), await treeOf(lab, upstream)]
      expect(await lab.repository.mergeTrees({ base, ours, theirs: base })).toEqual({ kind: 'clean', tree: ours })
      expect(await lab.repository.mergeTrees({ base, ours: base, theirs: ours })).toEqual({ kind: 'clean', tree: ours })
    }),
    { numRuns: 20 },
  )
})

it('gives the same outcome each time and never loses a file that only the agent changed', async () => {
  const lab = await makeLab()
  await fc.assert(
    fc.asyncProperty(files, files, files, async (human, upstream, agent) => {
      const [base, ours, theirs] = [await treeOf(lab, human), await treeOf(lab, upstream), await treeOf(lab, agent)]
      const outcome = await lab.repository.mergeTrees({ base, ours, theirs })
      expect(await lab.repository.mergeTrees({ base, ours, theirs })).toEqual(outcome)
      if (outcome.kind === 'conflict') {
        expect(outcome.conflicts).not.toEqual([])
        await expectDecided(lab, outcome, { base, ours, theirs })
        return
      }
      const at = async (tree: string) =>
        new Map((await lab.repository.listTree(tree)).map((entry) => [entry.path, `${entry.mode} ${entry.object}`]))
      const [inBase, inOurs, inTheirs, merged] = [
        await at(base),
        await at(ours),
        await at(theirs),
        await at(outcome.tree),
      ]
      const renamed =
        (await lab.repository.changes(base, ours)).some(({ kind }) => kind === 'renamed') ||
        (await lab.repository.changes(base, theirs)).some(({ kind }) => kind === 'renamed')
      if (renamed) return
      for (const name of new Set([...inBase.keys(), ...inTheirs.keys()])) {
        if (inBase.get(name) === inOurs.get(name)) expect(merged.get(name)).toBe(inTheirs.get(name))
      }
    }),
    { numRuns: 20 },
  )
})

it('names the paths of a conflict and keeps both sides between markers', async () => {
  const lab = await makeLab()
  const base = await treeOf(lab, plain({ 'é x': 'one\ntwo\nthree\n', same: 's\n' }))
  const ours = await treeOf(lab, plain({ 'é x': 'one\n2\nthree\n', same: 's\n' }))
  const theirs = await treeOf(lab, plain({ 'é x': 'one\nzwei\nthree\n', same: 's\n', added: 'a\n' }))
  const outcome = await lab.repository.mergeTrees({ base, ours, theirs })
  expect(outcome).toMatchObject({ kind: 'conflict', conflicts: [{ path: 'é x', kind: 'content' }] })
  expect(String(await lab.repository.readFile(outcome.tree, 'é x'))).toMatch(
    /^one\n<{7} upstream\n2\n[|]{7} \S+\ntwo\n={7}\nzwei\n>{7} yours\nthree\n$/,
  )
  expect(String(await lab.repository.readFile(outcome.tree, 'added'))).toBe('a\n')
})

it('conflicts when one side deletes what the other changes, and when a file meets a folder', async () => {
  const lab = await makeLab()
  const base = await treeOf(lab, plain({ f: 'one\n', g: 'g\n' }))
  const changed = await treeOf(lab, plain({ f: 'two\n', g: 'g\n' }))
  const deleted = await treeOf(lab, plain({ g: 'g\n' }))
  expect(await lab.repository.mergeTrees({ base, ours: deleted, theirs: changed })).toMatchObject({
    kind: 'conflict',
    conflicts: [{ path: 'f', kind: 'deleted-upstream', ours: null }],
  })
  const file = await treeOf(lab, plain({ f: 'one\n', g: 'g\n', n: 'file\n' }))
  const folder = await treeOf(lab, plain({ f: 'one\n', g: 'g\n', 'n/m': 'inner\n' }))
  expect(await lab.repository.mergeTrees({ base, ours: file, theirs: folder })).toMatchObject({ kind: 'conflict' })
})

it.each([
  ['content', { f: 'one\ntwo\n' }, { f: 'one\n2\n' }, { f: 'one\nzwei\n' }],
  ['added-twice', {}, { f: 'theirs\n' }, { f: 'ours\n' }],
  ['binary', { f: 'a\0b' }, { f: 'a\0c' }, { f: 'a\0d' }],
  ['deleted-upstream', { f: 'one\n' }, {}, { f: 'two\n' }],
  ['deleted-by-agent', { f: 'one\n' }, { f: 'two\n' }, {}],
] as [string, Record<string, string>, Record<string, string>, Record<string, string>][])(
  'a conflict of the kind %s has its versions, and is decided for either side whole',
  async (kind, inBase, inOurs, inTheirs) => {
    const lab = await makeLab()
    const [base, ours, theirs] = [
      await treeOf(lab, plain({ ...inBase, g: 'g\n' })),
      await treeOf(lab, plain({ ...inOurs, g: 'g\n' })),
      await treeOf(lab, plain({ ...inTheirs, g: 'g\n' })),
    ]
    const outcome = await lab.repository.mergeTrees({ base, ours, theirs })
    if (outcome.kind !== 'conflict') throw new Error('the merge is clean')
    expect(outcome.conflicts).toMatchObject([{ path: 'f', kind }])
    const [conflict] = outcome.conflicts
    expect([conflict!.base !== null, conflict!.ours !== null, conflict!.theirs !== null]).toEqual(
      [inBase, inOurs, inTheirs].map((side) => 'f' in side),
    )
    expect(await lab.repository.resolveConflicts(outcome, 'ours')).toBe(ours)
    expect(await lab.repository.resolveConflicts(outcome, 'theirs')).toBe(theirs)
  },
)

it('decides only the hunks that conflict: what else a side did stays', async () => {
  const lab = await makeLab()
  const text = (first: string, last: string) => `${first}\n2\n3\n4\n5\n6\n7\n8\n${last}\n`
  const base = await treeOf(lab, plain({ f: text('1', '9') }))
  const ours = await treeOf(lab, plain({ f: text('upstream', 'nine') }))
  const theirs = await treeOf(lab, plain({ f: text('agent', '9') }))
  const outcome = await lab.repository.mergeTrees({ base, ours, theirs })
  if (outcome.kind !== 'conflict') throw new Error('the merge is clean')
  const decided = await lab.repository.resolveConflicts(outcome, 'theirs')
  expect(String(await lab.repository.readFile(decided, 'f'))).toBe(text('agent', 'nine'))
})

it('takes commits as well as trees', async () => {
  const lab = await makeLab()
  const base = lab.git('rev-parse', 'HEAD')
  const ours = await lab.commit({ 'b.txt': 'b\n' })
  const theirs = await treeOf(lab, plain({ 'a.txt': 'one\n2\nthree\n' }))
  const outcome = await lab.repository.mergeTrees({ base, ours, theirs })
  expect(outcome.kind).toBe('clean')
  expect(String(await lab.repository.readFile(outcome.tree, 'a.txt'))).toBe('one\n2\nthree\n')
  expect(String(await lab.repository.readFile(outcome.tree, 'b.txt'))).toBe('b\n')
})

/** A decided conflict has no marker, no file that git laid beside one, and only paths of the three trees. */
async function expectDecided(
  lab: GitLab,
  outcome: Extract<MergeOutcome, { kind: 'conflict' }>,
  trees: { base: string; ours: string; theirs: string },
): Promise<void> {
  const known = new Set<string>()
  for (const tree of Object.values(trees)) for (const { path } of await lab.repository.listTree(tree)) known.add(path)
  for (const side of ['ours', 'theirs'] as const) {
    const decided = await lab.repository.resolveConflicts(outcome, side)
    for (const { path } of await lab.repository.listTree(decided)) {
      expect(known).toContain(path)
      expect(String(await lab.repository.readFile(decided, path))).not.toMatch(/^(<{7} upstream|>{7} yours)/m)
    }
  }
}

function plain(contents: Record<string, string>): Files {
  return Object.fromEntries(Object.entries(contents).map(([name, content]) => [name, { content, isExecutable: false }]))
}

async function treeOf(lab: GitLab, given: Files): Promise<string> {
  const entries = Object.entries(given).map(([name, { content, isExecutable }]) => ({
    name,
    content,
    mode: isExecutable ? 0o755 : 0o644,
  }))
  return (await lab.repository.captureTree(makeTar(entries), { initialTree: lab.tree(), limitBytes: 1_000_000 })).tree
}
