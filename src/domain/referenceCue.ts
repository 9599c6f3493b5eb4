import type { Cue } from '../formats/chain.ts'
import { splitClauses } from './referenceSentence.ts'

/** What a clause is matched against: the number in question is `@@`, others stay `#N`, marks of emphasis are gone. */
const TARGET = '@@'

/** Cues by what their words look like, the most telling first: of two in one clause the first wins. */
const CUES: readonly (readonly [Cue, readonly RegExp[]])[] = [
  [
    'contrasts',
    [
      /\b(?:distinct|different|differs?|separate|independent) (?:from|to|than|of)\b/i,
      /\bunlike\b|\bin contrast (?:to|with)\b|\bas opposed to\b|\bunrelated\b|\bcompeting\b/i,
      /\bsame as\b|\bidentical to\b|\bduplicates?\b|\bsupersed(?:es?|ed|ing)\b|\bobsoletes?\b/i,
      /\balternatives? (?:to|for)\b|\b(?:instead of|rather than|replac(?:es?|ed|ing)|in place of) @@/i,
      /\b(?:not|never|isn't|aren't|doesn't|don't|wasn't)\s+(?:\w+\s+){0,3}(?:relat|follow|exten[ds]|build|depend|caus|regress|mirror|sibling|similar|same|affect|continu|part of)/i,
      /\bno(?:thing)? (?:relation|connection|to do)\b/i,
    ],
  ],
  [
    'reverts',
    [
      /\brevert(?:s|ed|ing)?\b|\bback(?:s|ed|ing)? out\b|\bundo(?:es|ing)?\b|\bre-?(?:appl(?:y|ies|ied)|land(?:s|ed)?)\b/i,
    ],
  ],
  [
    'backports',
    [/\b(?:back|forward)[- ]?port(?:s|ed|ing)?\b|\bcherry[- ]?pick(?:s|ed|ing)?\b|\bport(?:s|ed)? (?:of|from|over)\b/i],
  ],
  [
    'fixes',
    [
      /\bregress(?:ion|ions|ed|es)\b(?! (?:tests?|cases?|suite|checks?|coverage))/i,
      /\b(?:broken?|caused|triggered) (?:by|in|with|since|from|after)\b|@@ (?:has |had )?(?:broke|forgot|missed|overlooked)\b/i,
      /\b(?:bug|problem|error|crash|breakage|failure|mistake|leak|typo)s?\b.{0,40}\b(?:introduced|added|left)\b/i,
      /\b(?:missed|overlooked|forgotten|left over|leftovers?|left behind|incomplete)\b/i,
      /\b(?:oversight|mistake|mistaken(?:ly)?|accidental(?:ly)?|inadvertent(?:ly)?|unintended|unintentional(?:ly)?|wrongly|erroneously)\b|\(accidentally\?\)/i,
      /\b(?:dropped|lost|omitted|left out|missing)\b.{0,30} (?:in|by|from|since|with) @@/i,
      /\b(?:since|after|until|before|prior to|bugs? in|hot-?fix(?:es)? (?:for|of|to)) @@/i,
      /^\W*(?:[a-z]+(?:\([^)]*\))?!?: )?fix(?:es|ed)?\b.{0,80}\b(?:for|of|in|from|following|after|since) @@/i,
      /\bfix(?:e[sd]|ing)?:? (?:up )?@@|\b(?:corrects|repairs) @@/i,
    ],
  ],
  [
    'sibling',
    [
      /\bsiblings?\b|\bmirror(?:s|ed|ing)?\b|\bcounterparts?\b|\bcompanion\b|\banalog(?:ous|ously|ue)?\b|\bparallels?\b/i,
      /\bsame(?: [\w'/-]+){0,4} (?:class|kind|sort|family|bug|problem|issue|approach|fix|pattern|treatment|change|idea|way|reason|spirit|vein|handling|technique|leak)\b/i,
      /\bsimilar(?:ly)?\b|\blike (?:in )?@@|\bas (?:was |is )?(?:done )?in @@/i,
    ],
  ],
  [
    'extends',
    [
      /\bfollow(?:s|ing)?[- ]?(?:up|on)s?\b|\bfollow(?:s|ing|ed)? @@|\bexten(?:ds?|ded|ding|sion)\b|\bbuil(?:ds?|ding|t) (?:up)?on\b|\bon top of\b|\bbased on\b/i,
      /\bcontinu(?:es?|ed|ing|ation)\b|\bdepends? on @@|\b(?:needs|requires) @@|\bnext (?:step|part)\b|\b(?:second|third) part\b|\bpart \d/i,
      /\b(?:added|introduced|implemented|fixed|started|begun|created|provided|landed|exposed|merged) (?:in|by|with|via|through)\b/i,
      /\bstack(?:s|ed)? (?:up)?on\b|\bsplit (?:out )?(?:of|from|off)\b|\bextracted (?:from|out of)\b|\brebase[sd]?\b.{0,40}\bon(?:to)?\b|\bpart of @@/i,
      /\b(?:uses?|using|reuses?|relies on)\b.{0,60}\bfrom @@|\b(?:once|when) @@ (?:is|was|has been|gets) (?:merged|released|in)\b/i,
      /\b(?:address(?:es|ed|ing)?|noted|brought up|suggested|requested|pointed out|raised|todo)\b.{0,40}\b(?:in|at|by|on|from):? @@/i,
      /\b(?:release notes?|changelog|news|entry|entries|docs?|documentation|docstrings?|tests?|coverage|benchmarks?|examples?|migration changes)\b.{0,30}\b(?:for|of|about) (?:[\w/'-]+ ){0,6}@@/i,
      /^\W*@@(?:,? and #\d+)? (?:added|introduced|implemented|refactored)\b|^\W*#\d+ and @@ (?:added|introduced|implemented|refactored)\b/i,
      /\b(?:completes?|finish(?:es)?|generali[sz]e[sd]?|polish(?:es)?|refines?|improves?|enhances?) (?:\w+ ){0,4}@@|\bnow that @@/i,
    ],
  ],
]

/** "Same as #12, but for …": a comma parts what belongs together. */
const SAME_BUT = /^\W{0,4}same (?:thing )?as #\d+\s*\W?\s*but\b/i
const SAME_REACH = 'same thing as '.length

/** Most clauses say nothing: one look is quicker than seventeen. */
const ANY_CUE = new RegExp(CUES.flatMap(([, patterns]) => patterns.map(({ source }) => source)).join('|'), 'i')

/**
 * What the words around a number say: those of its own clause, else of the nearest clause before it in the sentence,
 * else after it, else of the sentence that leads its list; null when none says anything. A list led by a contrast
 * contrasts all its members. `isFromLeadIn` tells that the lead-in decided.
 */
export function findCue(options: { sentence: string; start: number; number: number; leadIn: string | null }): {
  cue: Cue | null
  isFromLeadIn: boolean
} {
  const { sentence, start, number, leadIn } = options
  if (SAME_BUT.test(sentence.slice(Math.max(0, start - SAME_REACH)))) return { cue: 'sibling', isFromLeadIn: false }
  const leading = leadIn === null ? null : nearestCue(leadIn, leadIn.length, number)
  if (leading === 'contrasts') return { cue: leading, isFromLeadIn: true }
  const own = nearestCue(sentence, start, number)
  if (own !== null || leading === null) return { cue: own, isFromLeadIn: false }
  return { cue: leading, isFromLeadIn: true }
}

function nearestCue(sentence: string, start: number, number: number): Cue | null {
  const clauses = splitClauses(sentence)
  const at = clauses.findLastIndex((clause) => clause.start <= start)
  const nearestFirst = [...clauses.slice(0, at + 1).reverse(), ...clauses.slice(at + 1)]
  for (const clause of nearestFirst) {
    const cue = cueOfClause(sentence.slice(clause.start, clause.end), number)
    if (cue !== null) return cue
  }
  return null
}

function cueOfClause(clause: string, number: number): Cue | null {
  const plain = clause
    .replace(/[*_~[\]"]/g, '')
    .replaceAll('’', "'")
    .replaceAll(/#(\d+)(?!\w)/g, (found, digits: string) => (digits === String(number) ? TARGET : found))
    .replace(/\s+/g, ' ')
  if (!ANY_CUE.test(plain)) return null
  return CUES.find(([, patterns]) => patterns.some((pattern) => pattern.test(plain)))?.[0] ?? null
}
