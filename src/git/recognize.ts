import { markBranch, type CommitGraph, type Mainline } from './commitGraph.ts'
import type { CommitText } from './history.ts'
import { readMergeText, type MergeText } from './mergeText.ts'
import type { KnownMerge } from './port.ts'

/** A commit on a target branch that may be the merge of a pull request. */
export interface Candidate {
  number: number
  line: Mainline
  /** Where the commit stands on its line. */
  position: number
  result: number
  isMerge: boolean
  text: MergeText
  commit: CommitText
  /** What GitHub says of it, or null. */
  known: KnownMerge | null
}

/** What {@link recognizeMerges} looks at. */
export interface MergeSources {
  graph: CommitGraph
  /** The default branch's first. */
  lines: readonly Mainline[]
  /** Texts of all commits of the lines and of those that GitHub names. */
  texts: ReadonlyMap<string, CommitText>
  heads: ReadonlyMap<number, string>
  merges: readonly KnownMerge[]
}

/**
 * The commits that GitHub names as merges, that merge the head of a pull request, or whose text has a number: in this
 * order, one number a commit. Whether the number is this repository's is not asked here.
 */
export function recognizeMerges(sources: MergeSources): Candidate[] {
  const { graph, lines, texts, heads, merges } = sources
  const knownBySha = Map.groupBy(merges, ({ mergeCommitSha }) => mergeCommitSha)
  const numbersByHead = Map.groupBy(heads.keys(), (number) => heads.get(number)!)
  const candidates: Candidate[] = []
  const seen = new Set<string>()
  for (const line of lines) {
    for (const [index, result] of line.chain.entries()) {
      const sha = graph.shas[result]!
      seen.add(sha)
      const parents = graph.parents[result]!
      const commit = texts.get(sha)
      if (parents.length === 0 || !commit) continue
      const isMerge = parents.length > 1
      const text = readMergeText(commit.message, isMerge)
      const one = { line, position: line.start + index, result, isMerge, text, commit }
      const known = knownBySha.get(sha) ?? []
      for (const merge of known) candidates.push({ ...one, number: merge.number, known: merge })
      if (known.length > 0) continue
      const number = isMerge ? numberOfMerged(parents.slice(1), text.number) : text.number
      if (number !== null) candidates.push({ ...one, number, known: null })
    }
  }
  return [...candidates, ...elsewhere()]

  /** The number whose head is merged: the one that the text names, or the only one. */
  function numberOfMerged(merged: readonly number[], named: number | null): number | null {
    const numbers = merged.flatMap((parent) => numbersByHead.get(graph.shas[parent]!) ?? [])
    return named !== null && numbers.includes(named) ? named : numbers.length === 1 ? numbers[0]! : named
  }

  /** Merges that GitHub names and that are on no line: into another pull request's branch, or one that is gone. */
  function elsewhere(): Candidate[] {
    return merges.flatMap((merge) => {
      const result = graph.find(merge.mergeCommitSha)
      const commit = texts.get(merge.mergeCommitSha)
      const [main] = lines
      if (result === null || !commit || !main || seen.has(merge.mergeCommitSha)) return []
      const line = markBranch(graph, main, merge.baseRef ?? '', result)
      const isMerge = graph.parents[result]!.length > 1
      const text = readMergeText(commit.message, isMerge)
      const position = line.positionOf(result)
      return [{ number: merge.number, line, position, result, isMerge, text, commit, known: merge }]
    })
  }
}
