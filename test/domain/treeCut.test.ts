import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cutForest, spanForest, type Edge } from '../../src/domain/treeCut.ts'

const edge = (a: number, b: number, weight = 80): Edge => ({ a, b, weight })

/** Every way to cut a forest, tried one by one: the most vertices kept, then the most weight. */
function bestByTrial(size: number, edges: readonly Edge[], { min, max }: { min: number; max: number }) {
  let best = { kept: 0, weight: 0 }
  for (let cut = 0; cut < 2 ** edges.length; cut++) {
    const whole = edges.filter((_, index) => (cut >> index) % 2 === 0)
    const groups = groupsOf(size, whole).filter((group) => group.length >= min && group.length <= max)
    const found = { kept: groups.flat().length, weight: weightOf(groups, whole) }
    if (found.kept > best.kept || (found.kept === best.kept && found.weight > best.weight)) best = found
  }
  return best
}

function groupsOf(size: number, edges: readonly Edge[]): number[][] {
  const group = Array.from({ length: size }, (_, vertex) => vertex)
  for (const { a, b } of edges) {
    const [one, other] = [group[a]!, group[b]!]
    for (const vertex of group.keys()) if (group[vertex] === other) group[vertex] = one
  }
  return [...Map.groupBy(group.keys(), (vertex) => group[vertex]!).values()]
}

const weightOf = (groups: readonly number[][], edges: readonly Edge[]) =>
  edges
    .filter(({ a, b }) => groups.some((group) => group.includes(a) && group.includes(b)))
    .reduce((sum, { weight }) => sum + weight, 0)

const forests = fc
  .integer({ min: 1, max: 9 })
  .chain((size) =>
    fc.tuple(
      fc.constant(size),
      fc.array(
        fc.record({
          a: fc.integer({ min: 0, max: size - 1 }),
          b: fc.integer({ min: 0, max: size - 1 }),
          weight: fc.integer({ min: 50, max: 100 }),
        }),
        { maxLength: 14 },
      ),
    ),
  )
  .map(([size, ties]) => ({
    size,
    edges: spanForest(
      size,
      ties.filter(({ a, b }) => a < b),
    ),
  }))

describe('cutting a forest', () => {
  test('keeps as many vertices, then as much weight, as any other way to cut it', () => {
    const bounds = fc.record({ min: fc.integer({ min: 1, max: 3 }), max: fc.integer({ min: 3, max: 5 }) })
    fc.assert(
      fc.property(forests, bounds, ({ size, edges }, { min, max }) => {
        const groups = cutForest({ size, edges, min, max })
        const found = { kept: groups.flat().length, weight: weightOf(groups, edges) }
        expect(found).toEqual(bestByTrial(size, edges, { min, max }))
        for (const group of groups) expect(group.length >= min && group.length <= max).toBe(true)
        expect(new Set(groups.flat()).size).toBe(found.kept)
      }),
    )
  })

  test('gives groups and their vertices in order', () => {
    expect(cutForest({ size: 6, edges: [edge(1, 4), edge(0, 5), edge(2, 5)], min: 2, max: 5 })).toEqual([
      [0, 2, 5],
      [1, 4],
    ])
  })

  test('of what nothing ties together is nothing, unless one alone is enough', () => {
    expect(cutForest({ size: 2, edges: [], min: 2, max: 5 })).toEqual([])
    expect(cutForest({ size: 2, edges: [], min: 1, max: 5 })).toEqual([[0], [1]])
  })
})

test('the strongest spanning tree prefers strong ties, then near ones, then late ones', () => {
  expect(spanForest(3, [edge(0, 1, 60), edge(1, 2, 60), edge(0, 2, 90)])).toEqual([edge(0, 2, 90), edge(1, 2, 60)])
  expect(spanForest(3, [edge(0, 2), edge(0, 1), edge(1, 2)])).toEqual([edge(1, 2), edge(0, 1)])
})
