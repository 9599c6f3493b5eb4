import type { Chain, Link } from '../formats/chain.ts'
import { holdsChain } from './link.ts'
import { compareMergeOrder, type MergedPull } from './pullRequest.ts'
import { cutGraph } from './graphCut.ts'
import type { Edge } from './treeCut.ts'

/** A chain before git has said which commits its stages are. */
export interface ChainCandidate {
  /** In merge order. */
  numbers: number[]
  /** Every link between its members that can hold a chain, in merge order of `from`, then of `to`. */
  links: Link[]
  /** `path`: each stage links to the one right before it. `star`: some do not. `given`: not chosen by links. */
  shape: Chain['shape']
}

/** How long chains are, and which links may hold them. */
export interface ChainLengths {
  min?: number
  max?: number
  /** Whether links that no text states may hold a chain too. */
  isDistantAllowed?: boolean
}

/**
 * Builds chains of `min` to `max` pull requests from links: each chain's links connect all of it, each goes from a later
 * to an earlier one in merge order, and no pull request stands in two. What links connect is cut where it is longer than
 * `max`: as few pull requests as can be are left over, and of the ways that leave over as few, the one that keeps the
 * strongest links is taken. Both are meant of each component's strongest spanning tree; what the cut leaves over is
 * joined by the other links where there is room. Only the pull requests given take part; one without a merge time does
 * not. Depends on no order of the input. In merge order of the first stages.
 * Throws RangeError when not 1 ≤ min ≤ max.
 */
export function buildChains(
  pulls: readonly MergedPull[],
  links: readonly Link[],
  { min = 2, max = 5, isDistantAllowed = false }: ChainLengths = {},
): ChainCandidate[] {
  if (!(min >= 1 && max >= min)) throw new RangeError(`chain lengths must be 1 ≤ min ≤ max, not min ${min}, max ${max}`)
  const numbers = mergeOrder(pulls)
  const place = new Map(numbers.map((number, index) => [number, index]))
  const placeOf = (number: number) => place.get(number) ?? -1
  const holding = links.filter(
    (link) =>
      holdsChain(link, { isDistantAllowed }) && placeOf(link.to) !== -1 && placeOf(link.to) < placeOf(link.from),
  )
  const edges: Edge[] = holding.map(({ from, to, score }) => ({
    a: placeOf(to),
    b: placeOf(from),
    weight: Math.round(score * 100),
  }))
  const groups = cutGraph({ size: numbers.length, edges, min, max })
  const linksFrom = Map.groupBy(holding, ({ from }) => from)
  return groups.map((places) => describe(places.map((index) => numbers[index]!)))

  function describe(members: number[]): ChainCandidate {
    const inside = linksInside(members, linksFrom).sort(
      (a, b) => placeOf(a.from) - placeOf(b.from) || placeOf(a.to) - placeOf(b.to),
    )
    return { numbers: members, links: inside, shape: shapeOf(members, inside) }
  }
}

/** A chain of one for each pull request that was merged, in merge order. */
export function buildSingles(pulls: readonly MergedPull[]): ChainCandidate[] {
  return mergeOrder(pulls).map((number) => ({ numbers: [number], links: [], shape: 'given' }))
}

/** The numbers of those that were merged, in merge order. */
export function mergeOrder(pulls: readonly MergedPull[]): number[] {
  return pulls
    .filter(({ mergedAt }) => mergedAt !== null)
    .map(({ number, mergedAt }) => ({ number, mergedAt, ms: Date.parse(mergedAt!) }))
    .sort((a, b) => a.ms - b.ms || compareMergeOrder(a, b))
    .map(({ number }) => number)
}

function linksInside(members: readonly number[], linksFrom: ReadonlyMap<number, Link[]>): Link[] {
  const inside = new Set(members)
  return members.flatMap((number) => (linksFrom.get(number) ?? []).filter(({ to }) => inside.has(to)))
}

function shapeOf(numbers: readonly number[], links: readonly Link[]): ChainCandidate['shape'] {
  const isPath = numbers
    .slice(1)
    .every((number, index) => links.some(({ from, to }) => from === number && to === numbers[index]))
  return isPath ? 'path' : 'star'
}
