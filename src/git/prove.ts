import { listOwn, type CommitGraph } from './commitGraph.ts'
import { findDifferences, nameSome } from './fileDifferences.ts'
import { mergeCommits } from './merge.ts'
import { comparePairs, type PairChanges } from './pairChanges.ts'
import type { Candidate } from './recognize.ts'
import type { Scratch } from './scratch.ts'

/** More commits than a pull request's branch has, unless it is one of another history. */
const MOST_OWN = 5_000

/** A candidate with what git says for it and against it. */
export interface Judged extends Candidate {
  style: 'merge' | 'squash' | 'rebase'
  base: number
  head: number | null
  /** What its branch brought, merges among them, oldest first. */
  own: number[]
  /** Its commits as they stand on the target branch, oldest first. */
  landed: number[]
  changes: PairChanges
  isProven: boolean
  flags: string[]
}

/** A candidate with one parent whose branch is to be compared with it. */
interface Open {
  judged: Judged
  head: number
  mergeBase: number
}

/**
 * Asks of each candidate whether the head of its pull request agrees with it: the head is merged, or its change since
 * the branch point is the commit's, file for file and line for line, or that of the last commits together.
 */
export async function judgeCandidates(
  scratch: Scratch,
  graph: CommitGraph,
  candidates: readonly Candidate[],
  heads: ReadonlyMap<number, string>,
): Promise<Judged[]> {
  const open: Open[] = []
  const judged = candidates.map((candidate) => {
    const one = begin(graph, candidate)
    const sha = heads.get(one.number)
    one.head = sha === undefined ? null : graph.find(sha)
    if (one.head === null) one.flags.push(`there is no refs/pull/${one.number}/head: the number is no pull request’s`)
    else if (one.isMerge) judgeMerge(graph, one, one.head)
    else {
      const mergeBase = placeBranch(graph, one, one.head)
      if (mergeBase !== null) open.push({ judged: one, head: one.head, mergeBase })
    }
    return one
  })
  const changes = await compare(judged.map(({ base, result }) => ({ base, result })))
  judged.forEach((one, index) => (one.changes = changes[index]!))
  await judgeBranches(open)
  return judged

  async function judgeBranches(all: readonly Open[]): Promise<void> {
    const prints = await compare(all.map(pairOf), false)
    const unlike = all.filter(({ judged: one }, index) => !(one.isProven = one.changes.print === prints[index]!.print))
    const counted = await compare(unlike.map(pairOf))
    const rebases: { of: Open; landed: number[]; own: PairChanges }[] = []
    unlike.forEach((of, index) => {
      const own = counted[index]!
      of.judged.isProven = findDifferences(own.files, of.judged.changes.files).length === 0
      if (of.judged.isProven) return
      const landed = lastCommits(graph, of.judged, countCommits(graph, of.judged.own))
      if (landed.length > 1) rebases.push({ of, landed, own })
    })
    const bases = rebases.map(({ landed }) => graph.parents[landed[0]!]![0]!)
    const together = await compare(rebases.map(({ of }, index) => ({ base: bases[index]!, result: of.judged.result })))
    rebases.forEach(({ of: { judged: one }, landed, own }, index) => {
      const changed = together[index]!
      if (findDifferences(own.files, changed.files).length > 0) return
      Object.assign(one, { style: 'rebase', base: bases[index]!, landed, changes: changed, isProven: true })
    })
    const rest = unlike.flatMap((of, index) => (of.judged.isProven ? [] : [{ ...of, own: counted[index]! }]))
    await judgeMerged(rest)
  }

  /**
   * A branch on another one that was merged before, or one that shares changes with its target, brings less than it
   * has: its squash is then what merging it makes.
   */
  async function judgeMerged(rest: readonly (Open & { own: PairChanges })[]): Promise<void> {
    for (const { judged: one, head, own } of rest) {
      const tree = await mergeCommits(scratch, graph.shas[one.base]!, graph.shas[head]!)
      one.isProven = tree === one.commit.tree
      if (one.isProven) continue
      const differing = nameSome(findDifferences(own.files, one.changes.files))
      one.flags.push(`commit ${graph.shas[one.result]} is not the change of #${one.number}’s head: ${differing}`)
    }
  }

  function compare(pairs: readonly { base: number; result: number }[], hasCounts = true): Promise<PairChanges[]> {
    const named = pairs.map(({ base, result }) => ({ base: graph.shas[base]!, result: graph.shas[result]! }))
    return comparePairs(scratch, named, { hasCounts })
  }
}

function begin(graph: CommitGraph, candidate: Candidate): Judged {
  return {
    ...candidate,
    style: candidate.isMerge ? 'merge' : 'squash',
    base: graph.parents[candidate.result]![0]!,
    head: null,
    own: [],
    landed: [candidate.result],
    changes: { files: [], print: '', lacksContent: false },
    isProven: false,
    flags: [],
  }
}

/** A merge is the pull request's when it merges its head, or commits that stand on it. */
function judgeMerge(graph: CommitGraph, one: Judged, head: number): void {
  const given = { tip: one.result, base: one.position - 1, most: MOST_OWN }
  const { commits, isCut } = listOwn(graph, one.line, given)
  one.own = commits.filter((commit) => commit !== one.result)
  if (isCut) one.flags.push(`it merges more than ${MOST_OWN} commits, of which the first found are listed`)
  const merged = graph.parents[one.result]!.slice(1)
  one.isProven = merged.includes(head) || one.own.includes(head)
  if (merged.includes(head)) return
  const names = merged.map((parent) => graph.shas[parent]).join(', ')
  one.flags.push(
    one.isProven
      ? `its merge is of ${names}, which stands on ${graph.shas[head]}, its head`
      : `commit ${graph.shas[one.result]} merges ${names}, not ${graph.shas[head]}, the head of #${one.number}: the number is another repository’s, or the branch is another one`,
  )
}

/** The branch point of a pull request with one commit on its target. Null where there is nothing to compare. */
function placeBranch(graph: CommitGraph, one: Judged, head: number): number | null {
  const given = { tip: head, base: one.position - 1, most: MOST_OWN }
  const { commits, mergeBase, isCut } = listOwn(graph, one.line, given)
  one.own = commits
  if (!isCut && mergeBase !== null && commits.length > 0) return mergeBase
  const why =
    commits.length === 0
      ? 'is already in what the commit stands on'
      : isCut
        ? `has more than ${MOST_OWN} commits that the target has not`
        : 'has no commit in common with the target'
  one.flags.push(`${graph.shas[head]}, the head of #${one.number}, ${why}: the number is another repository’s`)
  one.own = []
  return null
}

/** The last commits of the target branch up to the candidate's; empty where there are not so many, or merges among them. */
function lastCommits(graph: CommitGraph, { line, position }: Candidate, count: number): number[] {
  const end = position - line.start + 1
  const last = line.chain.slice(Math.max(0, end - count), end)
  return last.length === count && last.every((commit) => graph.parents[commit]!.length === 1) ? last : []
}

function countCommits(graph: CommitGraph, own: readonly number[]): number {
  return own.filter((commit) => graph.parents[commit]!.length === 1).length
}

function pairOf({ mergeBase, head }: Open): { base: number; result: number } {
  return { base: mergeBase, result: head }
}
