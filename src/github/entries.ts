import type { z } from 'zod'
import type { CommentEntry, IssueEntry, PullEntry, RepositoryEntry, Writer } from '../domain/pageEntry.ts'
import { isBotAccount } from '../domain/pullRequest.ts'
import type * as answers from './answers.ts'

/** Who wrote it, of an account of GitHub's answers. */
export function readWriter(user: answers.Account): Writer {
  const author = user?.login ?? null
  return { author, isBot: isBotAccount(author, user?.type ?? null) }
}

/** The repository of its own answer. */
export function readRepository(found: z.infer<typeof answers.repository>): RepositoryEntry {
  const license = found.license?.spdx_id ?? null
  return {
    kind: 'repository',
    fullName: found.full_name,
    defaultBranch: found.default_branch,
    license: license === 'NOASSERTION' ? null : license,
  }
}

/** A pull request of the list of pull requests. */
export function readListedPull(pull: z.infer<typeof answers.listedPull>): PullEntry {
  const mergedAt = pull.merged_at ?? null
  return {
    kind: 'pull',
    number: pull.number,
    title: pull.title,
    body: pull.body ?? null,
    ...readWriter(pull.user),
    isClosed: pull.state === 'closed' || mergedAt !== null,
    // Of an unmerged pull request GitHub gives the commit of a trial merge here.
    mergeCommitSha: mergedAt === null ? null : (pull.merge_commit_sha ?? null),
    headSha: pull.head?.sha ?? null,
    baseRef: pull.base?.ref ?? null,
    baseSha: pull.base?.sha ?? null,
    createdAt: pull.created_at ?? null,
    mergedAt,
    updatedAt: pull.updated_at ?? null,
    url: pull.html_url,
    labels: readLabels(pull.labels),
  }
}

/** An entry of the list of issues. */
export function readListedIssue(issue: z.infer<typeof answers.listedIssue>): IssueEntry {
  return {
    kind: 'issue',
    number: issue.number,
    isPullRequest: issue.pull_request != null,
    mergedAt: issue.pull_request?.merged_at ?? null,
    title: issue.title ?? '',
    body: issue.body ?? null,
    ...readWriter(issue.user),
    isClosed: issue.state === 'closed',
    createdAt: issue.created_at ?? null,
    updatedAt: issue.updated_at,
    url: issue.html_url,
    labels: readLabels(issue.labels),
  }
}

/** A comment of one of the two lists of comments; null for one whose address names no thread. */
export function readListedComment(
  kind: CommentEntry['kind'],
  comment: z.infer<typeof answers.listedComment>,
): CommentEntry | null {
  const address = comment.issue_url ?? comment.pull_request_url ?? comment.html_url ?? ''
  const number = Number(/\/(?:issues|pulls?)\/(\d+)/.exec(address)?.[1] ?? 0)
  if (number === 0) return null
  return {
    kind,
    id: String(comment.id),
    number,
    body: comment.body ?? '',
    url: comment.html_url ?? null,
    createdAt: comment.created_at ?? null,
    updatedAt: comment.updated_at,
    ...readWriter(comment.user),
  }
}

function readLabels(labels: z.infer<typeof answers.listedPull>['labels']): string[] {
  return (labels ?? []).flatMap((label) => {
    const name = typeof label === 'string' ? label : label.name
    return name ? [name] : []
  })
}
