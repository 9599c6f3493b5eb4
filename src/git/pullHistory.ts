import { markBranch, markMainline, placeOf, readGraph, type CommitGraph } from './commitGraph.ts'
import { readCommitTexts } from './commitTexts.ts'
import { comparePairs } from './pairChanges.ts'
import type { GitPull, KnownMerge, PullHistory } from './port.ts'
import { judgeCandidates, type Judged } from './prove.ts'
import { findRebased } from './rebased.ts'
import { recognizeMerges } from './recognize.ts'
import { readRefs } from './refs.ts'
import type { Scratch } from './scratch.ts'
import { findStacks, ownCommits, tellStack } from './stacks.ts'

/** All merged pull requests that a mirror's history shows. See {@link GitRepository.pullHistory}. */
export async function readPullHistory(scratch: Scratch, merges: readonly KnownMerge[] = []): Promise<PullHistory> {
  const { defaultBranch, branches, heads } = await readRefs(scratch)
  const headSha = branches.get(defaultBranch)!
  const targets = [...new Set(merges.map(({ baseRef }) => baseRef))]
    .filter((name) => name !== null && name !== defaultBranch && branches.has(name))
    .map(String)
    .sort((a, b) => (a < b ? -1 : 1))
  const tips = [headSha, ...targets.map((name) => branches.get(name)!)]
  const graph = await readGraph(scratch, [...tips, ...heads.values(), ...merges.map((one) => one.mergeCommitSha)])
  const main = markMainline(graph, defaultBranch, placeOf(scratch, graph, headSha))
  const others = targets.map((name) => markBranch(graph, main, name, placeOf(scratch, graph, branches.get(name)!)))
  const lines = [main, ...others]
  const texts = await readCommitTexts(scratch, [
    ...lines.flatMap(({ chain }) => chain.map((commit) => graph.shas[commit]!)),
    ...merges.map((one) => one.mergeCommitSha),
  ])

  const candidates = recognizeMerges({ graph, lines, texts, heads, merges })
  const judged = chooseOne(await judgeCandidates(scratch, graph, candidates, heads))
  const proven = new Set(judged.filter(({ isProven }) => isProven).map(({ number }) => number))
  const taken = new Set(judged.flatMap(({ landed }) => landed))
  const rebased = await findRebased(scratch, {
    ...{ graph, main, texts },
    heads: new Map([...heads].filter(([number]) => !proven.has(number))),
    isTaken: (commit) => taken.has(commit),
  })
  const changes = await comparePairs(
    scratch,
    rebased.map(({ base, result }) => ({ base: graph.shas[base]!, result: graph.shas[result]! })),
    { hasCounts: true },
  )
  rebased.forEach((one, index) => (one.changes = changes[index]!))

  const all = chooseOne([...judged, ...rebased]).sort(
    (a, b) => lines.indexOf(a.line) - lines.indexOf(b.line) || a.position - b.position || a.number - b.number,
  )
  const inOrder = [
    ...all.filter(({ line }) => lines.includes(line)),
    ...all.filter(({ line }) => !lines.includes(line)),
  ]
  return { defaultBranch, headSha, heads, merged: await describe(scratch, graph, inOrder, heads) }
}

/** Of several commits with one number: the proven one, GitHub's, the first. */
function chooseOne(judged: readonly Judged[]): Judged[] {
  const rank = ({ isProven, known }: Judged) => (isProven ? 2 : 0) + (known ? 1 : 0)
  return [...Map.groupBy(judged, ({ number }) => number).values()].map((some) =>
    some.reduce((best, one) => (rank(one) > rank(best) ? one : best)),
  )
}

async function describe(
  scratch: Scratch,
  graph: CommitGraph,
  judged: readonly Judged[],
  heads: ReadonlyMap<number, string>,
): Promise<GitPull[]> {
  const stacks = findStacks(graph, judged, heads)
  const placeOfHead = (number: number) => graph.find(heads.get(number)!)!
  const own = judged.map((one, index) => ownCommits(graph, one, stacks[index]!.standsOn.map(placeOfHead)))
  const texts = await readCommitTexts(
    scratch,
    own.flat().map((commit) => graph.shas[commit]!),
  )
  return judged.map((one, index) => {
    const stack = stacks[index]!
    const commits = own[index]!.map((commit) => texts.get(graph.shas[commit]!)!)
    const headSha = heads.get(one.number) ?? null
    return {
      number: one.number,
      style: one.style,
      resultSha: graph.shas[one.result]!,
      baseSha: graph.shas[one.base]!,
      headSha,
      mergedAt: one.commit.committedAt,
      title: one.text.title,
      body: one.style === 'rebase' ? '' : one.text.body,
      author: (one.isMerge ? (commits[0] ?? one.commit) : one.commit).author,
      branch: one.line.branch,
      files: one.changes.files,
      commits: commits.map(({ sha, message, author }) => ({ sha, message, author })),
      isProven: one.isProven,
      absorbs: stack.absorbs,
      standsOn: stack.standsOn,
      flags: [...one.flags, ...tellStack(stack), ...tellOther(one, headSha)],
    }
  })
}

function tellOther({ known, changes }: Judged, headSha: string | null): string[] {
  const flags: string[] = []
  if (known?.headSha && headSha !== null && known.headSha !== headSha) {
    flags.push(`GitHub names ${known.headSha} as its head, the mirror has ${headSha}: it was pushed to by force`)
  }
  if (changes.lacksContent) flags.push('the mirror lacks content that it changes: lines are not counted')
  return flags
}
