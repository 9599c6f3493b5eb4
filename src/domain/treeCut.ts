/** A tie between two vertices, which are counted from 0. `weight` is a whole number, the stronger the larger. */
export interface Edge {
  a: number
  b: number
  weight: number
}

/** One more vertex kept counts for more than all ties of a tree together. */
const A_VERTEX = 1e8

/**
 * The strongest spanning tree of each component: of ties as strong, that between nearer vertices first, then that of
 * the later ones. Depends on no order of the input.
 */
export function spanForest(size: number, edges: readonly Edge[]): Edge[] {
  const root = Int32Array.from({ length: size }, (_, vertex) => vertex)
  const find = (vertex: number): number => {
    let at = vertex
    while (root[at] !== at) at = root[at] = root[root[at]!]!
    return at
  }
  return edges.toSorted(compareTies).filter(({ a, b }) => {
    const [one, other] = [find(a), find(b)]
    root[one] = other
    return one !== other
  })
}

/** Orders ties: the strongest first, of those the one between the nearest vertices, of those the latest. */
export function compareTies(x: Edge, y: Edge): number {
  return y.weight - x.weight || Math.abs(x.b - x.a) - Math.abs(y.b - y.a) || y.b - x.b || y.a - x.a
}

/**
 * Cuts a forest into connected groups of `min` to `max` vertices. Leaves over as few vertices as can be; of the ways
 * that do, takes the one whose groups keep the most weight. Groups are in order of their first vertices, and so are the
 * vertices within. Takes time in proportion to size × max, and no more memory.
 */
export function cutForest(options: { size: number; edges: readonly Edge[]; min: number; max: number }): number[][] {
  const { size, edges, min, max } = options
  const { order, parent, weightUp } = rootForest(size, edges)
  /** Of the subtree below a vertex: the best with the vertex left over, or in a group that ends there. */
  const best = new Float64Array(size)
  const bestSize = new Int32Array(size)
  /** Of the subtree below a vertex: the best with its group open upwards and so many vertices in it by now. */
  const open: (Float64Array | null)[] = Array.from({ length: size }, () => null)
  /** How many of a child's vertices join, by how many its parent's group has then; 0 where the tie is cut. */
  const joined: (Int32Array | null)[] = Array.from({ length: size }, () => null)
  const leftOver = new Float64Array(size)

  for (let index = order.length - 1; index >= 0; index--) {
    const vertex = order[index]!
    const table = open[vertex] ?? Float64Array.of(-Infinity, 0)
    best[vertex] = leftOver[vertex]!
    for (let count = min; count < table.length; count++) {
      const value = table[count]! + count * A_VERTEX
      if (value > best[vertex]!) [best[vertex], bestSize[vertex]] = [value, count]
    }
    const up = parent[vertex]!
    if (up === -1) continue
    leftOver[up]! += best[vertex]!
    const merged = joinChild(open[up] ?? Float64Array.of(-Infinity, 0), table, {
      cut: best[vertex]!,
      weight: weightUp[vertex]!,
      max,
    })
    open[up] = merged.table
    joined[vertex] = merged.joined
    open[vertex] = null
  }
  return collectGroups()

  function collectGroups(): number[][] {
    const groups = new Map<number, number[]>()
    const groupOf = new Int32Array(size).fill(-1)
    const left = new Int32Array(size)
    const children = childrenInOrder(order, parent)
    for (const vertex of order) {
      if (groupOf[vertex] === -1) {
        left[vertex] = bestSize[vertex]!
        if (left[vertex] > 0) groups.set(vertex, [])
        groupOf[vertex] = vertex
      }
      groups.get(groupOf[vertex]!)?.push(vertex)
      let count = left[vertex]!
      if (count === 0) continue
      // The children were joined one after the other, so they are parted in the opposite order.
      for (const child of children.get(vertex) ?? []) {
        const taken = joined[child]![count]!
        if (taken > 0) [groupOf[child], left[child]] = [groupOf[vertex]!, taken]
        count -= taken
      }
    }
    return [...groups.values()].map((group) => group.sort((a, b) => a - b)).sort((a, b) => a[0]! - b[0]!)
  }
}

function joinChild(
  table: Float64Array,
  child: Float64Array,
  { cut, weight, max }: { cut: number; weight: number; max: number },
): { table: Float64Array; joined: Int32Array } {
  const length = Math.min(max, table.length - 1 + child.length - 1) + 1
  const next = new Float64Array(length).fill(-Infinity)
  const joined = new Int32Array(length)
  for (let own = 1; own < table.length; own++) {
    if (table[own]! + cut > next[own]!) [next[own], joined[own]] = [table[own]! + cut, 0]
    for (let theirs = 1; theirs < child.length && own + theirs < length; theirs++) {
      const value = table[own]! + child[theirs]! + weight
      if (value > next[own + theirs]!) [next[own + theirs], joined[own + theirs]] = [value, theirs]
    }
  }
  return { table: next, joined }
}

/** Every tree hung up at its first vertex; `order` has each vertex after its parent. */
function rootForest(
  size: number,
  edges: readonly Edge[],
): { order: number[]; parent: Int32Array; weightUp: Float64Array } {
  const ties = new Map<number, Edge[]>()
  for (const edge of edges.toSorted((x, y) => x.a - y.a || x.b - y.b)) {
    for (const end of [edge.a, edge.b]) {
      const known = ties.get(end)
      if (known) known.push(edge)
      else ties.set(end, [edge])
    }
  }
  const parent = new Int32Array(size).fill(-1)
  const weightUp = new Float64Array(size)
  const isSeen = new Uint8Array(size)
  const order: number[] = []
  for (let first = 0; first < size; first++) {
    if (isSeen[first]) continue
    isSeen[first] = 1
    order.push(first)
    for (let at = order.length - 1; at < order.length; at++) {
      const vertex = order[at]!
      for (const { a, b, weight } of ties.get(vertex) ?? []) {
        const other = a === vertex ? b : a
        if (isSeen[other]) continue
        isSeen[other] = 1
        parent[other] = vertex
        weightUp[other] = weight
        order.push(other)
      }
    }
  }
  return { order, parent, weightUp }
}

/** The children of each vertex, as they are parted: the one joined last comes first. */
function childrenInOrder(order: readonly number[], parent: Int32Array): Map<number, number[]> {
  const children = new Map<number, number[]>()
  for (const vertex of order) {
    const up = parent[vertex]!
    if (up === -1) continue
    const known = children.get(up)
    if (known) known.push(vertex)
    else children.set(up, [vertex])
  }
  return children
}
