import type { z } from 'zod'
import { findNamedNumbers } from '../domain/referenceNumber.ts'
import { repositoryName } from '../formats/common.ts'
import type { EvidenceText, Issue, PullRequest } from '../formats/pullRequest.ts'
import * as answers from './answers.ts'
import { readWriter } from './entries.ts'
import { createPages } from './pages.ts'
import { GitHubError, type GitHub } from './port.ts'
import { createRequests, type Requests } from './requests.ts'

/** Of a pull request that names more numbers than this, only the first are asked for as issues. */
const MAX_ISSUES = 50

/**
 * GitHub by its REST API at `apiUrl` (`https://api.github.com`, `https://HOST/api/v3`) and the GraphQL beside it. Limits
 * are thrown as {@link GitHubError} `limited` with `retryAfterMs`; nothing is retried, but a page of threads that is too
 * much for GitHub is asked for in smaller parts. `requestTimeoutMs` bounds each request, its body included;
 * `callsPerMinute` is kept by waiting. The token is in no error and no log.
 */
export function createGitHub(options: {
  apiUrl: string
  token: string | null
  requestTimeoutMs?: number
  callsPerMinute?: number
  serverUrl?: string
}): GitHub {
  const serverUrl = (options.serverUrl ?? 'https://github.com').replace(/\/+$/, '')
  const requests = createRequests({ requestTimeoutMs: 30_000, callsPerMinute: 850, ...options })
  return {
    hasToken: options.token !== null,
    pageOf: (repository) => `${serverUrl}/${repository}`,
    ...createPages(requests, repositoryPath),
    async fetchPullRequest(repository, number) {
      const base = repositoryPath(repository)
      const pull = await requests.get(`${base}/pulls/${number}`, answers.pull)
      const [comments, reviews, reviewComments, commits, files, timeline] = await Promise.all([
        requests.list(`${base}/issues/${number}/comments`, answers.remark),
        requests.list(`${base}/pulls/${number}/reviews`, answers.remark),
        requests.list(`${base}/pulls/${number}/comments`, answers.remark),
        requests.list(`${base}/pulls/${number}/commits`, answers.commit),
        requests.list(`${base}/pulls/${number}/files`, answers.file),
        requests.list(`${base}/issues/${number}/timeline`, answers.timelineEvent),
      ])
      const own = {
        source: 'title',
        text: pull.title,
        url: pull.html_url,
        ...readWriter(pull.user),
        sha: null,
      } as const
      const texts: EvidenceText[] = [
        own,
        ...(pull.body ? [{ ...own, source: 'body' as const, text: pull.body }] : []),
        ...commits.map(readCommit),
        ...readRemarks('comment', comments),
        ...readRemarks('review', reviews),
        ...readRemarks('review-comment', reviewComments),
      ]
      const isMerged = pull.merged ?? pull.merged_at != null
      const evidence: PullRequest = {
        format: 'prchain.pull-request/1',
        repository,
        number,
        title: pull.title,
        ...readWriter(pull.user),
        isMerged,
        // Of an unmerged pull request GitHub gives the commit of a trial merge here.
        mergeCommitSha: isMerged ? (pull.merge_commit_sha ?? null) : null,
        headSha: pull.head?.sha ?? null,
        baseRef: pull.base?.ref ?? null,
        baseSha: pull.base?.sha ?? null,
        createdAt: pull.created_at ?? null,
        mergedAt: pull.merged_at ?? null,
        url: pull.html_url,
        labels: (pull.labels ?? []).flatMap(({ name }) => (name ? [name] : [])),
        files: readFiles(files, pull.changed_files ?? null),
        commitCount: pull.commits ?? commits.length,
        texts,
        citedBy: readCitedBy(timeline, repository),
        issues: [],
        closes: [],
        lacks: [],
      }
      return { ...evidence, issues: await fetchIssues(requests, base, evidence) }
    },
    async rateLimit() {
      const { core } = (await requests.get('/rate_limit', answers.rateLimit)).resources
      return { limit: core.limit, remaining: core.remaining, resetsAt: new Date(core.reset * 1000).toISOString() }
    },
  }
}

function repositoryPath(repository: string): string {
  if (!repositoryName.safeParse(repository).success) {
    throw new TypeError(`repository is "${repository}"; expected owner/name`)
  }
  return `/repos/${repository}`
}

function readCommit(commit: z.infer<typeof answers.commit>): EvidenceText {
  const { author, isBot } = readWriter(commit.author)
  const gitName = commit.commit.author?.name ?? ''
  return {
    source: 'commit',
    text: commit.commit.message,
    url: commit.html_url ?? null,
    author,
    isBot: isBot || (author === null && gitName.endsWith('[bot]')),
    sha: commit.sha,
  }
}

function readRemarks(source: EvidenceText['source'], remarks: z.infer<typeof answers.remark>[]): EvidenceText[] {
  return remarks.flatMap(({ user, body, html_url, created_at, submitted_at }) =>
    body
      ? [
          {
            source,
            text: body,
            url: html_url ?? null,
            ...readWriter(user),
            sha: null,
            at: created_at ?? submitted_at ?? null,
          },
        ]
      : [],
  )
}

/** Null unless the list is whole: GitHub ends it at 3,000 files, and a recording may lack it. */
function readFiles(files: z.infer<typeof answers.file>[], changedFiles: number | null): PullRequest['files'] {
  if (changedFiles === null ? files.length === 0 : files.length !== changedFiles) return null
  return files.map(({ filename, additions, deletions }) => ({ path: filename, additions, deletions }))
}

function readCitedBy(timeline: z.infer<typeof answers.timelineEvent>[], repository: string): PullRequest['citedBy'] {
  const own = repository.toLowerCase()
  const cited = timeline.flatMap(({ event, source }) => {
    const issue = event === 'cross-referenced' ? source?.issue : null
    if (!issue) return []
    const address = issue.repository_url ?? issue.pull_request?.url ?? ''
    const home = issue.repository?.full_name ?? /\/repos\/([^/]+\/[^/]+)/.exec(address)?.[1] ?? repository
    return home.toLowerCase() === own ? [[issue.number, issue.pull_request != null] as const] : []
  })
  return [...new Map(cited)]
    .map(([number, isPullRequest]) => ({ number, isPullRequest }))
    .sort((a, b) => a.number - b.number)
}

async function fetchIssues(requests: Requests, base: string, pull: PullRequest): Promise<Issue[]> {
  const numbers = findNamedNumbers(pull)
    .slice(0, MAX_ISSUES)
    .sort((a, b) => a - b)
  const fetched = await Promise.all(numbers.map((number) => fetchIssue(requests, `${base}/issues/${number}`)))
  return fetched.filter((issue) => issue !== null)
}

async function fetchIssue(requests: Requests, path: string): Promise<Issue | null> {
  try {
    const { number, title, body, pull_request } = await requests.get(path, answers.issue)
    return pull_request == null ? { number, title: title ?? null, body: body ?? null } : null
  } catch (error) {
    // A text may name a number that never was, was deleted, or is another repository's.
    if (error instanceof GitHubError && error.kind === 'missing') return null
    throw error
  }
}
