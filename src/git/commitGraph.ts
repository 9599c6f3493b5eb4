import { GitError } from './port.ts'
import { inScratch, type Scratch } from './scratch.ts'

/** The commits that some tips reach, each by its place from 0. Shallow ends and absent tips are left out. */
export interface CommitGraph {
  readonly shas: readonly string[]
  /** The parents of each commit, the first parent first. */
  readonly parents: readonly (readonly number[])[]
  /** The place of a full object name, or null. */
  find(sha: string): number | null
}

/** Reads the graph below the tips in one git process. Throws {@link GitError} when a commit in it cannot be read. */
export async function readGraph(scratch: Scratch, tips: Iterable<string>): Promise<CommitGraph> {
  const args = ['rev-list', '--parents', '--ignore-missing', '--stdin']
  const { stdout } = await scratch.git.run(args, { ...inScratch(scratch), input: `${[...new Set(tips)].join('\n')}\n` })
  const places = new Map<string, number>()
  const shas: string[] = []
  const parents: number[][] = []
  const placeOf = (sha: string): number => {
    let place = places.get(sha)
    if (place === undefined) {
      place = shas.push(sha) - 1
      parents.push([])
      places.set(sha, place)
    }
    return place
  }
  for (let start = 0; start < stdout.length;) {
    const end = stdout.indexOf(0x0a, start)
    const [sha = '', ...above] = stdout.toString('latin1', start, end).split(' ')
    parents[placeOf(sha)] = above.map(placeOf)
    start = end + 1
  }
  return { shas, parents, find: (sha) => places.get(sha) ?? null }
}

/** A target branch: its first-parent history, and which of its commits is the first to reach another commit. */
export interface Mainline {
  /** Without `refs/heads/`. */
  branch: string
  /** The commits that are this branch's own, oldest first; those that it shares with the default branch are left out. */
  chain: readonly number[]
  /** The position of `chain[0]`. */
  start: number
  /** The position of the first commit of the branch that reaches a commit, or -1 where none does. */
  positionOf(commit: number): number
  /** Whether a commit is on the first-parent history, up to the tip. */
  isOn(commit: number): boolean
}

/** The default branch's mainline. Linear in the size of the graph. */
export function markMainline(graph: CommitGraph, branch: string, tip: number): Mainline {
  const chain = firstParents(graph, tip, () => false)
  const reached = new Int32Array(graph.shas.length).fill(-1)
  chain.forEach((commit, position) => reach(graph, commit, (other) => reached[other] === -1 && mark(other, position)))
  return {
    branch,
    chain,
    start: 0,
    positionOf: (commit) => reached[commit] ?? -1,
    isOn: (commit) => chain[reached[commit] ?? -1] === commit,
  }

  function mark(commit: number, position: number): true {
    reached[commit] = position
    return true
  }
}

/** Another branch's mainline, whose positions go on from where it left the default one. */
export function markBranch(graph: CommitGraph, main: Mainline, branch: string, tip: number): Mainline {
  const chain = firstParents(graph, tip, (commit) => main.isOn(commit))
  const [first] = chain
  const fork = first === undefined ? tip : graph.parents[first]?.[0]
  const shared = fork === undefined ? -1 : main.positionOf(fork)
  const start = shared + 1
  const reached = new Map<number, number>()
  const isShared = (commit: number) => main.positionOf(commit) !== -1 && main.positionOf(commit) <= shared
  chain.forEach((commit, index) =>
    reach(graph, commit, (other) => {
      if (isShared(other) || reached.has(other)) return false
      reached.set(other, start + index)
      return true
    }),
  )
  return {
    branch,
    chain,
    start,
    positionOf: (commit) => (isShared(commit) ? main.positionOf(commit) : (reached.get(commit) ?? -1)),
    isOn: (commit) => (isShared(commit) ? main.isOn(commit) : chain[(reached.get(commit) ?? -1) - start] === commit),
  }
}

/** What a branch has that its base does not. */
export interface OwnCommits {
  /** Merges among them, parents before children. */
  commits: number[]
  /** The best common ancestor of the branch and its base; null when they have none. */
  mergeBase: number | null
  /** More commits than were asked for: the list is cut, the merge base unknown. */
  isCut: boolean
}

/** The commits that a tip reaches and its base, a position of a mainline, does not. At most `most` of them. */
export function listOwn(
  graph: CommitGraph,
  line: Mainline,
  given: { tip: number; base: number; most: number },
): OwnCommits {
  const { tip, base, most } = given
  const isInBase = (commit: number) => line.positionOf(commit) !== -1 && line.positionOf(commit) <= base
  if (isInBase(tip)) return { commits: [], mergeBase: tip, isCut: false }
  const commits: number[] = []
  const borders = new Set<number>()
  const seen = new Set([tip])
  const stack: { commit: number; next: number }[] = [{ commit: tip, next: 0 }]
  while (stack.length > 0) {
    const top = stack.at(-1)!
    const parent = graph.parents[top.commit]![top.next++]
    if (parent === undefined) commits.push(stack.pop()!.commit)
    else if (isInBase(parent)) borders.add(parent)
    else if (!seen.has(parent)) {
      if (seen.size >= most) return { commits, mergeBase: null, isCut: true }
      seen.add(parent)
      stack.push({ commit: parent, next: 0 })
    }
  }
  return { commits, mergeBase: pickMergeBase(graph, line, [...borders]), isCut: false }
}

/** Of a branch's borders with its base, one that is no ancestor of another: the latest on the mainline where it can be. */
function pickMergeBase(graph: CommitGraph, line: Mainline, borders: readonly number[]): number | null {
  const latest = borders.toSorted((a, b) => line.positionOf(b) - line.positionOf(a) || a - b)
  const [first] = latest
  if (first === undefined) return null
  // A commit of the mainline reaches all whose position is not after its own.
  if (line.isOn(first)) return first
  return latest.find((candidate) => !latest.some((other) => isBelow(graph, line, candidate, other))) ?? first
}

/** Whether a commit is an ancestor of another one. */
function isBelow(graph: CommitGraph, line: Mainline, commit: number, other: number): boolean {
  if (commit === other) return false
  const least = line.positionOf(commit)
  const seen = new Set<number>()
  let isFound = false
  reach(graph, other, (ancestor) => {
    if (ancestor === commit) isFound = true
    // An ancestor is reached no later than what stands on it.
    if (isFound || seen.has(ancestor) || line.positionOf(ancestor) < least) return false
    seen.add(ancestor)
    return true
  })
  return isFound
}

/** Visits a commit and its ancestors; `enter` says whether to go on from one. */
export function reach(graph: CommitGraph, from: number, enter: (commit: number) => boolean): void {
  const stack = [from]
  for (let commit = stack.pop(); commit !== undefined; commit = stack.pop()) {
    if (enter(commit)) stack.push(...graph.parents[commit]!)
  }
}

/** The first-parent history of a tip, oldest first, up to where `isEnd` says so. */
function firstParents(graph: CommitGraph, tip: number, isEnd: (commit: number) => boolean): number[] {
  const chain: number[] = []
  for (let commit: number | undefined = tip; commit !== undefined && !isEnd(commit);) {
    chain.push(commit)
    commit = graph.parents[commit]![0]
  }
  return chain.reverse()
}

/** The commit of a tip. Throws {@link GitError} `missing` when the graph lacks it. */
export function placeOf(scratch: Scratch, graph: CommitGraph, sha: string): number {
  const place = graph.find(sha)
  if (place !== null) return place
  throw new GitError('missing', `the mirror of ${scratch.name} lacks commit ${sha}`)
}
