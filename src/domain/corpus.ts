import type { EvidenceKind, EvidenceText, IssueThread, PullRequest } from '../formats/pullRequest.ts'
import type { CommentEntry, IssueEntry, PageEntry, PullEntry, ThreadEntry } from './pageEntry.ts'
import { isBotAccount } from './pullRequest.ts'
import { findNamedNumbers } from './referenceNumber.ts'

/** Of a pull request that names more numbers than this, only the first are looked for among the issues. */
const MOST_ISSUES = 50

/** A merged pull request as git has it: as much of `GitPull` as the corpus needs. */
export interface MergedInGit {
  number: number
  resultSha: string
  headSha: string | null
  mergedAt: string
  title: string
  author: string
  branch: string
  files: readonly { path: string; additions: number | null; deletions: number | null }[]
  commits: readonly { sha: string; message: string; author: string }[]
  isProven: boolean
}

/** All evidence of one repository. */
export interface Corpus {
  /** Closed pull requests by number. */
  pulls: PullRequest[]
  /** Issues by number. */
  issues: IssueThread[]
}

/** What {@link assembleCorpus} and {@link assembleGitCorpus} are told. */
export interface CorpusSources {
  repository: string
  /** The repository's page, such as `https://github.com/owner/name`. */
  page: string
  history: { merged: readonly MergedInGit[]; heads: ReadonlyMap<number, string> }
  /** Kinds of evidence that were not to be had at all. */
  lacks: readonly EvidenceKind[]
}

/**
 * Joins what GitHub's pages and git's history say of a repository's pull requests and issues. Entries come in the order
 * in which they were fetched: of two with the same id the last counts. Commits and files are git's, of a pull request
 * that git lacks there are none. Pure.
 */
export function assembleCorpus(options: CorpusSources & { entries: Iterable<PageEntry> }): Corpus {
  const { repository, page, history, lacks } = options
  const { pulls, issues, comments, threads } = sortEntries(options.entries)
  const merged = new Map(history.merged.map((pull) => [pull.number, pull]))

  const issueThreads = [...issues.values()]
    .filter(({ isPullRequest }) => !isPullRequest)
    .map((issue) => readIssue(repository, issue, comments.get(issue.number) ?? []))
    .sort(byNumber)
  const texts = new Map(issueThreads.map((issue) => [issue.number, issue]))
  // A pull request that the list of pull requests skipped, as a page by number may when one is taken away.
  const skipped = [...issues.values()].filter(({ isPullRequest, number }) => isPullRequest && !pulls.has(number))
  const assembled = [...pulls.values(), ...skipped.map(asPull)]
    .filter(({ isClosed }) => isClosed)
    .map((pull) => {
      const inGit = agreeing(pull, merged.get(pull.number))
      const said = comments.get(pull.number) ?? []
      return readPull({ repository, page, lacks }, newer(pull, issues.get(pull.number)), {
        inGit,
        headInGit: history.heads.get(pull.number) ?? null,
        comments: said,
        thread: threads.get(pull.number) ?? null,
      })
    })
    .map((pull) => ({ ...pull, issues: namedIssues(pull, texts) }))
    .sort(byNumber)
  return { pulls: assembled, issues: issueThreads }
}

/**
 * The corpus of git's history alone: merged pull requests whose head is known and agrees with their merge, with the
 * texts of their commits. Numbers of a repository's former home or of a fork have no such head. Pure.
 */
export function assembleGitCorpus({ repository, page, history, lacks }: CorpusSources): Corpus {
  const pulls = history.merged
    .filter(({ isProven }) => isProven)
    .map((inGit) => {
      const bare: PullEntry = {
        kind: 'pull',
        number: inGit.number,
        title: inGit.title,
        body: null,
        // Git has a name and no login.
        author: null,
        isBot: isBotAccount(inGit.author),
        isClosed: true,
        mergeCommitSha: inGit.resultSha,
        headSha: inGit.headSha,
        baseRef: inGit.branch,
        createdAt: null,
        mergedAt: inGit.mergedAt,
        updatedAt: null,
        url: `${page}/pull/${inGit.number}`,
        labels: [],
      }
      return readPull({ repository, page, lacks }, bare, { inGit, headInGit: null, comments: [], thread: null })
    })
  return { pulls: pulls.sort(byNumber), issues: [] }
}

interface Sorted {
  pulls: Map<number, PullEntry>
  issues: Map<number, IssueEntry>
  /** By the number of their thread, in the order in which they were written. */
  comments: Map<number, CommentEntry[]>
  threads: Map<number, ThreadEntry>
}

function sortEntries(entries: Iterable<PageEntry>): Sorted {
  const pulls = new Map<number, PullEntry>()
  const issues = new Map<number, IssueEntry>()
  const threads = new Map<number, ThreadEntry>()
  const byId = new Map<string, CommentEntry>()
  for (const entry of entries) {
    switch (entry.kind) {
      case 'repository':
        break
      case 'pull':
        if (!isOlder(entry.updatedAt, pulls.get(entry.number)?.updatedAt)) pulls.set(entry.number, entry)
        break
      case 'issue':
        if (!isOlder(entry.updatedAt, issues.get(entry.number)?.updatedAt)) issues.set(entry.number, entry)
        break
      case 'comment':
      case 'review-comment':
        byId.set(`${entry.kind} ${entry.id}`, entry)
        break
      case 'thread':
        threads.set(entry.number, entry.isWhole ? entry : joinThreads(threads.get(entry.number), entry))
        break
      default:
        entry satisfies never
    }
  }
  const inOrder = [...byId.values()].sort((a, b) => Number(a.id) - Number(b.id))
  return { pulls, issues, threads, comments: Map.groupBy(inOrder, ({ number }) => number) }
}

