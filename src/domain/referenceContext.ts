import type { Cue } from '../formats/chain.ts'
import type { IssueThread, PullRequest } from '../formats/pullRequest.ts'
import { compareMergeOrder } from './pullRequest.ts'
import { mayName, readClosings, readMentions } from './referenceMention.ts'
import { numberSpace } from './referenceNumber.ts'

/** A pull request that cites more than this many others is a list of a release, and its references make no links. */
export const MAX_CITED = 8

/** What is known of a repository's other pull requests and issues when the texts of one are read. */
export interface ReferenceContext {
  /** All numbers that are pull requests, merged or not: the others are issues. */
  knownPulls: ReadonlySet<number>
  /** When the merged ones were merged. */
  mergedAt: ReadonlyMap<number, string>
  /** The pull request whose merge commit, or commit of its branch, a full or abbreviated sha is; null for none, or several. */
  pullOfSha: (sha: string) => number | null
  /** For an issue, the merged pull requests that close it, in merge order, with their words; null where only GitHub says so. */
  closers: ReadonlyMap<number, readonly { number: number; quote: string | null }[]>
  /** The pull requests that the thread of an issue cites, the most telling words of each; none where it cites more than eight. */
  citedByIssue: (issue: number) => readonly IssueCitation[]
  /** Whether a line is a template's: it stands word for word in the bodies of several people's pull requests. */
  isTemplate: (line: string) => boolean
}

/** A pull request that an issue's thread cites. */
export interface IssueCitation {
  number: number
  cue: Cue | null
  quote: string
}

/**
 * Reads from all pull requests and issues of a repository what the references of one are read against. `otherPulls` are
 * numbers of which no more is known than that they are pull requests.
 */
export function createReferenceContext(
  pulls: readonly PullRequest[],
  issues: readonly IssueThread[] = [],
  otherPulls: Iterable<number> = [],
): ReferenceContext {
  const merged = pulls.filter((pull) => pull.isMerged && pull.mergedAt !== null).toSorted(compareMergeOrder)
  const knownPulls = new Set([...pulls.map(({ number }) => number), ...otherPulls])
  const closers = new Map<number, { number: number; quote: string | null }[]>()
  for (const pull of merged) {
    if (pull.isBot) continue
    const closings = readClosings(pull)
    const closed = new Set([...closings.keys(), ...pull.closes])
    for (const issue of closed)
      if (!knownPulls.has(issue)) push(closers, issue, { number: pull.number, quote: closings.get(issue) ?? null })
  }
  const pullOfSha = shaResolver(merged)
  return {
    knownPulls,
    mergedAt: new Map(merged.map((pull) => [pull.number, pull.mergedAt!])),
    pullOfSha,
    closers,
    citedByIssue: threadReader(issues, { knownPulls, pullOfSha }),
    isTemplate: templateLines(pulls),
  }
}

function shaResolver(merged: readonly PullRequest[]): ReferenceContext['pullOfSha'] {
  const commits = new Map<string, { sha: string; number: number; isMerge: boolean }[]>()
  for (const { mergeCommitSha, number, texts } of merged) {
    const shas = new Set([mergeCommitSha, ...texts.map(({ sha }) => sha)])
    for (const sha of shas)
      if (sha !== null) push(commits, sha.slice(0, 7), { sha, number, isMerge: sha === mergeCommitSha })
  }
  return (sha) => {
    const found = (commits.get(sha.slice(0, 7)) ?? []).filter((commit) => commit.sha.startsWith(sha))
    // Branches that stand on one another share commits, so a merge's own counts before a branch's.
    const merges = found.filter(({ isMerge }) => isMerge)
    const numbers = new Set((merges.length > 0 ? merges : found).map(({ number }) => number))
    return numbers.size === 1 ? [...numbers][0]! : null
  }
}

/** Threads are read when a pull request first names them: few are ever named. */
function threadReader(
  issues: readonly IssueThread[],
  known: Pick<ReferenceContext, 'knownPulls' | 'pullOfSha'>,
): ReferenceContext['citedByIssue'] {
  const byNumber = new Map(issues.map((issue) => [issue.number, issue]))
  const read = new Map<number, readonly IssueCitation[]>()
  return (number) => {
    const found = read.get(number) ?? readThread(byNumber.get(number), known)
    read.set(number, found)
    return found
  }
}

function readThread(
  thread: IssueThread | undefined,
  { knownPulls, pullOfSha }: Pick<ReferenceContext, 'knownPulls' | 'pullOfSha'>,
): readonly IssueCitation[] {
  if (!thread) return []
  const space = numberSpace(thread, pullOfSha)
  const cited = new Map<number, IssueCitation>()
  for (const mention of thread.texts.filter(({ isBot }) => !isBot).flatMap((text) => readMentions(text, space))) {
    if (!knownPulls.has(mention.number)) continue
    const { number, cue, quote } = mention
    if (!cited.has(number) || (cited.get(number)!.cue === null && cue !== null))
      cited.set(number, { number, cue, quote })
  }
  return cited.size > MAX_CITED ? [] : [...cited.values()]
}

const TEMPLATE_PULLS = 5
const TEMPLATE_AUTHORS = 4

function templateLines(pulls: readonly PullRequest[]): ReferenceContext['isTemplate'] {
  const lines = new Map<string, { pulls: number; authors: Set<string | null> }>()
  for (const pull of pulls) {
    const body = pull.texts.find(({ source }) => source === 'body')
    if (!body || !mayName(body.text)) continue
    for (const line of new Set(body.text.split('\n').map((written) => written.trim()))) {
      if (!mayName(line)) continue
      const seen = lines.get(line) ?? { pulls: 0, authors: new Set() }
      seen.pulls++
      seen.authors.add(body.author)
      lines.set(line, seen)
    }
  }
  const repeated = new Set(
    [...lines]
      .filter(([, seen]) => seen.pulls >= TEMPLATE_PULLS && seen.authors.size >= TEMPLATE_AUTHORS)
      .map(([line]) => line),
  )
  return (line) => repeated.has(line.trim())
}

function push<K, T>(map: Map<K, T[]>, key: K, value: T): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}
