import { z } from 'zod'
import { gitSha, instant, pullNumber, repositoryName } from './common.ts'

/** Where in a pull request's thread a text stands. */
export const textSource = z.enum(['title', 'body', 'commit', 'comment', 'review', 'review-comment'])

/** One piece of text that somebody wrote in a pull request. `author` is null for a deleted user or an unknown one. */
export const evidenceText = z.object({
  source: textSource,
  text: z.string(),
  url: z.string().nullable(),
  author: z.string().nullable(),
  isBot: z.boolean(),
  /** The commit that carries the text, for `source: commit`. */
  sha: gitSha.nullable(),
  /** When it was written, of comments and reviews; absent or null where nobody said. */
  at: instant.nullable().optional(),
})
/** One piece of text that somebody wrote in a pull request. */
export type EvidenceText = z.infer<typeof evidenceText>

/** An issue that a pull request names. Its texts are null where GitHub did not give them. */
export const issue = z.object({ number: pullNumber, title: z.string().nullable(), body: z.string().nullable() })
/** An issue that a pull request names. */
export type Issue = z.infer<typeof issue>

/** An issue with its whole thread. */
export const issueThread = z.object({
  format: z.literal('prchain.issue/1'),
  repository: repositoryName,
  number: pullNumber,
  author: z.string().nullable(),
  isBot: z.boolean(),
  createdAt: instant.nullable(),
  url: z.string(),
  labels: z.array(z.string()),
  /** Title, body, then comments, in GitHub's order. */
  texts: z.array(evidenceText),
})
/** An issue with its whole thread. */
export type IssueThread = z.infer<typeof issueThread>

/** Kinds of evidence that a source may not give: `git` gives commits alone, GitHub without a token no reviews, closings, timeline. */
export const evidenceKind = z.enum([
  'thread',
  'comments',
  'review-comments',
  'reviews',
  'closings',
  'timeline',
  'issues',
])
/** A kind of evidence that a source may not give. */
export type EvidenceKind = z.infer<typeof evidenceKind>

/** A pull request with all evidence that GitHub holds of it. `null` means "GitHub did not say"; nothing is invented. */
export const pullRequest = z.object({
  format: z.literal('prchain.pull-request/1'),
  repository: repositoryName,
  number: pullNumber,
  title: z.string(),
  author: z.string().nullable(),
  isBot: z.boolean(),
  isMerged: z.boolean(),
  mergeCommitSha: gitSha.nullable(),
  headSha: gitSha.nullable(),
  baseRef: z.string().nullable(),
  /** The base commit as GitHub names it; it goes stale, and is only compared with B_t. */
  baseSha: gitSha.nullable().optional(),
  createdAt: instant.nullable(),
  mergedAt: instant.nullable(),
  url: z.string(),
  labels: z.array(z.string()),
  /** The pull request's own file list, or null where GitHub did not give it. */
  files: z.array(z.object({ path: z.string(), additions: z.number().int(), deletions: z.number().int() })).nullable(),
  /** The number of commits on the pull request's branch; 0 where unknown. */
  commitCount: z.number().int().nonnegative(),
  /** Every text of the thread, the title and the body first, then commits, comments, reviews, review comments. */
  texts: z.array(evidenceText),
  /** Numbers of the same repository whose thread GitHub's timeline says cites this one. */
  citedBy: z.array(z.object({ number: pullNumber, isPullRequest: z.boolean() })),
  /** Issues of the same repository that the texts name and GitHub answered for. */
  issues: z.array(issue),
  /** Issues of the same repository that GitHub says it closes. */
  closes: z.array(pullNumber).default([]),
  /** Evidence that could not be had of it; empty where all was asked for. */
  lacks: z.array(evidenceKind).default([]),
})
/** A pull request with all evidence that GitHub holds of it. */
export type PullRequest = z.infer<typeof pullRequest>
