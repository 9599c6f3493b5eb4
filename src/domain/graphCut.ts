import { compareTies, cutForest, spanForest, type Edge } from './treeCut.ts'

/**
 * Cuts a graph into connected groups of `min` to `max` vertices: its strongest spanning forest first ({@link cutForest}),
 * then what that left over, by the ties that are no part of it, as long as there is any: left-over vertices among
 * themselves, and into a group with room. So no two vertices left over are tied in a group of `min`, and none to a group
 * with room. Groups are in order of their first vertices, and so are the vertices within. Depends on no order of the input.
 */
export function cutGraph(options: { size: number; edges: readonly Edge[]; min: number; max: number }): number[][] {
  const { size, min, max } = options
  const edges = options.edges.toSorted(compareTies)
  const groups = cutForest({ size, edges: spanForest(size, edges), min, max })
  const groupOf = new Map<number, number[]>()
  for (const group of groups) for (const vertex of group) groupOf.set(vertex, group)
  while (cutLeftOvers() || joinLeftOvers()) continue
  return groups.map((group) => group.sort((a, b) => a - b)).sort((a, b) => a[0]! - b[0]!)

  function cutLeftOvers(): boolean {
    const left = edges.filter(({ a, b }) => !groupOf.has(a) && !groupOf.has(b))
    if (left.length === 0) return false
    const found = cutForest({ size, edges: spanForest(size, left), min, max }).filter((group) => group.length > 1)
    for (const group of found) for (const vertex of group) groupOf.set(vertex, group)
    groups.push(...found)
    return found.length > 0
  }

  function joinLeftOvers(): boolean {
    let hasJoined = false
    for (const { a, b } of edges) {
      if (groupOf.has(a) === groupOf.has(b)) continue
      const [vertex, group] = groupOf.has(a) ? [b, groupOf.get(a)!] : [a, groupOf.get(b)!]
      if (group.length >= max) continue
      group.push(vertex)
      groupOf.set(vertex, group)
      hasJoined = true
    }
    return hasJoined
  }
}
