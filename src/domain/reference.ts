import type { Reference } from '../formats/chain.ts'
import type { EvidenceText, IssueThread, PullRequest } from '../formats/pullRequest.ts'
import { compareMergeOrder } from './pullRequest.ts'
import { createReferenceContext, MAX_CITED, type ReferenceContext } from './referenceContext.ts'
import { readMentions, type Mention } from './referenceMention.ts'
import { numberSpace } from './referenceNumber.ts'

/**
 * All references between the pull requests, those of the timeline included, in merge order of the citing one. `issues` are
 * the threads of the same repository, through which pull requests cite each other too; `otherPulls` are numbers of which
 * no more is known than that they are pull requests, and so no issues.
 */
export function findReferences(
  pulls: readonly PullRequest[],
  issues: readonly IssueThread[] = [],
  otherPulls: Iterable<number> = [],
): Reference[] {
  const inOrder = pulls.toSorted(compareMergeOrder)
  const context = createReferenceContext(inOrder, issues, otherPulls)
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

/**
 * The references in a merged pull request's texts to pull requests that were merged before it: direct ones, and those
 * through an issue: one that it speaks of and an earlier one closed, or one whose thread cites an earlier one. Those in
 * bots' texts are told as such; pull requests of bots have none. See docs/mining.md.
 */
export function parseReferences(pull: PullRequest, context: ReferenceContext): Reference[] {
  if (pull.isBot || !context.mergedAt.has(pull.number)) return []
  const space = numberSpace(pull, context.pullOfSha)
  const references = new Map<string, Reference>()
  const reading = { isTemplate: context.isTemplate, number: pull.number, isCarriedOver: isCarriedOver(pull) }
  const mentions = pull.texts.flatMap((text) => readMentions(text, space, reading))
  const named = new Set(mentions.map(({ number }) => number))
  const unsaid = pull.closes.filter((number) => !named.has(number)).map((number) => silentClosing(number))
  for (const mention of [...mentions, ...unsaid]) {
    for (const target of resolveTargets(mention, { pull, context })) {
      const { source, url, author, isBot } = mention.from
      const at = { url, author, isBot }
      const from = mention.quote === '' ? 'closing' : source
      const key = JSON.stringify([target.to, target.viaIssue, from, mention.quote])
      const reference: Reference = { from: pull.number, ...target, source: from, text: mention.quote, ...at }
      if (!references.has(key)) references.set(key, reference)
    }
  }
  return markLists([...references.values()])
}

/** A text that cites many pull requests is a release's list; so is all that a pull request says where it cites a crowd. */
function markLists(found: readonly Reference[]): Reference[] {
  const citing = found.filter(({ isBot, viaIssue, cue }) => !isBot && viaIssue === null && cue !== 'backports')
  const count = (some: readonly Reference[]) => new Set(some.map(({ to }) => to)).size
  const textOf = ({ source, url }: Reference) => `${source} ${url ?? ''}`
  const lists = new Set(
    [...Map.groupBy(citing, textOf)].filter(([, some]) => count(some) > MAX_CITED).map(([text]) => text),
  )
  const isCrowd = count(citing) > 3 * MAX_CITED
  return found.map((reference) =>
    (isCrowd || lists.has(textOf(reference))) && reference.cue !== 'backports'
      ? { ...reference, cue: 'releases' }
      : reference,
  )
}

/** Whether a pull request brings changes that were made already to another line of releases: by its branch, or as it says. */
function isCarriedOver({ baseRef, title, texts }: PullRequest): boolean {
  if (baseRef !== null && RELEASE_LINE.test(baseRef)) return true
  const says = (text: string) => /\b(?:back|forward)-?port|\(cherry picked from commit|\bcherry-pick/i.test(text)
  return (
    says(title) ||
    texts.some(({ source, text, isBot }) => !isBot && (source === 'body' || source === 'commit') && says(text))
  )
}

const RELEASE_LINE = /^(?:maint|release|stable|support|hotfix|backport)|(?:^|[/_-])v?\d+(?:\.(?:\d+|x))*$/i

/** What a citation's words say; where they say little, what the title says that the whole pull request does. */
function cueOf({ cue, quote, from }: Mention, { title }: PullRequest): Reference['cue'] {
  const isOwn = from.source === 'title' || from.source === 'body' || from.source === 'commit'
  if (isOwn && /^(?:\w+(?:\([^)]*\))?!?: *)?revert\b/i.test(title) && !(cue !== null && OPPOSED.has(cue)))
    return 'reverts'
  if (isOwn && cue === null && /\bback-?port/i.test(title)) return 'backports'
  // In a fix, what brought something is what brought the fault.
  if (cue === 'extends' && FIX_TITLE.test(title) && BROUGHT.test(quote)) return 'fixes'
  return cue ?? 'mentions'
}

const OPPOSED: ReadonlySet<Reference['cue']> = new Set(['contrasts', 'reverts', 'backports'] as const)
const FIX_TITLE = /^(?:\W*(?:bug|fix|hotfix)\b|(?:doc|maint|tst|bld|ci)s?: *fix)/i
const BROUGHT = /\b(?:introduced|added) (?:in|by|with)\b/i

type Target = Pick<Reference, 'to' | 'viaIssue' | 'viaText' | 'cue' | 'isClosing'>

function resolveTargets(mention: Mention, options: { pull: PullRequest; context: ReferenceContext }): Target[] {
  const { pull, context } = options
  const { number } = mention
  if (number === pull.number) return []
  if (context.knownPulls.has(number)) {
    if (!isMergedBefore(number, pull.number, context)) return []
    return [{ to: number, viaIssue: null, viaText: null, cue: cueOf(mention, pull), isClosing: false }]
  }
  const closer = findCloser(mention, options)
  const cited = findCited(mention, options)
  return closer === null ? cited : [closer, ...cited.filter(({ to }) => to !== closer.to)]
}

/** The last pull request before this one that closed the issue that a mention names. */
function findCloser(
  { number, cue, isClosing }: Mention,
  { pull, context }: { pull: PullRequest; context: ReferenceContext },
): Target | null {
  const closer = context.closers.get(number)?.findLast((one) => isMergedBefore(one.number, pull.number, context))
  if (closer === undefined) return null
  // The words before a closing keyword's number are about the issue: that both close it says no more than that.
  return {
    to: closer.number,
    viaIssue: number,
    viaText: closer.quote,
    cue: (isClosing ? null : cue) ?? 'mentions',
    isClosing,
  }
}

/** The earlier pull requests that the thread of the issue cites: its words about one say more than ours about the issue. */
function findCited(
  { number, cue, isClosing }: Mention,
  { pull, context }: { pull: PullRequest; context: ReferenceContext },
): Target[] {
  return context
    .citedByIssue(number)
    .filter((cited) => cited.number !== pull.number && isMergedBefore(cited.number, pull.number, context))
    .map((cited) => ({
      to: cited.number,
      viaIssue: number,
      viaText: cited.quote,
      cue: cited.cue ?? (isClosing ? null : cue) ?? 'mentions',
      isClosing: false,
    }))
}

/** An issue that GitHub says a pull request closes and no text of it names. */
function silentClosing(number: number): Mention {
  const from: EvidenceText = { source: 'body', text: '', url: null, author: null, isBot: false, sha: null }
  return { from, number, isClosing: true, cue: null, quote: '' }
}

function isMergedBefore(number: number, later: number, context: ReferenceContext): boolean {
  const [mergedAt, laterAt] = [context.mergedAt.get(number), context.mergedAt.get(later)]
  if (mergedAt === undefined || laterAt === undefined) return false
  return compareMergeOrder({ number, mergedAt }, { number: later, mergedAt: laterAt }) < 0
}

function timelineReference(from: number, to: number, isHub: boolean): Reference {
  const cue = isHub ? 'releases' : 'mentions'
  const unsaid = { viaIssue: null, viaText: null, isClosing: false, text: '', url: null, author: null, isBot: false }
  return { from, to, source: 'timeline', cue, ...unsaid }
}
