import { z } from 'zod'
import { cue, link } from './chain.ts'
import { blobRef, gitSha, instant, repositoryName } from './common.ts'
import { evidenceKind } from './pullRequest.ts'

/** The lists that mining reads of a repository, a page at a time. `threads` is GraphQL's, the others are REST's. */
export const pageList = z.enum(['repository', 'pulls', 'issues', 'comments', 'review-comments', 'threads'])
/** A list that mining reads of a repository. */
export type PageList = z.infer<typeof pageList>

/** One page of a list as GitHub gave it. Numbered by list over all minings of a repository; never changed. */
export const pageRecord = z.object({
  format: z.literal('prchain.page/1'),
  list: pageList,
  /** The mining that asked for it, from 0. */
  mining: z.number().int().nonnegative(),
  /** Where the page begins, as the one before said. */
  cursor: z.string(),
  /** Where the next begins; null when this is the list's last for its mining. */
  next: z.string().nullable(),
  /** GitHub's mark of this answer, sent along when the same is asked again. */
  etag: z.string().nullable(),
  entries: z.number().int().nonnegative(),
  /** The answer's bytes as sent, gzipped; null when GitHub said that nothing changed, or with no `etag` that there is no such list. */
  blob: blobRef.nullable(),
  /** So many pages follow, as far as GitHub told; null where it did not. */
  pagesLeft: z.number().int().nonnegative().nullable(),
  /** Calls that it took, and GraphQL's points. */
  calls: z.number().int(),
  points: z.number().int(),
  fetchedAt: instant,
})
/** One page of a list as GitHub gave it. */
export type PageRecord = z.infer<typeof pageRecord>

/** How a repository's pull requests become chains. */
export const miningMode = z.enum(['semantic', 'temporal', 'single'])
/** How a repository's pull requests become chains. */
export type MiningMode = z.infer<typeof miningMode>

/** Where evidence comes from: GitHub and git, or commit texts alone. */
export const miningSource = z.enum(['github', 'git'])
/** Where evidence comes from. */
export type MiningSource = z.infer<typeof miningSource>

/** What is known of a repository as a whole. */
export const repositoryFacts = z.object({
  defaultBranch: z.string(),
  /** The commit that the default branch was at. */
  headSha: gitSha,
  /** SPDX id; null where neither GitHub nor the licence file says one. */
  license: z.string().nullable(),
  /** Shares of the source files' bytes by language, the largest first. */
  languages: z.array(z.object({ name: z.string(), share: z.number().min(0).max(1) })),
})
/** What is known of a repository as a whole. */
export type RepositoryFacts = z.infer<typeof repositoryFacts>

/** What a mining gathered, before anything was linked. Numbered as minings are; linking can begin here again. */
export const gathering = z.object({
  format: z.literal('prchain.gathering/1'),
  repository: repositoryName,
  source: miningSource,
  gatheredAt: instant,
  facts: repositoryFacts,
  /** Kinds of evidence that could not be had, and why, in words. */
  lacks: z.array(z.object({ kind: evidenceKind, reason: z.string() })),
  /** So many pages of each list, counted over all minings, are behind this one. */
  pages: z.partialRecord(pageList, z.number().int()),
  /** Calls that it took: answered and answered "unchanged" over REST, over GraphQL, and GraphQL's points. */
  calls: z.object({
    rest: z.number().int(),
    unchanged: z.number().int(),
    graphql: z.number().int(),
    points: z.number().int(),
  }),
  /** The evidence in the store, as JSON lines in order of the numbers, some hundred a blob. */
  pulls: z.array(blobRef),
  issues: z.array(blobRef),
})
/** What a mining gathered. */
export type Gathering = z.infer<typeof gathering>

