import type { Cue, Reference } from '../../../src/formats/chain.ts'
import type { EvidenceText } from '../../../src/formats/pullRequest.ts'
import type { LabelledText } from './labels.ts'

/** Where a text cites one pull request in several ways, the first of these that it uses is what it says. */
export const STRENGTH: readonly Cue[] = [
  ...(['reverts', 'backports', 'contrasts', 'fixes', 'extends', 'sibling', 'releases', 'mentions'] as const),
]

/** One citation: a text, the pull request it cites, the issue through which. What labels and parser say of it, or null. */
export interface Unit {
  text: LabelledText
  target: number
  viaIssue: number | null
  expected: Cue | null
  found: Cue | null
  /** What the labels say of this number instead, when it was expected to be no reference. */
  reason: string | null
}

/** Sets what the labels of a text expect beside the references that the parser found in the same text. */
export function compareText(text: LabelledText, written: EvidenceText, references: readonly Reference[]): Unit[] {
  const units = new Map<string, Unit>()
  const unit = (target: number, viaIssue: number | null) => {
    const key = `${target} ${viaIssue}`
    const found = units.get(key) ?? { text, target, viaIssue, expected: null, found: null, reason: null }
    units.set(key, found)
    return found
  }
  for (const { target, viaIssue, kind } of text.labels) {
    if (target === null || kind === undefined) continue
    const one = unit(target, viaIssue)
    one.expected = stronger(one.expected, kind)
  }
  for (const reference of references.filter((one) => isFrom(one, written))) {
    const one = unit(reference.to, reference.viaIssue)
    one.found = stronger(one.found, reference.cue)
    if (one.expected === null) one.reason = reasonFor(text, written, reference.viaIssue ?? reference.to)
  }
  return [...units.values()]
}

function stronger(a: Cue | null, b: Cue): Cue {
  return a === null || STRENGTH.indexOf(b) < STRENGTH.indexOf(a) ? b : a
}

/** The parser tells a sentence that two texts share once, so the sentence decides where the place does not. */
function isFrom(reference: Reference, { source, text, url }: EvidenceText): boolean {
  if (reference.source !== source) return false
  return reference.url === url || (reference.text !== '' && text.replace(/\s+/g, ' ').includes(reference.text))
}

function reasonFor(text: LabelledText, { text: words }: EvidenceText, number: number): string | null {
  const named = text.labels.filter(
    ({ offset, length }) => offset !== null && new RegExp(`${number}\\b`).test(words.slice(offset, offset + length!)),
  )
  return named[0]?.reason ?? (named[0]?.kind ? `direct ${named[0].kind}` : null)
}
