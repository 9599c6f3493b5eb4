import { z } from 'zod'
import { readCursor, THREADS_PAGE, writeCursor } from '../domain/pageCursor.ts'
import type { ThreadEntry } from '../domain/pageEntry.ts'
import { isBotAccount } from '../domain/pullRequest.ts'
import { instant } from '../formats/common.ts'

const PARTS = {
  reviews: `reviews(first: 100, after: $after) {
    pageInfo { hasNextPage endCursor } nodes { id body url submittedAt author { __typename login } }
  }`,
  closingIssuesReferences: `closingIssuesReferences(first: 20, after: $after) {
    pageInfo { hasNextPage endCursor } nodes { number repository { nameWithOwner } }
  }`,
  timelineItems: `timelineItems(first: 100, after: $after, itemTypes: [CROSS_REFERENCED_EVENT]) {
    pageInfo { hasNextPage endCursor }
    nodes {
      ... on CrossReferencedEvent {
        source {
          __typename
          ... on Issue { number repository { nameWithOwner } }
          ... on PullRequest { number repository { nameWithOwner } }
        }
      }
    }
  }`,
} as const
type Part = keyof typeof PARTS

const firstOf = (part: Part) => PARTS[part].replace(', after: $after', '')
const RATE = 'rateLimit { limit cost remaining resetAt }'

/** Asks for a page of pull requests with what only GraphQL tells of them: one point for 49. */
export const THREADS_QUERY = `query threads(
  $owner: String!, $name: String!, $size: Int!, $after: String, $order: IssueOrderField!, $direction: OrderDirection!
) {
  repository(owner: $owner, name: $name) {
    pullRequests(first: $size, after: $after, orderBy: { field: $order, direction: $direction }) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes { id number updatedAt ${firstOf('reviews')} ${firstOf('closingIssuesReferences')} ${firstOf('timelineItems')} }
    }
  }
  ${RATE}
}`

/** Asks for more of one part of one pull request than fitted into the page before. */
export const THREAD_PART_QUERIES: Readonly<Record<Part, string>> = {
  reviews: partQuery('reviews'),
  closingIssuesReferences: partQuery('closingIssuesReferences'),
  timelineItems: partQuery('timelineItems'),
}

function partQuery(part: Part): string {
  return `query threadPart($id: ID!, $after: String) {
  node(id: $id) { ... on PullRequest { id number updatedAt ${PARTS[part]} } }
  ${RATE}
}`
}

const pageInfo = z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() })
/** A node is null where the token may not see it. */
const connection = <T>(node: z.ZodType<T>) => z.object({ pageInfo, nodes: z.array(node.nullable()).nullable() })
const home = z.object({ number: z.number().int().positive(), repository: z.object({ nameWithOwner: z.string() }) })

const thread = z.object({
  id: z.string(),
  number: z.number().int().positive(),
  updatedAt: instant,
  reviews: connection(
    z.object({
      id: z.string(),
      body: z.string(),
      url: z.string().nullish(),
      submittedAt: instant.nullish(),
      author: z.object({ __typename: z.string(), login: z.string() }).nullish(),
    }),
  ).nullish(),
  closingIssuesReferences: connection(home).nullish(),
  timelineItems: connection(
    z.object({ source: home.partial().extend({ __typename: z.string() }).nullish() }),
  ).nullish(),
})
type Thread = z.infer<typeof thread>

const rateLimit = z.object({ limit: z.number(), cost: z.number(), remaining: z.number(), resetAt: instant }).nullish()
/** What a query of threads answers; one of `repository` and `node`, by the query. */
export const threadsAnswer = z.object({
  data: z.object({
    repository: z
      .object({
        pullRequests: z.object({
          totalCount: z.number().int(),
          pageInfo,
          nodes: z.array(thread.nullable()).nullable(),
        }),
      })
      .optional(),
    /** Null when it is gone. */
    node: thread.nullish(),
    rateLimit,
  }),
})
type ThreadsAnswer = z.infer<typeof threadsAnswer>

/** The query of a cursor and what it is asked with. */
export function threadsQuery(
  repository: string,
  cursor: string,
): { query: string; variables: Record<string, string | number | null> } {
  const { order, size = THREADS_PAGE, after = null, more } = readCursor(cursor)
  const waiting = readWaiting(more)[0]
  if (waiting) return { query: THREAD_PART_QUERIES[waiting.part], variables: { id: waiting.id, after: waiting.after } }
  const [owner = '', name = ''] = repository.split('/')
  const sort =
    order === 'updated' ? { order: 'UPDATED_AT', direction: 'DESC' } : { order: 'CREATED_AT', direction: 'ASC' }
  return { query: THREADS_QUERY, variables: { owner, name, size: Number(size), after, ...sort } }
}

