import type { EvidenceKind, EvidenceText, IssueThread, PullRequest } from '../formats/pullRequest.ts'
import type { CommentEntry, IssueEntry, PullEntry, ThreadEntry } from './pageEntry.ts'
import { isBotAccount } from './pullRequest.ts'

/** A merged pull request as git has it: as much of `GitPull` as the corpus needs. */
export interface MergedInGit {
  number: number
  resultSha: string
  headSha: string | null
  mergedAt: string
  title: string
  /** What the merge or squash commit says below its title. */
  body: string
  author: string
  branch: string
  files: readonly { path: string; additions: number | null; deletions: number | null }[]
  commits: readonly { sha: string; message: string; author: string }[]
  isProven: boolean
}

/** Whose evidence it is, and what is not to be had of it. */
export interface CorpusHome {
  repository: string
  /** The repository's page, such as `https://github.com/owner/name`. */
  page: string
  /** Kinds of evidence that were not to be had at all. */
  lacks: readonly EvidenceKind[]
}

/** A pull request of what GitHub's lists and git say of it; its `issues` are left to the caller. */
export function joinPull(
  { repository, page, lacks }: CorpusHome,
  pull: PullEntry,
  known: {
    inGit: MergedInGit | null
    /** The merge's own text, where it is to stand among the commits. */
    mergeText?: MergedInGit['commits']
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
    baseSha: pull.baseSha,
    createdAt: pull.createdAt,
    mergedAt: pull.mergedAt,
    url: pull.url,
    labels: pull.labels,
    files: inGit === null ? null : inGit.files.map(({ path, ...counts }) => ({ path, ...countLines(counts) })),
    commitCount: inGit?.commits.length ?? 0,
    texts: [
      ...texts('title', [{ ...own, body: pull.title }]),
      ...texts('body', [{ ...own, body: pull.body ?? '' }]),
      ...[...(inGit?.commits ?? []), ...(known.mergeText ?? [])].map((commit) => readCommit(page, commit)),
      ...texts('comment', ofKind('comment')),
      ...texts('review', thread?.reviews ?? []),
      ...texts('review-comment', ofKind('review-comment')),
    ],
    citedBy: [...new Map((thread?.citedBy ?? []).map((cited) => [cited.number, cited])).values()]
      .filter(({ number }) => number !== pull.number)
      .sort((a, b) => a.number - b.number),
    issues: [],
    closes: [...new Set(thread?.closes)].sort((a, b) => a - b),
    lacks: [...lacks],
  }
}

/** An issue with its thread. */
export function joinIssue(repository: string, issue: IssueEntry, comments: readonly CommentEntry[]): IssueThread {
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
  written: readonly {
    body: string
    url: string | null
    author: string | null
    isBot: boolean
    createdAt?: string | null
  }[],
): EvidenceText[] {
  return written
    .filter(({ body }) => body !== '')
    .map(({ body, url, author, isBot, createdAt }) => ({
      ...{ source, text: body, url, author, isBot, sha: null },
      ...(createdAt == null ? {} : { at: createdAt }),
    }))
}

function readCommit(page: string, { sha, message, author }: MergedInGit['commits'][number]): EvidenceText {
  // Git has a name and no login.
  return {
    source: 'commit',
    text: message,
    url: `${page}/commit/${sha}`,
    author: null,
    isBot: isBotAccount(author),
    sha,
  }
}

/** Git counts no lines of a binary file; GitHub gives 0 for them. */
function countLines(counts: { additions: number | null; deletions: number | null }) {
  return { additions: counts.additions ?? 0, deletions: counts.deletions ?? 0 }
}
