import { gunzipSync, gzipSync } from 'node:zlib'
import { z } from 'zod'
import { nextSince, readCursor, writeCursor } from '../domain/pageCursor.ts'
import type { PageEntry } from '../domain/pageEntry.ts'
import type { PageList } from '../formats/mining.ts'
import * as answers from './answers.ts'
import { readListedComment, readListedIssue, readListedPull, readRepository } from './entries.ts'
import { GitHubError, type FetchedPage, type GitHub, type PageRequest } from './port.ts'
import { pageOfLink, type Requests } from './requests.ts'
import { halveThreads, nextThreads, readThreads, threadsAnswer, threadsQuery } from './threads.ts'

const PER_PAGE = 'per_page=100'

/** Reads lists a page at a time. `repositoryPath` checks a name and gives its path. */
export function createPages(
  requests: Requests,
  repositoryPath: (repository: string) => string,
): Pick<GitHub, 'fetchPage' | 'readPage'> {
  function readPage(repository: string, page: { list: PageList; cursor: string; raw: Uint8Array }): PageEntry[] {
    const about = describe(repository, page)
    const answer = requests.parse(gunzipSync(page.raw), about)
    if (page.list !== 'threads') return readList(requests, page.list, answer, about)
    return readThreads(repository, requests.check(answer, threadsAnswer, about))
  }

  async function fetchList(repository: string, request: PageRequest): Promise<FetchedPage> {
    const { list, cursor, etag, signal } = request
    const path = pathOf(repositoryPath(repository), list, cursor)
    const answer = await requests.getBytes(path, { etag, signal })
    const calls = { rest: 1, unchanged: answer.bytes === null ? 1 : 0, graphql: 0, points: 0 }
    const { quota } = answer
    if (answer.bytes === null)
      return { raw: null, entries: 0, next: null, etag: answer.etag, pagesLeft: 0, quota, calls }
    const raw = gzipSync(answer.bytes)
    const entries = readPage(repository, { list, cursor, raw })
    checkName(repository, entries)
    const next = pageOfLink(answer.link, 'next') === null ? null : nextCursor(list, cursor, entries)
    return {
      raw,
      entries: entries.length,
      next,
      etag: answer.etag,
      pagesLeft: countLeft(answer.link, next),
      quota,
      calls,
    }
  }

  async function fetchThreads(repository: string, request: PageRequest): Promise<FetchedPage> {
    const calls = { rest: 0, unchanged: 0, graphql: 0, points: 0 }
    for (let cursor: string = request.cursor; ;) {
      const about = describe(repository, { list: 'threads', cursor })
      const { query, variables } = threadsQuery(repository, cursor)
      calls.graphql += 1
      try {
        const bytes = await requests.query(query, { variables, about, signal: request.signal })
        const answer = requests.check(requests.parse(bytes, about), threadsAnswer, about)
        const rate = answer.data.rateLimit
        calls.points += rate?.cost ?? 0
        return {
          raw: gzipSync(bytes),
          entries: readThreads(repository, answer).length,
          ...nextThreads(cursor, answer),
          etag: null,
          quota: rate ? { limit: rate.limit, remaining: rate.remaining, resetsAt: rate.resetAt } : null,
          calls,
        }
      } catch (error) {
        const half = error instanceof GitHubError && error.kind === 'unreachable' ? halveThreads(cursor) : null
        // Too much for GitHub in one answer, most often: it answers 502 after ten seconds.
        if (half === null || !isTooMuch(error as GitHubError)) throw error
        cursor = half
      }
    }
  }

  return {
    readPage,
    fetchPage: (repository, request) =>
      request.list === 'threads' ? fetchThreads(repository, request) : fetchList(repository, request),
  }
}

function describe(repository: string, { list, cursor }: { list: PageList; cursor: string }): string {
  return `the list "${list}" of ${repository}${cursor === '' ? '' : ` at ${cursor}`}`
}

function pathOf(base: string, list: PageList, cursor: string): string {
  const { since, page = '1', order } = readCursor(cursor)
  const place = `${since === undefined ? '' : `&since=${since}`}${page === '1' ? '' : `&page=${page}`}`
  switch (list) {
    case 'repository':
      return base
    case 'pulls':
      return `${base}/pulls?state=all&sort=${order}&direction=${order === 'updated' ? 'desc' : 'asc'}&${PER_PAGE}${place}`
    case 'issues':
      return `${base}/issues?state=all&sort=updated&direction=asc&${PER_PAGE}${place}`
    case 'comments':
      return `${base}/issues/comments?sort=updated&direction=asc&${PER_PAGE}${place}`
    case 'review-comments':
      return `${base}/pulls/comments?sort=updated&direction=asc&${PER_PAGE}${place}`
    case 'threads':
      throw new TypeError('threads are read over GraphQL')
    default:
      return list satisfies never
  }
}

function readList(requests: Requests, list: Exclude<PageList, 'threads'>, answer: unknown, about: string): PageEntry[] {
  const read = <T>(entry: z.ZodType<T>) => requests.check(answer, z.array(entry), about)
  switch (list) {
    case 'repository':
      return [readRepository(requests.check(answer, answers.repository, about))]
    case 'pulls':
      return read(answers.listedPull).map(readListedPull)
    case 'issues':
      return read(answers.listedIssue).map(readListedIssue)
    case 'comments':
    case 'review-comments': {
      const kind = list === 'comments' ? 'comment' : 'review-comment'
      return read(answers.listedComment).flatMap((comment) => readListedComment(kind, comment) ?? [])
    }
    default:
      return list satisfies never
  }
}

function nextCursor(list: PageList, cursor: string, entries: readonly PageEntry[]): string | null {
  const last = entries.at(-1)
  if (last === undefined || !('updatedAt' in last) || last.updatedAt === null) return null
  if (list !== 'pulls') return nextSince(cursor, last.updatedAt)
  const { page = '1', until, ...fields } = readCursor(cursor)
  if (until !== undefined && Date.parse(last.updatedAt) < Date.parse(until)) return null
  return writeCursor({ ...fields, until, page: Number(page) + 1 })
}

function countLeft(link: string | undefined, next: string | null): number | null {
  if (next === null) return 0
  const [following, last] = (['next', 'last'] as const).map((rel) => {
    const address = pageOfLink(link, rel)
    return address === null ? Number.NaN : Number(new URL(address).searchParams.get('page') ?? Number.NaN)
  })
  return Number.isFinite(following! + last!) ? last! - following! + 1 : null
}

function checkName(repository: string, entries: readonly PageEntry[]): void {
  const found = entries.find((entry) => entry.kind === 'repository')
  if (found && found.fullName !== repository) {
    throw new GitHubError('renamed', `${repository} is called ${found.fullName} on GitHub now; mine it by that name`)
  }
}

function isTooMuch({ status, cause }: GitHubError): boolean {
  return (
    status === 502 ||
    status === 504 ||
    (cause instanceof Error && /timeout|aborted/i.test(`${cause.name} ${cause.message}`))
  )
}
