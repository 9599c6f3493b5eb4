import { findFirst, orderByUpdate } from './recordedPages.ts'
import type { Json, ListedEntries } from './recordedRepository.ts'

/** What a GraphQL connection may be asked for. */
export interface PageArguments {
  first?: number | null
  last?: number | null
  after?: string | null
  before?: string | null
}

/** Things in order, each with a mark that lasts when others come and go. */
interface Ordered {
  length: number
  at(position: number): Json
  markAt(position: number): readonly [number, number]
}

/** A GraphQL connection over a list that only grows at its end. */
export function connectList(items: readonly Json[], page: PageArguments): Json {
  return connect({ length: items.length, at: (n) => items[n]!, markAt: (n) => [n, 0] }, page)
}

/**
 * A GraphQL connection over entries of a repository in order of creation or last change. A cursor names the time and
 * the place of an entry: pages go on behind it also when entries changed in between.
 */
export function connectEntries(
  entries: ListedEntries,
  page: PageArguments,
  options: {
    sort: 'created' | 'updated'
    direction: 'asc' | 'desc'
    isWanted: ((entry: Json) => boolean) | null
    make: (entry: Json) => Json
  },
): Json {
  const { sort, direction, isWanted, make } = options
  const ascending =
    sort === 'updated'
      ? Array.from(orderByUpdate(entries))
      : Array.from({ length: entries.length }, (_, index) => index)
  const ordered = direction === 'asc' ? ascending : ascending.reverse()
  const order = isWanted ? ordered.filter((index) => isWanted(entries.entry(index))) : ordered
  const sign = direction === 'asc' ? 1 : -1
  return connect(
    {
      length: order.length,
      at: (position) => make(entries.entry(order[position]!)),
      markAt(position) {
        const index = order[position]!
        const at = sort === 'updated' ? entries.updatedAt(index) : entries.createdAt(index)
        return [sign * at, sign * index]
      },
    },
    page,
  )
}

function connect(items: Ordered, { first, last, after, before }: PageArguments): Json {
  const isBehind = (position: number, cursor: string, orSame: boolean) => {
    const [time, place] = readCursor(cursor)
    const [ownTime, ownPlace] = items.markAt(position)
    const difference = ownTime - time || ownPlace - place
    return orSame ? difference >= 0 : difference > 0
  }
  let from = after ? findFirst(items.length, (position) => isBehind(position, after, false)) : 0
  let to = before ? findFirst(items.length, (position) => isBehind(position, before, true)) : items.length
  if (first != null) to = Math.min(to, from + first)
  else if (last != null) from = Math.max(from, to - last)
  const cursorAt = (position: number) => (to > from ? writeCursor(items.markAt(position)) : null)
  return {
    totalCount: items.length,
    nodes: () => Array.from({ length: Math.max(0, to - from) }, (_, offset) => items.at(from + offset)),
    pageInfo: {
      startCursor: cursorAt(from),
      endCursor: cursorAt(to - 1),
      hasNextPage: to < items.length,
      hasPreviousPage: from > 0,
    },
  }
}

function writeCursor(mark: readonly [number, number]): string {
  return Buffer.from(`cursor:v2:${JSON.stringify(mark)}`).toString('base64')
}

/** Throws for a text that is no cursor. */
function readCursor(cursor: string): [number, number] {
  const mark = /^cursor:v2:(\[-?\d+,-?\d+\])$/.exec(Buffer.from(cursor, 'base64').toString())?.[1]
  if (!mark) throw new Error(`\`${cursor}\` does not appear to be a valid cursor.`)
  return JSON.parse(mark) as [number, number]
}
