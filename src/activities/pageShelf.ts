import { firstCursor, readCursor } from '../domain/pageCursor.ts'
import type { PageEntry } from '../domain/pageEntry.ts'
import { recordKey } from '../domain/identifiers.ts'
import type { PageList, PageRecord } from '../formats/mining.ts'
import type { GitHub, PageRequest } from '../github/port.ts'
import type { Store } from '../store/port.ts'

/** All lists, in the order in which they are read to their ends: issues first, since they say how new the others are. */
export const PAGE_LISTS: readonly PageList[] = [
  'repository',
  'issues',
  'pulls',
  'comments',
  'review-comments',
  'threads',
]

/** The pages of a repository in the store, over all its minings. */
export interface PageShelf {
  /** How many pages there are of each list. */
  counts: Record<PageList, number>
  /** The last page of each list. */
  last: Record<PageList, PageRecord | null>
  /** Stores a page after the list's last. What another worker stored there first counts instead. */
  put(page: PageRecord): Promise<void>
  /** A page by its place in the list. */
  get(list: PageList, n: number): Promise<PageRecord>
  /** A page's entries; none when nothing changed. */
  entries(page: PageRecord): Promise<PageEntry[]>
}

/** Opens the shelf. `github` reads what it once fetched, and is not asked. */
export async function openShelf(options: { store: Store; github: GitHub; repository: string }): Promise<PageShelf> {
  const { store, github, repository } = options
  const counts = {} as PageShelf['counts']
  const last = {} as PageShelf['last']
  const get = async (list: PageList, n: number) => {
    const page = await store.getRecord<PageRecord>(recordKey.page(repository, list, n))
    if (!page) throw new Error(`the store lacks page ${n} of the list "${list}" of ${repository}`)
    return page
  }
  for (const list of PAGE_LISTS) {
    counts[list] = (await store.listRecords(recordKey.pages(repository, list))).length
    last[list] = counts[list] === 0 ? null : await get(list, counts[list] - 1)
  }
  return {
    counts,
    last,
    get,
    async put(page) {
      const { list } = page
      const { value } = await store.putRecord(recordKey.page(repository, list, counts[list]), page)
      last[list] = value
      counts[list] += 1
    },
    async entries({ list, cursor, blob }) {
      if (blob === null) return []
      return github.readPage(repository, { list, cursor, raw: await store.getBlob(blob) })
    },
  }
}

/** What to ask for next for a mining, or null when each of the lists was read to its end. */
export async function nextRequest(
  shelf: PageShelf,
  options: { mining: number; lists: readonly PageList[] },
): Promise<(Omit<PageRequest, 'signal'> & { isProbe: boolean }) | null> {
  const { mining, lists } = options
  const isDone = (list: PageList) => shelf.last[list]?.mining === mining && shelf.last[list].next === null
  const isBegun = (list: PageList) => isDone(list) || (shelf.last[list]?.next ?? null) !== null
  // The first pages say how many follow, so that a person can be told before the long part begins.
  const probe = lists.find((some) => PROBED.includes(some) && !isBegun(some))
  const list = probe ?? lists.find((some) => !isDone(some))
  if (list === undefined) return null
  const last = shelf.last[list]
  const isProbe = probe !== undefined
  if (last !== null && last.next !== null) return { list, cursor: last.next, etag: null, isProbe }
  const newest = needsNewest(list) ? await newestOf(shelf) : null
  const cursor = firstCursor(list, { last: last?.cursor ?? null, newest })
  const isSame = last !== null && isSameRequest(list, last.cursor, cursor)
  return { list, cursor, etag: isSame ? last.etag : null, isProbe }
}

/** About how many pages a mining has still to read; null where GitHub did not say. */
export function countLeft(
  shelf: PageShelf,
  { mining, lists }: { mining: number; lists: readonly PageList[] },
): number | null {
  let left = 0
  for (const list of lists) {
    const last = shelf.last[list]
    if (last?.mining === mining || (last?.next ?? null) !== null) {
      if (last!.pagesLeft === null) return null
      left += last!.pagesLeft
    } else if (last !== null) left += 1
    // Each pull request is among the issues too; a page of threads has half as many.
    else left += (shelf.counts.issues + (shelf.last.issues?.pagesLeft ?? 0)) * (list === 'threads' ? 2 : 1)
  }
  return left
}

/** Whether GitHub has no such list for this repository: issues may be switched off. */
export function isRefused(page: PageRecord): boolean {
  return page.blob === null && page.etag === null
}

const PROBED: readonly PageList[] = ['repository', 'issues', 'comments', 'review-comments']

function needsNewest(list: PageList): boolean {
  return list === 'pulls' || list === 'threads'
}

/** Two passes differ in what their cursors remember, not in what is asked, when both begin with the newest. */
function isSameRequest(list: PageList, before: string, now: string): boolean {
  if (!needsNewest(list)) return before === now
  const [a, b] = [readCursor(before), readCursor(now)]
  return list === 'pulls' && a.order === 'updated' && b.order === 'updated' && a.page === '1' && b.page === '1'
}

/** When the newest of the issues and pull requests changed, at the end of the list of issues. */
async function newestOf(shelf: PageShelf): Promise<string | null> {
  for (let n = shelf.counts.issues - 1; n >= 0; n--) {
    const newest = (await shelf.entries(await shelf.get('issues', n))).at(-1)
    if (newest?.kind === 'issue') return newest.updatedAt
  }
  return null
}
