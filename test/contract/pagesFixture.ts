import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fetchPages, type Fetched } from '../../src/activities/fetchPages.ts'
import { openShelf } from '../../src/activities/pageShelf.ts'
import type { PageEntry } from '../../src/domain/pageEntry.ts'
import type { PageList } from '../../src/formats/mining.ts'
import { createGitHub } from '../../src/github/octokit.ts'
import type { GitHub } from '../../src/github/port.ts'
import { readRecording } from '../../src/github/recordedData.ts'
import type { HostedRepository, ListedEntries, RepositoryList } from '../../src/github/recordedRepository.ts'
import { serveGitHub, type LoopbackGitHub, type ServerOptions } from '../../src/github/recordedServer.ts'
import { createFileStore } from '../../src/store/files.ts'
import type { Store } from '../../src/store/port.ts'

export const TOKEN = 'token-that-nobody-may-see'
export const REPOSITORY = 'acme/tool'

/** An instant so many minutes after the first of March 2024. */
export const at = (minutes: number) =>
  new Date(Date.UTC(2024, 2, 1) + minutes * 60_000).toISOString().replace('.000Z', 'Z')
const sha = (n: number) => n.toString(16).padStart(40, '0')

type Entry = Record<string, unknown>
/** A recording that a test changes between minings. */
export interface Recording {
  pulls: Record<string, Entry>
  issues: Record<string, Entry>
  issue_comments: Record<string, Entry[]>
  review_comments: Record<string, Entry[]>
  reviews: Record<string, Entry[]>
  timeline: Record<string, Entry[]>
}

/** Pull requests 1 to n, each merged, with a comment, a review and a review comment, and issues after them. */
export function recordingOf({ pulls, issues = 0 }: { pulls: number; issues?: number }): Recording {
  const numbers = Array.from({ length: pulls }, (_, index) => index + 1)
  const said = (what: string, number: number, id: number): Entry[] => [
    {
      id,
      body: `${what} on ${number}`,
      user: { login: 'bob' },
      created_at: at(number * 10 + 1),
      updated_at: at(number * 10 + 1),
      html_url: `https://github.com/${REPOSITORY}/pull/${number}#${what}-${id}`,
    },
  ]
  return {
    pulls: Object.fromEntries(
      numbers.map((number) => [
        number,
        {
          number,
          state: 'closed',
          merged: true,
          title: `Change ${number}`,
          body: `Body of ${number}`,
          user: { login: 'ann' },
          labels: [{ name: 'kind' }],
          merge_commit_sha: sha(number),
          head: { sha: sha(number + 100_000) },
          base: { ref: 'main' },
          html_url: `https://github.com/${REPOSITORY}/pull/${number}`,
          created_at: at(number * 10),
          merged_at: at(number * 10 + 2),
          closed_at: at(number * 10 + 2),
          updated_at: at(number * 10 + 2),
        },
      ]),
    ),
    issues: Object.fromEntries(
      Array.from({ length: issues }, (_, index) => pulls + 1 + index).map((number) => [
        number,
        {
          number,
          title: `Issue ${number}`,
          user: { login: 'eve' },
          created_at: at(number * 10),
          updated_at: at(number * 10),
        },
      ]),
    ),
    issue_comments: Object.fromEntries(numbers.map((number) => [number, said('comment', number, number)])),
    review_comments: Object.fromEntries(numbers.map((number) => [number, said('remark', number, 50_000 + number)])),
    reviews: Object.fromEntries(numbers.map((number) => [number, said('review', number, 90_000 + number)])),
    timeline: {},
  }
}

/** A repository's loopback GitHub, a store, and what fetches from the one into the other. */
export interface PagesLab {
  server: LoopbackGitHub
  github: GitHub
  store: Store
  /** Puts the recording in the place of the one that is served. */
  record(recording: Recording): void
  /** Fetches to the end, or until it has to wait; what each activity came to. */
  crawl(mining: number): Promise<Fetched[]>
  /** One activity. */
  fetchSome(mining: number): Promise<Fetched>
  entries(list: PageList): Promise<PageEntry[]>
  /** The requests since this was last asked, without the server's address. */
  asked(): string[]
  close(): Promise<void>
}

/** Opens a lab over a recording; with `token: null` everybody is anonymous. */
export async function openPagesLab(
  recording: Recording,
  options: ServerOptions & { requestTimeoutMs?: number; path?: string } = {},
): Promise<PagesLab> {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-pages-'))
  const { requestTimeoutMs = 5_000, path = '', token = TOKEN, ...serverOptions } = options
  let served: ReturnType<typeof readRecording>
  const record = (recorded: Recording) => {
    writeFileSync(join(dir, 'acme__tool.json'), JSON.stringify({ repo: REPOSITORY, ...recorded }))
    served = readRecording(dir, 'acme', 'tool').then((found) => found && keepLists(found))
  }
  record(recording)
  const find = async (owner: string, name: string) => (`${owner}/${name}` === REPOSITORY ? served : null)
  const server = await serveGitHub({ find, findById: () => served }, { token, ...serverOptions })
  const github = createGitHub({ apiUrl: server.url + path, token, requestTimeoutMs, callsPerMinute: 1_000_000 })
  const store = createFileStore({ dir: join(dir, 'store') })
  const scope = { signal: new AbortController().signal, report: () => {} }
  const ports = { store, github, isDraining: () => false }
  let told = 0
  const lab: PagesLab = {
    server,
    github,
    store,
    record,
    fetchSome: (mining) => fetchPages(ports, { repository: REPOSITORY, mining }, scope),
    async crawl(mining) {
      const outcomes: Fetched[] = []
      do outcomes.push(await lab.fetchSome(mining))
      while (outcomes.at(-1)!.kind === 'more')
      return outcomes
    },
    async entries(list) {
      const shelf = await openShelf({ store, github, repository: REPOSITORY })
      const found: PageEntry[] = []
      for (let n = 0; n < shelf.counts[list]; n++) found.push(...(await shelf.entries(await shelf.get(list, n))))
      return found
    },
    asked() {
      const requests = server.requests().map(({ path: asked }) => asked)
      const fresh = requests.slice(told)
      told = requests.length
      return fresh
    },
    async close() {
      await server.close()
      rmSync(dir, { recursive: true })
    },
  }
  return lab
}

/** A repository whose lists are built once. */
function keepLists(repository: HostedRepository): HostedRepository {
  const lists = new Map<RepositoryList, ListedEntries>()
  return {
    ...repository,
    listed(list) {
      if (!lists.has(list)) lists.set(list, repository.listed(list))
      return lists.get(list)!
    },
  }
}