/** The same cursor with half as many pull requests; null when it asks for one, or for a part of one. */
export function halveThreads(cursor: string): string | null {
  const fields = readCursor(cursor)
  const size = Number(fields.size ?? THREADS_PAGE)
  return fields.more !== undefined || size <= 1 ? null : writeCursor({ ...fields, size: Math.floor(size / 2) })
}

/** Where the next page begins: first the rest of threads that did not fit, then the next pull requests. */
export function nextThreads(cursor: string, answer: ThreadsAnswer): { next: string | null; pagesLeft: number | null } {
  const { more, size = THREADS_PAGE, seen = 0, page = '1', ...fields } = readCursor(cursor)
  const threads = threadsOf(answer)
  const waiting = [...readWaiting(more).slice(1), ...threads.flatMap(findUnread)]
  const listed = answer.data.repository?.pullRequests
  const read = Number(seen) + threads.length * (listed ? 1 : 0)
  const isDone = listed
    ? !listed.pageInfo.hasNextPage || threads.at(-1) === undefined || isBelow(fields.until, threads.at(-1)!.updatedAt)
    : fields.end === 'yes'
  if (isDone && waiting.length === 0) return { next: null, pagesLeft: 0 }
  const pagesLeft = listed && fields.until === undefined ? Math.ceil((listed.totalCount - read) / THREADS_PAGE) : null
  const next = writeCursor({
    ...fields,
    page: Number(page) + (listed ? 1 : 0),
    // A page that was halved was too much for GitHub; the ones after it grow again.
    size: Math.min(THREADS_PAGE, Number(size) * (listed ? 2 : 1)),
    after: listed ? listed.pageInfo.endCursor : fields.after,
    seen: read,
    end: isDone ? 'yes' : null,
    more: waiting.map(({ id, part, after }) => [id, part, after].join(' ')).join(','),
  })
  return { next, pagesLeft: pagesLeft === null ? null : pagesLeft + waiting.length }
}

/** The entries of an answer. `repository` tells its own numbers from others'. */
export function readThreads(repository: string, answer: ThreadsAnswer): ThreadEntry[] {
  const own = repository.toLowerCase()
  const isOwn = (found: Partial<z.infer<typeof home>>) => found.repository?.nameWithOwner.toLowerCase() === own
  return threadsOf(answer).map((found) => ({
    kind: 'thread',
    number: found.number,
    updatedAt: found.updatedAt,
    isWhole: answer.data.node === undefined,
    reviews: nodesOf(found.reviews)
      .filter(({ body }) => body !== '')
      .map(({ id, body, url, submittedAt, author }) => ({
        id,
        body,
        url: url ?? null,
        createdAt: submittedAt ?? null,
        author: loginOf(author),
        isBot: isBotAccount(loginOf(author), author?.__typename ?? null),
      })),
    closes: nodesOf(found.closingIssuesReferences)
      .filter(isOwn)
      .map(({ number }) => number),
    citedBy: nodesOf(found.timelineItems).flatMap(({ source }) =>
      source?.number !== undefined && isOwn(source)
        ? [{ number: source.number, isPullRequest: source.__typename === 'PullRequest' }]
        : [],
    ),
  }))
}

/** GraphQL's login of a bot lacks the `[bot]` that REST gives it. */
function loginOf(author: { __typename: string; login: string } | null | undefined): string | null {
  if (!author) return null
  return author.__typename === 'Bot' && !author.login.endsWith('[bot]') ? `${author.login}[bot]` : author.login
}

function threadsOf({ data }: ThreadsAnswer): Thread[] {
  return data.node ? [data.node] : (data.repository?.pullRequests.nodes ?? []).filter((node) => node !== null)
}

function nodesOf<T>(found: { nodes: (T | null)[] | null } | null | undefined): T[] {
  return (found?.nodes ?? []).filter((node) => node !== null)
}

interface Waiting {
  id: string
  part: Part
  after: string
}

function findUnread(found: Thread): Waiting[] {
  return (Object.keys(PARTS) as Part[]).flatMap((part) => {
    const info = found[part]?.pageInfo
    return info?.hasNextPage && info.endCursor !== null ? [{ id: found.id, part, after: info.endCursor }] : []
  })
}

function readWaiting(more: string | undefined): Waiting[] {
  return (more ?? '')
    .split(',')
    .filter((item) => item !== '')
    .map((item) => {
      const [id = '', part = '', after = ''] = item.split(' ')
      return { id, part: part as Part, after }
    })
}

function isBelow(until: string | undefined, updatedAt: string): boolean {
  return until !== undefined && Date.parse(updatedAt) < Date.parse(until)
}
