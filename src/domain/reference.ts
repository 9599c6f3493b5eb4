import type { Reference } from '../formats/chain.ts'
import type { EvidenceText, PullRequest } from '../formats/pullRequest.ts'
import { compareMergeOrder } from './pullRequest.ts'
import { findCue } from './referenceCue.ts'
import { numberSpace, readNumbers, rewriteNumbers, type NumberSpace } from './referenceNumber.ts'
import { blank, maskMarkup } from './referenceProse.ts'
import { splitSentences, type Sentence } from './referenceSentence.ts'

/** A pull request that cites more than this many others is a list of a release, and its references make no links. */
export const MAX_CITED = 8

const MAX_TEXT_LENGTH = 400
/** How much of a sentence around a number is read for its cue, each way: a "sentence" can be a whole log. */
const REACH = 400

/** What is known of a repository's other pull requests when the texts of one are read. */
export interface ReferenceContext {
  /** All numbers that are pull requests, merged or not: the others are issues. */
  knownPulls: ReadonlySet<number>
  /** When the merged ones were merged. */
  mergedAt: ReadonlyMap<number, string>
  /** Merge commits by the first seven digits of their sha. */
  mergeCommits: ReadonlyMap<string, readonly { sha: string; number: number }[]>
  /** For an issue, the merged pull requests whose own texts close it by a keyword, in merge order. */
  closers: ReadonlyMap<number, readonly number[]>
}

/** All references between the pull requests, those of the timeline included, in merge order of the citing one. */
export function findReferences(pulls: readonly PullRequest[]): Reference[] {
  const inOrder = pulls.toSorted(compareMergeOrder)
  const context = createReferenceContext(inOrder)
  const cited = inOrder.flatMap((pull) => parseReferences(pull, context))
  const pairs = new Set(cited.map(({ from, to }) => `${from}>${to}`))
  const hubs = new Set(cited.filter(({ cue }) => cue === 'releases').map(({ from }) => from))
  const people = new Set(inOrder.filter(({ isBot }) => !isBot).map(({ number }) => number))
  const crossed = inOrder.flatMap((pull) =>
    pull.citedBy
      .filter(
        ({ number, isPullRequest }) => isPullRequest && people.has(number) && !pairs.has(`${number}>${pull.number}`),
      )
      .filter(({ number }) => isMergedBefore(pull.number, number, context))
      .map(({ number }) => timelineReference(number, pull.number, hubs.has(number))),
  )
  const place = new Map(inOrder.map(({ number }, index) => [number, index]))
  return [...cited, ...crossed].sort(
    (a, b) => place.get(a.from)! - place.get(b.from)! || place.get(a.to)! - place.get(b.to)!,
  )
}

/** Reads from all pull requests of a repository what {@link parseReferences} needs to know of them. */
export function createReferenceContext(pulls: readonly PullRequest[]): ReferenceContext {
  const merged = pulls.filter((pull) => pull.isMerged && pull.mergedAt !== null).toSorted(compareMergeOrder)
  const knownPulls = new Set(pulls.map(({ number }) => number))
  const mergeCommits = new Map<string, { sha: string; number: number }[]>()
  const closers = new Map<number, number[]>()
  for (const pull of merged) {
    if (pull.mergeCommitSha !== null) {
      push(mergeCommits, pull.mergeCommitSha.slice(0, 7), { sha: pull.mergeCommitSha, number: pull.number })
    }
    if (pull.isBot) continue
    for (const issue of findClosedIssues(pull)) if (!knownPulls.has(issue)) push(closers, issue, pull.number)
  }
  return { knownPulls, mergedAt: new Map(merged.map((pull) => [pull.number, pull.mergedAt!])), mergeCommits, closers }
}

/**
 * The references in a merged pull request's texts to pull requests that were merged before it: direct ones, and those
 * through an issue that it speaks of and an earlier one closed. Bots' texts do not count. See docs/mining.md.
 */
export function parseReferences(pull: PullRequest, context: ReferenceContext): Reference[] {
  if (pull.isBot || !context.mergedAt.has(pull.number)) return []
  const space = numberSpace(pull, (sha) => resolveSha(sha, context))
  const closed = findClosedIssues(pull)
  const references = new Map<string, Reference>()
  for (const mention of pull.texts.flatMap((text) => readMentions(text, space))) {
    const target = resolveTarget(mention, { pull, context, closed })
    if (target === null) continue
    const { source, url, author } = mention.from
    const { isBot } = mention.from
    const reference: Reference = {
      from: pull.number,
      ...target,
      viaText: null,
      source,
      text: mention.quote,
      url,
      author,
      isBot,
    }
    const key = JSON.stringify([target, source, mention.quote])
    if (!references.has(key)) references.set(key, reference)
  }
  const found = [...references.values()]
  const cited = new Set(found.map(({ to }) => to))
  return cited.size > MAX_CITED ? found.map((reference) => ({ ...reference, cue: 'releases' })) : found
}

interface Mention {
  from: EvidenceText
  number: number
  isClosing: boolean
  cue: ReturnType<typeof findCue>['cue']
  quote: string
}

type Target = Pick<Reference, 'to' | 'viaIssue' | 'cue'>

