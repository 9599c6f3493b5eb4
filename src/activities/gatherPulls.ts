import { assembleGitCorpus, joinCorpus, mapIssues, nameIssues, type Corpus } from '../domain/corpus.ts'
import { recordKey } from '../domain/identifiers.ts'
import { countLines } from '../domain/jsonLines.ts'
import type { PageEntry } from '../domain/pageEntry.ts'
import type { Gathering, PageList, PageRecord, RepositoryFacts } from '../formats/mining.ts'
import type { EvidenceKind } from '../formats/pullRequest.ts'
import type { GitRepository, PullHistory } from '../git/port.ts'
import type { Store } from '../store/port.ts'
import type { Scope } from './edge.ts'
import type { MineInput } from './linkChains.ts'
import { isRefused, openShelf, PAGE_LISTS, type PageShelf } from './pageShelf.ts'
import type { Ports } from './ports.ts'

/** Lines of one blob. */
const SHARD_LINES = 200

/** What gathering came to. */
export interface Gathered {
  /** Its number. */
  gathering: number
  pullRequests: number
  issues: number
  lacks: Gathering['lacks']
}

/**
 * Joins a repository's pages and git's history to its pull requests and issues, and stores them as a gathering, numbered
 * from `n`. Asks nobody. With `source: git` the history alone is gathered.
 */
export async function gatherPulls(ports: Ports, input: MineInput & { n: number }, scope: Scope): Promise<Gathered> {
  const { repository: name, source } = input
  const { store, github } = ports
  let { n } = input
  let known = await store.getRecord<Gathering>(recordKey.gathering(name, n))
  // Another mining may have gathered at the same time: what it made of other sources is not what was asked for.
  while (known && known.source !== source) known = await store.getRecord<Gathering>(recordKey.gathering(name, ++n))
  if (known) return summarizeGathering(store, known, n)

  const repository = await ports.git.open(name, input.mirrors)
  const shelf = await openShelf({ store, github, repository: name })
  const read = source === 'git' ? { entries: [], calls: NO_CALLS, refused: [] } : await readPages(shelf, input.n, scope)
  scope.report({ reading: 'the history' })
  const history = await repository.pullHistory(read.entries.flatMap(knownMerge))
  scope.signal.throwIfAborted()
  const lacks = source === 'git' ? GIT_LACKS : findLacks(shelf, { mining: input.n, refused: read.refused })
  const never = lacks.filter(({ isStale }) => !isStale).map(({ kind }) => kind)
  const home = { repository: name, page: github.pageOf(name), history, lacks: never }
  const corpus: Corpus = source === 'git' ? assembleGitCorpus(home) : joinCorpus({ ...home, entries: read.entries })
  const issues = mapIssues(corpus.issues)
  scope.report({ storing: `${corpus.pulls.length} pull requests, ${corpus.issues.length} issues` })
  const gathered: Gathering = {
    format: 'prchain.gathering/1',
    repository: name,
    source,
    gatheredAt: new Date().toISOString(),
    facts: await readFacts(repository, { history, entries: read.entries }),
    lacks: lacks.map(({ kind, reason }) => ({ kind, reason })),
    pages: Object.fromEntries(
      PAGE_LISTS.filter((list) => shelf.counts[list] > 0).map((list) => [list, shelf.counts[list]]),
    ),
    calls: read.calls,
    pulls: await putShards(store, corpus.pulls, { scope, finish: (pulls) => nameIssues(pulls, issues) }),
    issues: await putShards(store, corpus.issues, { scope, finish: (threads) => threads }),
  }
  while ((await store.putRecord(recordKey.gathering(name, n), gathered)).value.source !== source) n++
  return { gathering: n, pullRequests: corpus.pulls.length, issues: corpus.issues.length, lacks: gathered.lacks }
}

/** What a gathering that is on record came to. */
export async function summarizeGathering(
  store: Store,
  { pulls, issues, lacks }: Gathering,
  gathering: number,
): Promise<Gathered> {
  const count = async (blobs: readonly string[]) => {
    // All shards but the last are full.
    const last = blobs.at(-1)
    return last === undefined ? 0 : (blobs.length - 1) * SHARD_LINES + countLines(await store.getBlob(last))
  }
  return { gathering, pullRequests: await count(pulls), issues: await count(issues), lacks }
}

