import fc from 'fast-check'
import { expect, it } from 'vitest'
import { carryAgent } from '../../bench/carryOver/carriedPair.ts'
import type { RolloutSettings } from '../../src/formats/rollout.ts'
import { makeLab, type GitLab } from './gitFixture.ts'

const line = fc.constantFrom('one', 'two', 'three', 'four', 'five')
const content = fc.array(line, { maxLength: 8 }).map((lines) => lines.map((each) => `${each}\n`).join(''))
const path = fc.constantFrom('lib/a.py', 'lib/b.py', 'lib/deep/c.py', 'd.py', 'tests/test_a.py', 'tests/test_b.py')
const files = fc.dictionary(path, content, { maxKeys: 6 })
type Files = Record<string, string>

/** B(t−1), H(t−1), what came after it upstream, and what the agent made of the stage. */
const story = fc.record({ first: files, human: files, later: files, agent: files })
const TEST_FILES = ['tests/test_a.py', 'tests/test_b.py']

/** A lab with a story's trees as commits, and how its agent's tree is carried. */
async function tell(lab: GitLab, { first, human, later, agent }: Record<'first' | 'human' | 'later' | 'agent', Files>) {
  const [firstBase, firstResult, base] = [
    await commitOf(lab, first),
    await commitOf(lab, human),
    await commitOf(lab, later),
  ]
  const tree = lab.tree(await commitOf(lab, agent))
  const stages = { firstBase, firstResult, testFiles: TEST_FILES, base }
  const made = { tree, patch: await lab.repository.patch(firstBase, tree) }
  const carry = (settings: Pick<RolloutSettings, 'carry' | 'onConflict'>) =>
    carryAgent(lab.repository, stages, made, settings)
  return { human: lab.tree(firstResult), base: lab.tree(base), tree, carry }
}

it('gives upstream’s tree when the agent did as the humans, and when its patch is none', async () => {
  const lab = await makeLab()
  await fc.assert(
    fc.asyncProperty(story, async ({ first, human, later }) => {
      const likeHumans = await tell(lab, { first, human, later, agent: human })
      expect(await likeHumans.carry({ carry: 'substitute', onConflict: 'end' })).toMatchObject({
        status: 'carried',
        tree: likeHumans.base,
        carryOver: { conflicts: [], decidedBy: null },
      })
      const untested = Object.fromEntries(Object.entries(first).filter(([name]) => !TEST_FILES.includes(name)))
      const idle = await tell(lab, { first: untested, human: untested, later, agent: untested })
      expect(await idle.carry({ carry: 'overlay', onConflict: 'end' })).toMatchObject({ tree: idle.base })
    }),
    { numRuns: 15 },
  )
}, 60_000)

it('replays the agent’s own tree, whatever happened upstream', async () => {
  const lab = await makeLab()
  await fc.assert(
    fc.asyncProperty(story, async (given) => {
      const { tree, carry } = await tell(lab, given)
      const carried = await carry({ carry: 'replay', onConflict: 'end' })
      expect(carried).toMatchObject({ status: 'carried', tree, carryOver: { conflicts: [], survivingShare: 1 } })
    }),
    { numRuns: 10 },
  )
}, 60_000)

it('says the same conflicts whoever decides them, and decides nothing where there are none', async () => {
  const lab = await makeLab()
  let conflicts = 0
  await fc.assert(
    fc.asyncProperty(story, fc.constantFrom('substitute', 'overlay'), async (given, policy) => {
      const { carry } = await tell(lab, given)
      const forAgent = await carry({ carry: policy, onConflict: 'agent' })
      const forUpstream = await carry({ carry: policy, onConflict: 'upstream' })
      const refused = await carry({ carry: policy, onConflict: 'end' })
      for (const { carryOver } of [forAgent, forUpstream]) {
        expect(carryOver.conflicts).toEqual(refused.carryOver.conflicts)
        expect(carryOver.survivingShare).toBeGreaterThanOrEqual(0)
        expect(carryOver.survivingShare).toBeLessThanOrEqual(1)
      }
      if (refused.status === 'carried') {
        expect([forAgent.tree, forUpstream.tree]).toEqual([refused.tree, refused.tree])
        expect(forAgent.carryOver.decidedBy).toBeNull()
        return
      }
      conflicts++
      expect(refused.carryOver.conflicts).not.toEqual([])
      expect([forAgent.carryOver.decidedBy, forUpstream.carryOver.decidedBy]).toEqual(['agent', 'upstream'])
      for (const { tree } of [forAgent, forUpstream]) {
        for (const { path: name } of await lab.repository.listTree(tree)) {
          expect(String(await lab.repository.readFile(tree, name))).not.toMatch(/^(<{7}|>{7}|={7}$)/m)
        }
      }
    }),
    { numRuns: 20, seed: 7 },
  )
  expect(conflicts).toBeGreaterThan(0)
}, 60_000)

it('takes the earlier stage’s test files from upstream, whatever the agent made of them', async () => {
  const lab = await makeLab()
  await fc.assert(
    fc.asyncProperty(story, async (given) => {
      const { human, base, tree: agent, carry } = await tell(lab, given)
      // A rename takes the other side's lines along, rightly, into a test file too.
      const changes = [...(await lab.repository.changes(human, base)), ...(await lab.repository.changes(human, agent))]
      fc.pre(!changes.some(({ kind }) => kind === 'renamed'))
      const { tree } = await carry({ carry: 'substitute', onConflict: 'agent' })
      for (const name of TEST_FILES) {
        expect(await lab.repository.readFile(tree, name)).toEqual(await lab.repository.readFile(base, name))
      }
    }),
    { numRuns: 15 },
  )
}, 60_000)

async function commitOf(lab: GitLab, contents: Files): Promise<string> {
  const present = lab.git('ls-files', '-z').split('\0').filter(Boolean)
  const absent = Object.fromEntries(present.filter((name) => !(name in contents)).map((name) => [name, null]))
  return lab.commit({ ...absent, ...contents })
}
