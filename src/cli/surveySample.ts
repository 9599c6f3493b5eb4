import { assembleCorpus } from '../domain/corpus.ts'
import { writeCursor } from '../domain/pageCursor.ts'
import type { CommentEntry, PageEntry, RepositoryEntry } from '../domain/pageEntry.ts'
import { isBotAccount } from '../domain/pullRequest.ts'
import type { Sample } from '../domain/survey.ts'
import type { PageList } from '../formats/mining.ts'
import type { PullHistory } from '../git/port.ts'
import type { GitHub } from '../github/port.ts'

/** The sample begins where this many of the newest merged pull requests begin. */
const SAMPLED = 60
/** Where a sample begins that takes in all there is. */
export const FIRST_INSTANT = '1970-01-01T00:00:00Z'
/** Pages of each list; with the repository's own call this makes ten calls at most. */
const PAGES = 3
const LISTS = ['issues', 'comments', 'review-comments'] as const satisfies PageList[]

/** What a few calls to GitHub said of a repository. */
export interface FewCalls {
  repository: RepositoryEntry | null
  /** Null where git has no merged pull request, or GitHub did not answer. */
  sample: (Sample & { since: string; until: string }) | null
  calls: number
  /** What GitHub has left for this caller; null where it does not say. */
  remaining: number | null
  /** Why GitHub was not asked to the end; null when it was. */
  failure: string | null
}

/**
 * Asks GitHub, in at most ten calls, for the repository and for what was said of its newest pull requests: issues and
 * pull requests, comments and review comments since the merge of the sixtieth from the end. Where three pages of a list
 * do not reach the present, the sample ends where the shortest list does.
 */
export async function sampleGitHub(options: {
  github: GitHub
  repository: string
  /** The repository's page, such as `https://github.com/owner/name`. */
  page: string
  history: PullHistory | null
}): Promise<FewCalls> {
  const { github, repository, page, history } = options
  const found: FewCalls = { repository: null, sample: null, calls: 0, remaining: null, failure: null }
  const since = history?.merged
    .filter(({ isProven }) => isProven)
    .map(({ mergedAt }) => mergedAt)
    .sort()
    .at(-SAMPLED - 1)
  try {
    const [about] = (await ask('repository', '')).entries
    if (about?.kind === 'repository') found.repository = about
    if (history === null || history.merged.length === 0) return found
    found.sample = await readSample(history, since ?? FIRST_INSTANT)
  } catch (error) {
    if ((error as Error).name !== 'GitHubError') throw error
    found.failure = (error as Error).message
  }
  return found

  async function ask(list: PageList, cursor: string): Promise<{ entries: PageEntry[]; next: string | null }> {
    found.calls++
    const { raw, next, quota } = await github.fetchPage(repository, { list, cursor, etag: null })
    found.remaining = quota?.remaining ?? found.remaining
    return { entries: raw === null ? [] : github.readPage(repository, { list, cursor, raw }), next }
  }

  async function readSample(merged: PullHistory, begin: string): Promise<FewCalls['sample']> {
    const entries: PageEntry[] = []
    let until = new Date().toISOString()
    for (const list of LISTS) {
      let cursor: string | null = writeCursor({ since: begin })
      let newest: string | null = null
      for (let n = 0; n < PAGES && cursor !== null; n++) {
        const asked: Awaited<ReturnType<typeof ask>> = await ask(list, cursor)
        entries.push(...asked.entries)
        newest = asked.entries.reduce<string | null>((latest, entry) => later(latest, timeOf(entry)), newest)
        cursor = asked.next
      }
      if (cursor !== null && newest !== null && newest < until) until = newest
    }
    const { pulls, issues } = assembleCorpus({ repository, page, history: merged, lacks: ['reviews'], entries })
    const isWithin = (time: string | null) => time !== null && time > begin && time <= until
    const authors = new Map(pulls.map(({ number, author }) => [number, author]))
    const isByOther = ({ number, author, isBot, updatedAt }: CommentEntry) =>
      !isBot && merged.heads.has(number) && author !== null && author !== authors.get(number) && isWithin(updatedAt)
    const said = entries.filter(
      (entry): entry is CommentEntry => entry.kind === 'comment' || entry.kind === 'review-comment',
    )
    return {
      since: begin,
      until,
      pulls: pulls.filter(({ isMerged, mergedAt }) => isMerged && isWithin(mergedAt)),
      issues,
      comments: said.filter(isByOther).length,
      mergedByPeople: merged.merged.filter(
        ({ isProven, author, mergedAt }) => isProven && !isBotAccount(author) && isWithin(mergedAt),
      ).length,
    }
  }
}

function timeOf(entry: PageEntry): string | null {
  return 'updatedAt' in entry ? entry.updatedAt : null
}

function later(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b
  return a > b ? a : b
}
