import type { PageList } from '../formats/mining.ts'

/** Pull requests of one GraphQL page: 1 + 49 × 3 connections make one point. */
export const THREADS_PAGE = 49
/** What is asked for again before the newest entry of the pass before, since GitHub's lists lag a little. */
const OVERLAP_MS = 10 * 60_000

/** A cursor's fields, as in the query of an address. */
export type Cursor = Readonly<Record<string, string>>

/** A cursor as it stands on record: `since=2024-03-01T10:00:00Z&page=2`. Empty fields are left out. */
export function writeCursor(fields: Readonly<Record<string, string | number | null | undefined>>): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== null && value !== undefined && value !== '')
    .map(([key, value]) => `${key}=${encodeURIComponent(String(value)).replaceAll('%3A', ':')}`)
    .join('&')
}

/** The fields of a cursor. */
export function readCursor(cursor: string): Cursor {
  return Object.fromEntries(new URLSearchParams(cursor))
}

/**
 * Where a new pass over a list begins. `last` is the cursor of the last page of the pass before, null for none; `newest`
 * is the time of the newest entry of the issues, which were read to their end right before: whatever changes after it is
 * found by the next pass. Lists with a `since` go on where they ended; the two others are read whole once, then from
 * the newest down to where the pass before began.
 */
export function firstCursor(list: PageList, pass: { last: string | null; newest: string | null }): string {
  if (list === 'repository') return ''
  if (list !== 'pulls' && list !== 'threads') return pass.last ?? ''
  const before = pass.last === null ? undefined : readCursor(pass.last).begun
  const size = list === 'threads' ? THREADS_PAGE : undefined
  if (before === undefined) return writeCursor({ order: 'created', page: 1, size, begun: pass.newest })
  const until = new Date(Date.parse(before) - OVERLAP_MS).toISOString()
  return writeCursor({ order: 'updated', page: 1, size, until, begun: pass.newest ?? before })
}

/**
 * Where the next page of a list with a `since` begins, given the time of the last entry of a page that others follow.
 * A time that fills a whole page is read on by page number.
 */
export function nextSince(cursor: string, lastUpdatedAt: string): string {
  const { since, page = '1' } = readCursor(cursor)
  return since === lastUpdatedAt
    ? writeCursor({ since, page: Number(page) + 1 })
    : writeCursor({ since: lastUpdatedAt })
}
