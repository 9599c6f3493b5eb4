import type { Json, ListedEntries } from './recordedRepository.ts'

/** What a request to a repository-wide list may ask for, its defaults filled in. */
export interface Selection {
  state: 'open' | 'closed' | 'all'
  sort: 'created' | 'updated'
  direction: 'asc' | 'desc'
  /** Milliseconds since 1970: only what changed then or later. */
  since: number | null
}

/** Entries in the order that was asked for; one is built when it is read. */
export interface Selected {
  length: number
  at(position: number): Json
}

const MAX_PAGE_SIZE = 100
const updateOrders = new WeakMap<ListedEntries, Uint32Array>()

/** Indexes of the entries in ascending order of their last change, and of creation where that is the same. */
export function orderByUpdate(entries: ListedEntries): Uint32Array {
  const known = updateOrders.get(entries)
  if (known) return known
  const order = Uint32Array.from({ length: entries.length }, (_, index) => index)
  order.sort((a, b) => entries.updatedAt(a) - entries.updatedAt(b) || a - b)
  updateOrders.set(entries, order)
  return order
}

/** Chooses and orders entries as GitHub's lists do. */
export function selectEntries(entries: ListedEntries, selection: Selection): Selected {
  const { state, sort, direction, since } = selection
  let order =
    sort === 'updated' ? orderByUpdate(entries) : Uint32Array.from({ length: entries.length }, (_, index) => index)
  if (since !== null) {
    order =
      sort === 'updated'
        ? order.subarray(findFirst(order.length, (position) => entries.updatedAt(order[position]!) >= since))
        : order.filter((index) => entries.updatedAt(index) >= since)
  }
  if (state !== 'all') order = order.filter((index) => entries.state(index) === state)
  const { length } = order
  const indexAt = (position: number) => order[direction === 'asc' ? position : length - 1 - position]!
  return { length, at: (position) => entries.entry(indexAt(position)) }
}

/** The first position from 0 that holds, or `length`: once it holds, it holds for all that follow. */
export function findFirst(length: number, holds: (position: number) => boolean): number {
  let [low, high] = [0, length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/** One page of a list by `per_page` and `page` of the address, and its `Link` header; `base` is where the links lead. */
export function cutPage(
  entries: Selected,
  options: { query: URLSearchParams; base: string; pageSizeLimit: number },
): { page: Json[]; link: string | null } {
  const { query, base, pageSizeLimit } = options
  const asked = Number(query.get('per_page') ?? 30)
  const size = Math.max(1, Math.min(asked || 30, pageSizeLimit, MAX_PAGE_SIZE))
  const page = Math.max(1, Number(query.get('page') ?? 1) || 1)
  const last = Math.max(1, Math.ceil(entries.length / size))
  const link = (to: number, rel: string) => {
    const target = new URLSearchParams(query)
    target.set('page', String(to))
    return `<${base}?${target.toString()}>; rel="${rel}"`
  }
  const links = [
    ...(page > 1 ? [link(page - 1, 'prev')] : []),
    ...(page < last ? [link(page + 1, 'next'), link(last, 'last')] : []),
    ...(page > 1 ? [link(1, 'first')] : []),
  ]
  const from = Math.min((page - 1) * size, entries.length)
  const to = Math.min(page * size, entries.length)
  return {
    page: Array.from({ length: to - from }, (_, offset) => entries.at(from + offset)),
    link: links.length > 0 ? links.join(', ') : null,
  }
}
