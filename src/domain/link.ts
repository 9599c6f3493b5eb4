import type { Link, Reference } from '../formats/chain.ts'
import { LINK_THRESHOLD, scoreLink, scoreReferences } from './linkScore.ts'

/** Gathers references into one link per pair, in order of the numbers. Those with score 0 are there to be shown. */
export function buildLinks(references: readonly Reference[]): Link[] {
  const pairs = Map.groupBy(references.toSorted(compareReferences), ({ from, to }) => `${from}>${to}`)
  return [...pairs.values()]
    .map((pair) => ({
      from: pair[0]!.from,
      to: pair[0]!.to,
      score: scoreReferences(pair),
      references: pair,
      kind: 'stated' as const,
      overlap: null,
      judgement: null,
    }))
    .sort(compareLinks)
}

/** A stated link with what its two changes have in common, and the score that follows from both. */
export function withOverlap(link: Link, overlap: NonNullable<Link['overlap']>): Link {
  return { ...link, overlap, score: scoreLink(link.references, overlap) }
}

/**
 * Whether a link can hold a chain together: its score reaches {@link LINK_THRESHOLD}, and no model that was asked said
 * that it is none. A distant one never does unless distant links were asked to make chains.
 */
export function holdsChain(link: Link, { isDistantAllowed = false }: { isDistantAllowed?: boolean } = {}): boolean {
  if (link.kind === 'distant' && !isDistantAllowed) return false
  return link.score >= LINK_THRESHOLD && link.judgement?.isLink !== false
}

/** Orders links by the number of the citing pull request, then of the cited one. */
export function compareLinks(a: Pick<Link, 'from' | 'to'>, b: Pick<Link, 'from' | 'to'>): number {
  return a.from - b.from || a.to - b.to
}

function compareReferences(a: Reference, b: Reference): number {
  return compareLinks(a, b) || compareText(keyOf(a), keyOf(b))
}

function keyOf({ source, viaIssue, cue, text, url, author }: Reference): string {
  return JSON.stringify([source, viaIssue, cue, text, url, author])
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
