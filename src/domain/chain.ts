import type { Chain, Cue, Link, Reference } from '../formats/chain.ts'
import { compareMergeOrder, type MergedPull } from './pullRequest.ts'

/** The least score with which a pair of pull requests can stand in one chain. */
export const LINK_THRESHOLD = 0.5

/** A chain before git has said which commits its stages are. */
export interface ChainCandidate {
  /** In merge order. */
  numbers: number[]
  /** Every link between its members that reaches {@link LINK_THRESHOLD}, in merge order of `from`, then of `to`. */
  links: Link[]
  /** `path`: each stage links to the one right before it. `star`: some stage links to an earlier one only. */
  shape: Exclude<Chain['shape'], 'given'>
}

/** The references gathered into one link per pair, in order of the numbers. Those with score 0 are there to be shown. */
export function buildLinks(references: readonly Reference[]): Link[] {
  const pairs = Map.groupBy(references, ({ from, to }) => `${from}>${to}`)
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
    .sort((a, b) => a.from - b.from || a.to - b.to)
}

/**
 * The score of one pair, from 0 to 1: the strongest reference's weight, and 0.05 more for each further kind of text
 * that speaks for the link, 0.1 at most. An opposing cue (contrasts, reverts, backports, releases) makes it 0, but one
 * in the discussion does not count against a linking cue in the pull request's own title, body or commits.
 */
export function scoreReferences(references: readonly Reference[]): number {
  const own = references.filter(({ source }) => OWN_SOURCES.has(source))
  const isOpposed = (some: readonly Reference[]) => some.some(({ cue, isBot }) => OPPOSING.has(cue) && !isBot)
  if (isOpposed(own)) return 0
  if (isOpposed(references) && !own.some(({ cue }) => LINKING.has(cue))) return 0
  const counted = references.filter(({ cue, isBot }) => !OPPOSING.has(cue) && !isBot)
  if (counted.length === 0) return 0
  const sources = new Set(counted.map(({ source }) => source).filter((source) => source !== 'timeline'))
  const further = Math.max(0, sources.size - 1)
  const score = Math.max(...counted.map(weigh)) + Math.min(0.1, 0.05 * further)
  return Math.round(Math.min(1, score) * 100) / 100
}

/**
 * Builds chains of `min` to `max` pull requests. Taken in merge order, each joins the chain of its strongest link (of
 * two as strong, the one to the newer pull request) that still has room, else begins a chain of its own; chains shorter
 * than `min` are dropped. So every stage but the first links to an earlier one of its chain and no pull request stands
 * in two. Only the pull requests given take part; one without a merge time does not. Depends on no order of the input.
 * Throws RangeError when not 1 ≤ min ≤ max.
 */
export function buildChains(
  pulls: readonly MergedPull[],
  references: readonly Reference[],
  { min = 2, max = 5 }: { min?: number; max?: number } = {},
): ChainCandidate[] {
  if (!(min >= 1 && max >= min)) throw new RangeError(`chain lengths must be 1 ≤ min ≤ max, not min ${min}, max ${max}`)
  const merged = pulls.filter(({ mergedAt }) => mergedAt !== null).toSorted(compareMergeOrder)
  const place = new Map(merged.map(({ number }, index) => [number, index]))
  const placeOf = (number: number) => place.get(number) ?? -1
  const links = buildLinks(references.toSorted(compareReferences)).filter(
    ({ from, to, score }) => score >= LINK_THRESHOLD && placeOf(to) !== -1 && placeOf(to) < placeOf(from),
  )
  const linksFrom = Map.groupBy(links, ({ from }) => from)
  const chainOf = new Map<number, number[]>()
  for (const number of place.keys()) {
    const joined = (linksFrom.get(number) ?? [])
      .toSorted((a, b) => b.score - a.score || placeOf(b.to) - placeOf(a.to))
      .map(({ to }) => chainOf.get(to)!)
      .find((members) => members.length < max)
    joined?.push(number)
    chainOf.set(number, joined ?? [number])
  }
  return [...new Set(chainOf.values())]
    .filter((numbers) => numbers.length >= min)
    .map((numbers) => {
      const inside = numbers
        .flatMap((number) => linksFrom.get(number) ?? [])
        .filter(({ from, to }) => chainOf.get(from) === chainOf.get(to))
        .sort((a, b) => placeOf(a.from) - placeOf(b.from) || placeOf(a.to) - placeOf(b.to))
      return { numbers, links: inside, shape: shapeOf(numbers, inside) }
    })
}

const OWN_SOURCES: ReadonlySet<Reference['source']> = new Set(['title', 'body', 'commit'] as const)
const OPPOSING: ReadonlySet<Cue> = new Set(['contrasts', 'reverts', 'backports', 'releases'] as const)
const LINKING: ReadonlySet<Cue> = new Set(['extends', 'fixes', 'sibling'] as const)
const VIA_ISSUE = 0.75

function weigh({ source, cue, viaIssue }: Reference): number {
  return weighDirect(source, cue) * (viaIssue === null ? 1 : VIA_ISSUE)
}

function weighDirect(source: Reference['source'], cue: Cue): number {
  if (source === 'timeline') return 0.2
  if (cue === 'fixes') return 0.9
  if (cue === 'extends') return 0.85
  if (cue === 'sibling') return 0.8
  return source === 'comment' || source === 'review-comment' ? 0.4 : 0.6
}

function shapeOf(numbers: readonly number[], links: readonly Link[]): ChainCandidate['shape'] {
  const isPath = numbers
    .slice(1)
    .every((number, index) => links.some(({ from, to }) => from === number && to === numbers[index]))
  return isPath ? 'path' : 'star'
}

function compareReferences(a: Reference, b: Reference): number {
  const [keyA, keyB] = [a, b].map((reference) =>
    JSON.stringify([
      reference.source,
      reference.viaIssue,
      reference.cue,
      reference.text,
      reference.url,
      reference.author,
    ]),
  )
  return a.from - b.from || a.to - b.to || (keyA! < keyB! ? -1 : keyA! > keyB! ? 1 : 0)
}
