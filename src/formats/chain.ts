import { z } from 'zod'
import { blobRef, gitSha, instant, pullNumber, repositoryName } from './common.ts'
import { textSource } from './pullRequest.ts'

/**
 * What the words around a reference say of the two pull requests. `extends`, `fixes` and `sibling` make links;
 * the rest is shown and does not.
 */
export const cue = z.enum(['extends', 'fixes', 'sibling', 'mentions', 'contrasts', 'reverts', 'backports', 'releases'])
/** What the words around a reference say of the two pull requests. */
export type Cue = z.infer<typeof cue>

/** One piece of evidence that the pull request `from` cites the earlier one `to`. */
export const reference = z.object({
  from: pullNumber,
  to: pullNumber,
  /** Where it stands. `closing`: GitHub's own record of what a pull request closes. `diff`: no text, only the two changes. */
  source: z.union([textSource, z.enum(['timeline', 'closing', 'diff'])]),
  cue,
  /** The issue through which the reference goes, or null for a direct one. */
  viaIssue: pullNumber.nullable(),
  /** How that issue belongs to the earlier pull request: the words of the one or the other, at most 400 characters. */
  viaText: z.string().nullable().default(null),
  /** Whether it says no more than that both close the issue. */
  isClosing: z.boolean().default(false),
  /** The sentence that carries the reference, at most 400 characters. */
  text: z.string(),
  url: z.string().nullable(),
  author: z.string().nullable(),
  isBot: z.boolean().default(false),
})
/** One piece of evidence that a pull request cites another. */
export type Reference = z.infer<typeof reference>

/** All references from one pull request to an earlier one, with a score from 0 to 1. */
export const link = z.object({
  from: pullNumber,
  to: pullNumber,
  score: z.number().min(0).max(1),
  /** `stated`: somebody says so. `distant`: no text does, the two changes touch the same lines or symbols. */
  kind: z.enum(['stated', 'distant']).default('stated'),
  references: z.array(reference).min(1),
  /** What the two changes have in common; null where it was not looked at. */
  overlap: z
    .object({
      /** Source files that both change. */
      files: z.array(z.string()),
      /** Names that both change or add. */
      symbols: z.array(z.string()),
      /** Lines that the later one changes and the earlier one wrote. */
      lines: z.number().int().nonnegative(),
    })
    .nullable()
    .default(null),
  /** What a model said of the link, when it was asked. */
  judgement: z
    .object({ isLink: z.boolean(), reason: z.string(), model: z.string(), call: z.string() })
    .nullable()
    .default(null),
})
/** All references from one pull request to an earlier one. */
export type Link = z.infer<typeof link>

/** How a path changed. `renamed` has `oldPath`. */
export const fileChange = z.object({
  path: z.string(),
  oldPath: z.string().nullable(),
  kind: z.enum(['added', 'modified', 'deleted', 'renamed', 'type-changed', 'mode-changed']),
  oldMode: z.string(),
  newMode: z.string(),
  /** Lines added and deleted; null for a binary file. */
  additions: z.number().int().nullable(),
  deletions: z.number().int().nullable(),
})
/** How a path changed. */
export type FileChange = z.infer<typeof fileChange>

/** One pull request of a chain, with the commits that define it (B_t, H_t) and its reference patch. */
export const stage = z.object({
  number: pullNumber,
  title: z.string(),
  url: z.string(),
  mergedAt: instant,
  style: z.enum(['merge', 'squash', 'rebase']),
  /** B_t: the first parent of the merge or squash commit, or the parent of the first rebased commit. */
  baseSha: gitSha,
  /** H_t: the merge or squash commit, or the last rebased one. */
  resultSha: gitSha,
  /** The head of the pull request's branch, from `refs/pull/N/head`. */
  headSha: gitSha,
  files: z.array(fileChange),
  /** Those of `files` that are tests: hidden from the agent, used for grading. */
  testFiles: z.array(z.string()),
  /** What to know of its commits, in words: other pull requests that it absorbed or stands on, a base that GitHub names otherwise. */
  flags: z.array(z.string()).default([]),
  /** diff(B_t, H_t) with full headers, binary files included. */
  patch: blobRef,
  /** The pull request's evidence, as `formats/pullRequest.ts` describes it. */
  pullRequest: blobRef,
})
/** One pull request of a chain. */
export type Stage = z.infer<typeof stage>

/** A chain of pull requests in dependency order. */
export const chain = z.object({
  format: z.literal('prchain.chain/1'),
  id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$/, 'letters, digits, ".", "_" and "-", at most 120'),
  repository: repositoryName,
  source: z.enum(['mined', 'imported']),
  /** How its pull requests were chosen: by what they cite, as neighbours in time, one alone, or by hand. */
  mode: z.enum(['semantic', 'temporal', 'single', 'given']).default('semantic'),
  /** `path`: each stage links to the one right before it. `star`: some do not. `given`: no links chose them. */
  shape: z.enum(['path', 'star', 'given']),
  /** Of the repository when it was mined; null where nobody said. */
  license: z.string().nullable().default(null),
  /** Shares of the repository's source bytes by language, the largest first. */
  languages: z.array(z.object({ name: z.string(), share: z.number().min(0).max(1) })).default([]),
  links: z.array(link),
  stages: z.array(stage).min(1),
})
/** A chain of pull requests in dependency order. */
export type Chain = z.infer<typeof chain>

/** One line of a file for `prchain chains import`. */
export const chainImport = z.strictObject({
  repo: repositoryName,
  prs: z.array(pullNumber).min(1),
  id: chain.shape.id.optional(),
})
/** One line of a file for `prchain chains import`. */
export type ChainImport = z.infer<typeof chainImport>