/** How many were left after each step, and what the reports count. */
export const miningCounts = z.object({
  /** Closed pull requests, merged or not. */
  pullRequests: z.number().int(),
  merged: z.number().int(),
  /** Merged, by a person, with a source file changed: what is left after the filter. */
  effective: z.number().int(),
  /** Of the effective ones: with a test file changed; with a review or a comment by another person. */
  withTests: z.number().int(),
  reviewed: z.number().int(),
  issues: z.number().int(),
  references: z.number().int(),
  /** Pairs of pull requests with at least one reference, and those of them that can hold a chain. */
  pairs: z.number().int(),
  links: z.number().int(),
  /** Links that no text states and that were proposed; links that a model was asked about, and those that it refused. */
  distant: z.number().int().default(0),
  judged: z.number().int().default(0),
  refused: z.number().int().default(0),
})
/** How many were left after each step. */
export type MiningCounts = z.infer<typeof miningCounts>

/** What becomes of links that no text states: they are not looked for, proposed only, or hold chains as others do. */
export const distantLinks = z.enum(['none', 'propose', 'chain'])
/** What becomes of links that no text states. */
export type DistantLinks = z.infer<typeof distantLinks>

/** How a mining linked. */
export const miningSettings = z.object({
  /** Shortest and longest chain. */
  min: z.number().int().positive(),
  max: z.number().int().positive(),
  /** Where chains of neighbours in time are laid. */
  seed: z.number().int(),
  distant: distantLinks,
  /** The model that was asked about each link; null for none. */
  judgeModel: z.string().nullable(),
})
/** How a mining linked. */
export type MiningSettings = z.infer<typeof miningSettings>

/**
 * What git was asked of the changes of pull requests while they were linked, some hundred answers a record. Numbered by
 * repository over all minings; what is here is not asked again. Commits are those that the merges made.
 */
export const gitEvidence = z.object({
  format: z.literal('prchain.git-evidence/1'),
  /** What two changes have in common. */
  overlaps: z.array(z.object({ earlier: gitSha, later: gitSha, overlap: link.shape.overlap.unwrap().unwrap() })),
  /** Which commits wrote the lines that a change replaces or deletes, and how many of them; the most first. */
  replaced: z.array(
    z.object({
      change: gitSha,
      commits: z.array(z.object({ sha: gitSha, lines: z.number().int().positive() })),
      /** Whether all of the change was looked at. */
      isWhole: z.boolean(),
    }),
  ),
})
/** What git was asked of the changes of pull requests. */
export type GitEvidence = z.infer<typeof gitEvidence>

/** What a mining's judge of links is: with what it was begun it goes on. */
export const linkJudge = z.object({
  format: z.literal('prchain.link-judge/1'),
  model: z.string(),
  /** Whether the model is the scripted one. */
  isScripted: z.boolean(),
  seed: z.number().int(),
  /** The price table that its calls are counted by; null for none. */
  prices: blobRef.nullable(),
  /** The checksum over all prompts. */
  prompts: blobRef,
})
/** What a mining's judge of links is. */
export type LinkJudge = z.infer<typeof linkJudge>

/** Which run of the workflow has the number of a mining: two at once, a campaign's and a person's, have one each. */
export const miningClaim = z.object({ format: z.literal('prchain.mining-claim/1'), run: z.string() })
/** Which run of the workflow has the number of a mining. */
export type MiningClaim = z.infer<typeof miningClaim>

/** What linking made of a gathering. Numbered; the latest counts. */
export const mining = z.object({
  format: z.literal('prchain.mining/2'),
  repository: repositoryName,
  mode: miningMode,
  minedAt: instant,
  /** The {@link Gathering} that was linked. */
  gathering: z.number().int().nonnegative(),
  settings: miningSettings,
  counts: miningCounts,
  /** References by cue, those that make no link included. */
  cues: z.partialRecord(cue, z.number().int()),
  /** All links with their references, as JSON lines in the store. */
  links: blobRef,
  /** Named rules and how many pull requests each removed. */
  removed: z.record(z.string(), z.number().int()),
  /** Which they are, each with its rule, as JSON lines `{number, rule}` in the store. */
  dropped: blobRef,
  /** Pull requests that entered no chain because git did not agree with GitHub on them. */
  unresolved: z.array(z.object({ number: z.number().int(), reason: z.string() })),
  /** Those of `chains` that an earlier mining stored with other links, and that stay as they are. */
  outdated: z.array(z.string()),
  chains: z.array(z.string()),
})
/** What linking made of a gathering. */
export type Mining = z.infer<typeof mining>