const NO_CALLS: Gathering['calls'] = { rest: 0, unchanged: 0, graphql: 0, points: 0 }

interface Lack {
  kind: EvidenceKind
  reason: string
  /** It was to be had once, and is as it was then. */
  isStale: boolean
}

const GIT_LACKS: Lack[] = (
  ['thread', 'comments', 'review-comments', 'reviews', 'closings', 'timeline', 'issues'] as const
).map((kind) => ({ kind, reason: 'git alone was asked: it has the texts of commits', isStale: false }))

const KINDS_OF_LIST: Partial<Record<PageList, EvidenceKind[]>> = {
  issues: ['issues'],
  comments: ['comments'],
  'review-comments': ['review-comments'],
  threads: ['reviews', 'closings', 'timeline'],
}

function findLacks(shelf: PageShelf, { mining, refused }: { mining: number; refused: readonly PageList[] }): Lack[] {
  return PAGE_LISTS.flatMap((list): Lack[] => {
    const kinds = KINDS_OF_LIST[list] ?? []
    const last = shelf.last[list]
    if (refused.includes(list))
      return kinds.map((kind) => ({ kind, reason: 'GitHub has no such list for this repository', isStale: false }))
    if (list !== 'threads' || (last?.mining === mining && last.next === null)) return []
    if (last === null)
      return kinds.map((kind) => ({ kind, reason: 'GraphQL refuses callers without a token', isStale: false }))
    return kinds.map((kind) => ({ kind, reason: `there was no token; as of ${last.fetchedAt}`, isStale: true }))
  })
}

interface ReadPages {
  entries: PageEntry[]
  calls: Gathering['calls']
  refused: PageList[]
}

async function readPages(shelf: PageShelf, mining: number, scope: Scope): Promise<ReadPages> {
  const read: ReadPages = { entries: [], calls: { ...NO_CALLS }, refused: [] }
  for (const list of PAGE_LISTS) {
    let last: PageRecord | null = null
    for (let n = 0; n < shelf.counts[list]; n++) {
      scope.signal.throwIfAborted()
      scope.report({ reading: list, page: n })
      const page = await shelf.get(list, n)
      for (const entry of await shelf.entries(page)) read.entries.push(entry)
      if (page.mining === mining) count(page)
      last = page
    }
    if (last !== null && isRefused(last)) read.refused.push(list)
  }
  return read

  function count(page: PageRecord): void {
    const kind = page.list === 'threads' ? 'graphql' : page.blob === null && !isRefused(page) ? 'unchanged' : 'rest'
    read.calls[kind] += page.calls
    read.calls.points += page.points
  }
}

function knownMerge(entry: PageEntry) {
  if (entry.kind !== 'pull' || entry.mergeCommitSha === null) return []
  const { number, mergeCommitSha, headSha, baseRef } = entry
  return [{ number, mergeCommitSha, headSha, baseRef }]
}

async function readFacts(
  repository: GitRepository,
  { history, entries }: { history: PullHistory; entries: readonly PageEntry[] },
): Promise<RepositoryFacts> {
  const { defaultBranch, headSha } = history
  const told = entries.findLast((entry) => entry.kind === 'repository')
  return {
    defaultBranch: told?.defaultBranch ?? defaultBranch,
    headSha,
    license: told?.license ?? (await repository.license(headSha)),
    languages: await repository.languages(headSha),
  }
}

/** `finish` is what each shard's lines still need: a shard at a time, so that the activity's heartbeats go on. */
async function putShards<T>(
  store: Store,
  lines: readonly T[],
  { scope, finish }: { scope: Scope; finish: (shard: readonly T[]) => readonly T[] },
): Promise<string[]> {
  const blobs: string[] = []
  for (let from = 0; from < lines.length; from += SHARD_LINES) {
    scope.signal.throwIfAborted()
    const shard = finish(lines.slice(from, from + SHARD_LINES))
    blobs.push(await store.putBlob(shard.map((line) => `${JSON.stringify(line)}\n`).join('')))
  }
  return blobs
}
