import fc from 'fast-check'
import { expect, it } from 'vitest'
import { makeLab, makeTar, type GitLab } from './gitFixture.ts'

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
        expect(outcome.paths).not.toEqual([])
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
  expect(outcome).toMatchObject({ kind: 'conflict', paths: ['é x'] })
  expect(String(await lab.repository.readFile(outcome.tree, 'é x'))).toMatch(
    /^one\n<{7} \S+\n2\n={7}\nzwei\n>{7} \S+\nthree\n$/,
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
    paths: ['f'],
  })
  const file = await treeOf(lab, plain({ f: 'one\n', g: 'g\n', n: 'file\n' }))
  const folder = await treeOf(lab, plain({ f: 'one\n', g: 'g\n', 'n/m': 'inner\n' }))
  expect(await lab.repository.mergeTrees({ base, ours: file, theirs: folder })).toMatchObject({ kind: 'conflict' })
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