function resolveTarget(
  mention: Mention,
  options: { pull: PullRequest; context: ReferenceContext; closed: ReadonlySet<number> },
): Target | null {
  const { pull, context, closed } = options
  const { number, cue } = mention
  if (number === pull.number) return null
  if (context.knownPulls.has(number)) {
    if (!isMergedBefore(number, pull.number, context)) return null
    return { to: number, viaIssue: null, cue: cue ?? 'mentions' }
  }
  // Closing the same issue is no link: only words about it are, and one that closes it must say more than its number.
  if (mention.isClosing || (cue === null && closed.has(number))) return null
  const closer = context.closers.get(number)?.findLast((candidate) => isMergedBefore(candidate, pull.number, context))
  return closer === undefined ? null : { to: closer, viaIssue: number, cue: cue ?? 'extends' }
}

function readMentions(from: EvidenceText, space: NumberSpace): Mention[] {
  if (from.isBot) return []
  const text = rewriteNumbers(maskMarkup(maskSubjects(from)), space)
  return splitSentences(text, from.text).flatMap((sentence) => {
    const words = text.slice(sentence.start, sentence.end)
    const leadIn = sentence.leadIn && text.slice(sentence.leadIn.start, sentence.leadIn.end).slice(-REACH)
    return readNumbers(words).map(({ number, start }) => {
      const before = words.slice(Math.max(0, start - REACH), start)
      const near = before + words.slice(start, start + REACH)
      const { cue, isFromLeadIn } = findCue({ sentence: near, start: before.length, number, leadIn })
      const quote = quoteSentence(from.text, sentence, { start, isFromLeadIn })
      return { from, number, isClosing: CLOSING.test(before), cue, quote }
    })
  })
}

// GitHub closes the first number only; people write "fixes #1, #2" and "closes part of #3" and mean the same.
const CLOSING =
  /\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:(?:(?:parts?|some|half) of|issues?|bugs?)\s+)*(?:#\d+[\s,&+]+(?:and\s+)?)*$/i
const SUBJECT_SUFFIX = /(?:\s*\((?:[\w.-]+\/[\w.-]+)?(?:#|GH-)\d+\))+\s*$/i

/**
 * Blanks numbers that name the pull request a subject came in with, not one that somebody cites: the suffix `(#N)` of a
 * title or subject, the bullets of a squash, the subjects that a merge of another branch brings.
 */
function maskSubjects({ source, text }: EvidenceText): string {
  if (source !== 'title' && source !== 'commit') return text
  const end = text.indexOf('\n') === -1 ? text.length : text.indexOf('\n')
  const subject = text.slice(0, end)
  if (/^Merge (?:pull request|branch|remote-tracking branch|commit|tag)\b/.test(subject)) return blank(text)
  const isMoved = /\bback-?port|\bcherry|^\[[\w.-]+\]/i.test(subject)
  const kept = isMoved ? subject : subject.replace(SUBJECT_SUFFIX, blank)
  return kept + text.slice(end).replace(/^[ \t]*\* .*\((?:#|GH-)\d+\)[ \t\r]*$/gim, blank)
}

function findClosedIssues(pull: PullRequest): Set<number> {
  const space = numberSpace(pull)
  const own = pull.texts.filter(({ source, isBot }) => !isBot && ['title', 'body', 'commit'].includes(source))
  return new Set(
    own.flatMap((from) => {
      const text = rewriteNumbers(maskMarkup(from.text), space)
      return readNumbers(text).flatMap(({ number, start }) =>
        CLOSING.test(text.slice(Math.max(0, start - REACH), start)) ? [number] : [],
      )
    }),
  )
}

function quoteSentence(text: string, sentence: Sentence, at: { start: number; isFromLeadIn: boolean }): string {
  const collapse = (part: string) => part.replace(/\s+/g, ' ').trim()
  const words = text.slice(sentence.start, sentence.end)
  // Around the number alone where the sentence is long: it may be a paragraph without a full stop.
  const from = Math.max(0, at.start - MAX_TEXT_LENGTH / 2)
  const near = collapse(words.slice(from, from + MAX_TEXT_LENGTH))
  if (words.length > 2 * MAX_TEXT_LENGTH) return near
  const lead = at.isFromLeadIn && sentence.leadIn ? text.slice(sentence.leadIn.start, sentence.leadIn.end) : ''
  const whole = collapse(`${lead} ${words}`)
  return whole.length <= MAX_TEXT_LENGTH ? whole : near
}

function isMergedBefore(number: number, later: number, context: ReferenceContext): boolean {
  const [mergedAt, laterAt] = [context.mergedAt.get(number), context.mergedAt.get(later)]
  if (mergedAt === undefined || laterAt === undefined) return false
  return compareMergeOrder({ number, mergedAt }, { number: later, mergedAt: laterAt }) < 0
}

function resolveSha(sha: string, context: ReferenceContext): number | null {
  const found = (context.mergeCommits.get(sha.slice(0, 7)) ?? []).filter((commit) => commit.sha.startsWith(sha))
  return found.length === 1 ? found[0]!.number : null
}

function timelineReference(from: number, to: number, isHub: boolean): Reference {
  const cue = isHub ? 'releases' : 'mentions'
  return {
    from,
    to,
    source: 'timeline',
    cue,
    viaIssue: null,
    viaText: null,
    text: '',
    url: null,
    author: null,
    isBot: false,
  }
}

function push<K, T>(map: Map<K, T[]>, key: K, value: T): void {
  const list = map.get(key)
  if (list) list.push(value)
  else map.set(key, [value])
}
