import type { EvidenceText, IssueThread, PullRequest } from '../formats/pullRequest.ts'
import { joinIssue, joinPull, type CorpusHome, type MergedInGit } from './corpusTexts.ts'
import type { CommentEntry, IssueEntry, PageEntry, PullEntry, ThreadEntry } from './pageEntry.ts'
import { isBotAccount } from './pullRequest.ts'
import { findNamedNumbers } from './referenceNumber.ts'

/** Of a pull request that names more numbers than this, only the first are looked for among the issues. */
const MOST_ISSUES = 50

/** All evidence of one repository. */
export interface Corpus {
  /** Closed pull requests by number. */
  pulls: PullRequest[]
  /** Issues by number. */
  issues: IssueThread[]
}

/** What {@link assembleCorpus} and {@link assembleGitCorpus} are told. */
export interface CorpusSources extends CorpusHome {
  history: { merged: readonly MergedInGit[]; heads: ReadonlyMap<number, string> }
}

/**
 * Joins what GitHub's pages and git's history say of a repository's pull requests and issues. Entries come in the order
 * in which they were fetched: of two with the same id the last counts. Commits and files are git's, of a pull request
 * that git lacks there are none. Pure.
 */
export function assembleCorpus(options: CorpusSources & { entries: Iterable<PageEntry> }): Corpus {
  const { pulls, issues } = joinCorpus(options)
  return { pulls: nameIssues(pulls, mapIssues(issues)), issues }
}

/** {@link assembleCorpus} but for the issues of the pull requests, which are read from all texts: that takes seconds. */
export function joinCorpus(options: CorpusSources & { entries: Iterable<PageEntry> }): Corpus {
  const { repository, page, history, lacks } = options
  const { pulls, issues, comments, threads } = sortEntries(options.entries)
  const merged = new Map(history.merged.map((pull) => [pull.number, pull]))

  const issueThreads = [...issues.values()]
    .filter(({ isPullRequest }) => !isPullRequest)
    .map((issue) => joinIssue(repository, issue, comments.get(issue.number) ?? []))
    .sort(byNumber)
  // A pull request that the list of pull requests skipped, as a page by number may when one is taken away.
  const skipped = [...issues.values()].filter(({ isPullRequest, number }) => isPullRequest && !pulls.has(number))
  const assembled = [...pulls.values(), ...skipped.map(asPull)]
    .filter(({ isClosed }) => isClosed)
    .map((pull) => {
      const inGit = agreeing(pull, merged.get(pull.number))
      const said = comments.get(pull.number) ?? []
      return joinPull({ repository, page, lacks }, newer(pull, issues.get(pull.number)), {
        inGit,
        headInGit: history.heads.get(pull.number) ?? null,
        comments: said,
        thread: threads.get(pull.number) ?? null,
      })
    })
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
        baseSha: null,
        createdAt: null,
        mergedAt: inGit.mergedAt,
        updatedAt: null,
        url: `${page}/pull/${inGit.number}`,
        labels: [],
      }
      return joinPull({ repository, page, lacks }, bare, {
        inGit,
        mergeText: readMergeText(inGit),
        headInGit: null,
        comments: [],
        thread: null,
      })
    })
  return { pulls: pulls.sort(byNumber), issues: [] }
}

/** What was written when it was merged, unless a commit says it: of a squash often the pull request's own text. */
function readMergeText({ title, body, resultSha, author, commits }: MergedInGit): MergedInGit['commits'] {
  if (body === '' || commits.some((commit) => commit.message.trim().endsWith(body.trim()))) return []
  return [{ sha: resultSha, message: `${title}\n\n${body}`, author }]
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
  return { ...issue, kind: 'pull', mergeCommitSha: null, headSha: null, baseRef: null, baseSha: null }
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

/** Issues by their numbers. */
export function mapIssues(issues: readonly IssueThread[]): ReadonlyMap<number, IssueThread> {
  return new Map(issues.map((issue) => [issue.number, issue]))
}

/** Pull requests with the issues that their texts name. */
export function nameIssues(pulls: readonly PullRequest[], issues: ReadonlyMap<number, IssueThread>): PullRequest[] {
  return pulls.map((pull) => ({ ...pull, issues: namedIssues(pull, issues) }))
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

function byNumber(a: { number: number }, b: { number: number }): number {
  return a.number - b.number
}
