import type { CommitGraph } from './commitGraph.ts'
import type { Judged } from './prove.ts'

/** How a pull request stands to others, by whose heads its own commits hold. */
export interface Stack {
  /** Those that were not merged before it: it brought their commits. */
  absorbs: number[]
  /** Those that were merged before it: its branch stands on theirs. */
  standsOn: number[]
  /** Those with the very same head. */
  twins: number[]
}

/** Finds, for each pull request, the others whose heads are among its own commits. The answers stand as they do. */
export function findStacks(graph: CommitGraph, judged: readonly Judged[], heads: ReadonlyMap<number, string>): Stack[] {
  const numbersAt = Map.groupBy(heads.keys(), (number) => graph.find(heads.get(number)!))
  const merged = new Map(judged.filter(({ isProven }) => isProven).map((one) => [one.number, one]))
  return judged.map((one) => {
    const stack: Stack = { absorbs: [], standsOn: [], twins: [] }
    for (const commit of one.own) {
      for (const number of numbersAt.get(commit) ?? []) {
        if (number === one.number) continue
        const other = merged.get(number)
        const isBefore = other !== undefined && other.line === one.line && other.position < one.position
        if (commit === one.head) stack.twins.push(number)
        else if (isBefore) stack.standsOn.push(number)
        else stack.absorbs.push(number)
      }
    }
    for (const numbers of Object.values(stack)) numbers.sort((a: number, b: number) => a - b)
    return stack
  })
}

/**
 * The commits whose texts are a pull request's own: without merges, and without those that it shares with pull requests
 * that were merged before it. Of a rebase, the ones on the target branch.
 */
export function ownCommits(graph: CommitGraph, one: Judged, standsOn: readonly number[]): number[] {
  if (one.style === 'rebase') return one.landed
  const others = new Set<number>()
  const own = new Set(one.own)
  const stack = [...standsOn]
  for (let commit = stack.pop(); commit !== undefined; commit = stack.pop()) {
    if (!own.has(commit) || others.has(commit)) continue
    others.add(commit)
    stack.push(...graph.parents[commit]!)
  }
  return one.own.filter((commit) => graph.parents[commit]!.length < 2 && !others.has(commit))
}

/** A stack in words. */
export function tellStack({ absorbs, standsOn, twins }: Stack): string[] {
  return [
    ...(absorbs.length > 0 ? [`it absorbed ${list(absorbs)}: their heads are among its commits`] : []),
    ...(standsOn.length > 0 ? [`its branch stands on ${list(standsOn)}, merged before it`] : []),
    ...(twins.length > 0 ? [`its head is that of ${list(twins)} too`] : []),
  ]
}

function list(numbers: readonly number[]): string {
  return numbers.map((number) => `#${number}`).join(', ')
}