function isOlder(time: string | null, than: string | null | undefined): boolean {
  return time !== null && than != null && Date.parse(time) < Date.parse(than)
}

function joinThreads(before: ThreadEntry | undefined, more: ThreadEntry): ThreadEntry {
  if (!before) return more
  return {
    ...before,
    reviews: [...before.reviews, ...more.reviews],
    closes: [...before.closes, ...more.closes],
    citedBy: [...before.citedBy, ...more.citedBy],
  }
}

function asPull(issue: IssueEntry): PullEntry {
  return { ...issue, kind: 'pull', mergeCommitSha: null, headSha: null, baseRef: null }
}

/** A pull request with the title and labels of the issues' list where that is newer. */
function newer(pull: PullEntry, issue: IssueEntry | undefined): PullEntry {
  if (!issue || !isOlder(pull.updatedAt, issue.updatedAt)) return pull
  return { ...pull, title: issue.title, labels: issue.labels, updatedAt: issue.updatedAt }
}

/** What git has of a merged pull request, unless it is another one's: a number may be of a repository's former home. */
function agreeing(pull: PullEntry, inGit: MergedInGit | undefined): MergedInGit | null {
  if (!inGit || pull.mergedAt === null) return null
  if (pull.mergeCommitSha === null) return inGit.isProven ? inGit : null
  return pull.mergeCommitSha === inGit.resultSha || inGit.isProven ? inGit : null
}

function readPull(
  { repository, page, lacks }: Pick<CorpusSources, 'repository' | 'page' | 'lacks'>,
  pull: PullEntry,
  known: {
    inGit: MergedInGit | null
    headInGit: string | null
    comments: readonly CommentEntry[]
    thread: ThreadEntry | null
  },
): PullRequest {
  const { inGit, thread } = known
  const { author, isBot } = pull
  const own = { url: pull.url, author, isBot, sha: null }
  const ofKind = (kind: CommentEntry['kind']) => known.comments.filter((comment) => comment.kind === kind)
  return {
    format: 'prchain.pull-request/1',
    repository,
    number: pull.number,
    title: pull.title,
    author,
    isBot,
    isMerged: pull.mergedAt !== null,
    mergeCommitSha: pull.mergeCommitSha ?? inGit?.resultSha ?? null,
    headSha: pull.headSha ?? inGit?.headSha ?? known.headInGit,
    baseRef: pull.baseRef ?? inGit?.branch ?? null,
    createdAt: pull.createdAt,
    mergedAt: pull.mergedAt,
    url: pull.url,
    labels: pull.labels,
    files: inGit === null ? null : inGit.files.map(({ path, ...counts }) => ({ path, ...countLines(counts) })),
    commitCount: inGit?.commits.length ?? 0,
    texts: [
      ...texts('title', [{ ...own, body: pull.title }]),
      ...texts('body', [{ ...own, body: pull.body ?? '' }]),
      ...(inGit?.commits ?? []).map((commit) => readCommit(page, commit)),
      ...texts('comment', ofKind('comment')),
      ...texts('review', thread?.reviews ?? []),
      ...texts('review-comment', ofKind('review-comment')),
    ],
    citedBy: [...new Map((thread?.citedBy ?? []).map((cited) => [cited.number, cited])).values()]
      .filter(({ number }) => number !== pull.number)
      .sort(byNumber),
    issues: [],
    closes: [...new Set(thread?.closes)].sort((a, b) => a - b),
    lacks: [...lacks],
  }
}

function readIssue(repository: string, issue: IssueEntry, comments: readonly CommentEntry[]): IssueThread {
  const { number, author, isBot, createdAt, url, labels } = issue
  const own = { url, author, isBot }
  return {
    format: 'prchain.issue/1',
    repository,
    number,
    author,
    isBot,
    createdAt,
    url,
    labels,
    texts: [
      ...texts('title', [{ ...own, body: issue.title }]),
      ...texts('body', [{ ...own, body: issue.body ?? '' }]),
      ...texts('comment', comments),
    ],
  }
}

/** Texts that are not empty, as evidence. */
function texts(
  source: EvidenceText['source'],
  written: readonly { body: string; url: string | null; author: string | null; isBot: boolean }[],
): EvidenceText[] {
  return written
    .filter(({ body }) => body !== '')
    .map(({ body, url, author, isBot }) => ({ source, text: body, url, author, isBot, sha: null }))
}

function readCommit(page: string, { sha, message, author }: MergedInGit['commits'][number]): EvidenceText {
  // Git has a name and no login.
  return { source: 'commit', text: message, url: `${page}/commit/${sha}`, author: null, isBot: isBotAccount(author), sha }
}

function namedIssues(pull: PullRequest, threads: ReadonlyMap<number, IssueThread>): PullRequest['issues'] {
  return findNamedNumbers(pull)
    .filter((number) => threads.has(number))
    .slice(0, MOST_ISSUES)
    .sort((a, b) => a - b)
    .map((number) => {
      const said = threads.get(number)!.texts
      const textOf = (source: EvidenceText['source']) => said.find((text) => text.source === source)?.text ?? null
      return { number, title: textOf('title'), body: textOf('body') }
    })
}

/** Git counts no lines of a binary file; GitHub gives 0 for them. */
function countLines(counts: { additions: number | null; deletions: number | null }) {
  return { additions: counts.additions ?? 0, deletions: counts.deletions ?? 0 }
}

function byNumber(a: { number: number }, b: { number: number }): number {
  return a.number - b.number
}
