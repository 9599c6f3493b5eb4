import type { Cue, Link, Reference } from '../formats/chain.ts'

/** The least score with which a pair of pull requests can stand in one chain. */
export const LINK_THRESHOLD = 0.5

/** What speaks for and against a pair, as its score counts it. See docs/mining.md. */
type Overlap = NonNullable<Link['overlap']>

/**
 * The score of one pair, from 0 to 1: what its references come to ({@link scoreReferences}), and what the two changes
 * have in common; without `overlap`, what the references come to. Nothing in common makes no link of nothing, and only
 * references make one: a pair whose references come to 0 stays there.
 */
export function scoreLink(references: readonly Reference[], overlap: Link['overlap']): number {
  const stated = scoreReferences(references)
  return stated === 0 || overlap === null ? stated : round(stated + scoreOverlap(overlap))
}

/**
 * What the references of one pair come to, from 0 to 1: the strongest one's weight, and 0.05 more for each further kind
 * of text that speaks for the link, 0.1 at most. A contrast lowers it, by 0.3 in the author's own title, body or commits,
 * by 0.15 in the discussion, and alone makes none. A revert, a backport or a release list makes it 0, but one in the
 * discussion does not count against a linking cue in the author's own words. What programs wrote counts for nothing.
 */
export function scoreReferences(references: readonly Reference[]): number {
  const said = references.filter(({ isBot }) => !isBot)
  const own = said.filter(({ source }) => OWN_SOURCES.has(source))
  const hasCue = (some: readonly Reference[], cues: ReadonlySet<Cue>) => some.some(({ cue }) => cues.has(cue))
  if (hasCue(own, OPPOSING)) return 0
  if (hasCue(said, OPPOSING) && !hasCue(own, LINKING)) return 0
  const counted = said.filter(({ cue }) => !OPPOSING.has(cue) && cue !== 'contrasts')
  if (counted.length === 0) return 0
  const sources = new Set(counted.map(({ source }) => source).filter((source) => !UNSAID.has(source)))
  const further = Math.min(MOST_FURTHER, A_FURTHER * Math.max(0, sources.size - 1))
  return round(Math.max(...counted.map(weigh)) + further - contrastOf(said, own))
}

const OWN_SOURCES: ReadonlySet<Reference['source']> = new Set(['title', 'body', 'commit'] as const)
/** Evidence that is no text: it makes no further kind of text. */
const UNSAID: ReadonlySet<Reference['source']> = new Set(['timeline', 'closing', 'diff'] as const)
const OPPOSING: ReadonlySet<Cue> = new Set(['reverts', 'backports', 'releases'] as const)
const LINKING: ReadonlySet<Cue> = new Set(['extends', 'fixes', 'sibling'] as const)
const A_FURTHER = 0.05
const MOST_FURTHER = 0.1
const VIA_ISSUE = 0.75
/** With all that two changes can have in common, still no link. */
const BOTH_CLOSE = 0.15

/** What two changes have in common: a source file, a name, lines of the earlier one that the later one changes. */
function scoreOverlap({ files, symbols, lines }: Overlap): number {
  // A bare mention of a change with which it shares nothing is no link, a follow-up through an issue still is.
  if (files.length === 0 && symbols.length === 0 && lines === 0) return -0.12
  return (files.length > 0 ? 0.05 : 0) + (symbols.length > 0 ? 0.05 : 0) + (lines > 0 ? 0.1 : 0)
}

function contrastOf(said: readonly Reference[], own: readonly Reference[]): number {
  const contrasts = (some: readonly Reference[]) => some.some(({ cue }) => cue === 'contrasts')
  if (contrasts(own)) return 0.3
  return contrasts(said) ? 0.15 : 0
}

function weigh({ source, cue, viaIssue, isClosing }: Reference): number {
  if (isClosing) return BOTH_CLOSE
  return weighDirect(source, cue) * (viaIssue === null ? 1 : VIA_ISSUE)
}

function weighDirect(source: Reference['source'], cue: Cue): number {
  if (source === 'timeline') return 0.2
  if (cue === 'fixes') return 0.9
  if (cue === 'extends') return 0.85
  if (cue === 'sibling') return 0.8
  return source === 'comment' || source === 'review-comment' ? 0.4 : 0.6
}

function round(score: number): number {
  return Math.round(Math.min(1, Math.max(0, score)) * 100) / 100
}
