import { z } from 'zod'
import { gitSha, instant } from '../formats/common.ts'

// What prchain reads of GitHub's REST answers, v2022-11-28, and nothing else: the rest of an answer is not looked at.

const number = z.number().int().positive()
/** A user is null when the account was deleted. */
const user = z.object({ login: z.string().nullish(), type: z.string().nullish() }).nullish()

/** An account, as it stands in GitHub's answers. */
export type Account = z.infer<typeof user>

/** `GET /repos/{owner}/{repo}`. `NOASSERTION` stands for a licence that GitHub cannot name. */
export const repository = z.object({
  full_name: z.string(),
  default_branch: z.string(),
  license: z.object({ spdx_id: z.string().nullish() }).nullish(),
})

const labels = z.array(z.union([z.string(), z.object({ name: z.string().nullish() })])).nullish()

/** An entry of `GET /repos/{owner}/{repo}/pulls`. */
export const listedPull = z.object({
  number,
  title: z.string(),
  body: z.string().nullish(),
  user,
  state: z.string().nullish(),
  merged_at: instant.nullish(),
  created_at: instant.nullish(),
  updated_at: instant.nullish(),
  merge_commit_sha: gitSha.nullish(),
  head: z.object({ sha: gitSha.nullish() }).nullish(),
  base: z.object({ ref: z.string().nullish(), sha: gitSha.nullish() }).nullish(),
  html_url: z.string(),
  labels,
})

/** An entry of `GET /repos/{owner}/{repo}/issues`: with `pull_request` it is a pull request. */
export const listedIssue = z.object({
  number,
  title: z.string().nullish(),
  body: z.string().nullish(),
  user,
  state: z.string().nullish(),
  created_at: instant.nullish(),
  updated_at: instant,
  html_url: z.string(),
  labels,
  pull_request: z.object({ merged_at: instant.nullish() }).nullish(),
})

/** An entry of `GET /repos/{owner}/{repo}/issues/comments` or `…/pulls/comments`. */
export const listedComment = z.object({
  id: z.number(),
  user,
  body: z.string().nullish(),
  html_url: z.string().nullish(),
  created_at: instant.nullish(),
  updated_at: instant,
  issue_url: z.string().nullish(),
  pull_request_url: z.string().nullish(),
})

/** `GET /repos/{owner}/{repo}/pulls/{n}`. */
export const pull = z.object({
  number,
  title: z.string(),
  body: z.string().nullish(),
  user,
  merged: z.boolean().nullish(),
  merged_at: instant.nullish(),
  created_at: instant.nullish(),
  merge_commit_sha: gitSha.nullish(),
  head: z.object({ sha: gitSha.nullish() }).nullish(),
  base: z.object({ ref: z.string().nullish(), sha: z.string().nullish() }).nullish(),
  html_url: z.string(),
  labels: z.array(z.object({ name: z.string().nullish() })).nullish(),
  commits: z.number().int().nonnegative().nullish(),
  changed_files: z.number().int().nonnegative().nullish(),
})

/** An entry of the issue comments, the reviews or the review comments. */
export const remark = z.object({
  user,
  body: z.string().nullish(),
  html_url: z.string().nullish(),
  created_at: instant.nullish(),
  /** Of a review. */
  submitted_at: instant.nullish(),
})

/** An entry of `GET /repos/{owner}/{repo}/pulls/{n}/commits`. */
export const commit = z.object({
  sha: gitSha,
  html_url: z.string().nullish(),
  commit: z.object({ message: z.string(), author: z.object({ name: z.string().nullish() }).nullish() }),
  author: user,
})

/** An entry of `GET /repos/{owner}/{repo}/pulls/{n}/files`. */
export const file = z.object({
  filename: z.string(),
  additions: z.number().int().nonnegative(),
  deletions: z.number().int().nonnegative(),
})

/** An entry of `GET /repos/{owner}/{repo}/issues/{n}/timeline`. Only cross-references have a `source.issue`. */
export const timelineEvent = z.object({
  event: z.string().nullish(),
  source: z
    .object({
      issue: z
        .object({
          number,
          repository: z.object({ full_name: z.string() }).nullish(),
          repository_url: z.string().nullish(),
          pull_request: z.object({ url: z.string().nullish() }).nullish(),
        })
        .nullish(),
    })
    .nullish(),
})

/** `GET /repos/{owner}/{repo}/issues/{n}`. With `pull_request` it is a pull request. */
export const issue = z.object({
  number,
  title: z.string().nullish(),
  body: z.string().nullish(),
  pull_request: z.unknown().optional(),
})

const quota = z.object({ limit: z.number().int(), remaining: z.number().int(), reset: z.number() })
/** `GET /rate_limit`. */
export const rateLimit = z.object({ resources: z.object({ core: quota }) })
