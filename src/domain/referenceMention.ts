import type { Cue } from '../formats/chain.ts'
import type { EvidenceText, PullRequest } from '../formats/pullRequest.ts'
import { findCue } from './referenceCue.ts'
import { numberSpace, readNumbers, rewriteNumbers, type NumberSpace } from './referenceNumber.ts'
import { blank, maskMarkup } from './referenceProse.ts'
import { splitSentences, type Sentence } from './referenceSentence.ts'

const MAX_TEXT_LENGTH = 400
/** How much of a sentence around a number is read for its cue, each way: a "sentence" can be a whole log. */
const REACH = 400

/** A number that a text names, and what the words around it say. */
export interface Mention {
  from: EvidenceText
  number: number
  /** It stands after a closing keyword. */
  isClosing: boolean
  /** Null when the words say nothing. */
  cue: Cue | null
  /** The sentence, at most 400 characters. */
  quote: string
}

/** The numbers of the same repository that the prose of a text names. `isTemplate` says of a line that nobody wrote it. */
export function readMentions(
  from: EvidenceText,
  space: NumberSpace,
  isTemplate: (line: string) => boolean = () => false,
): Mention[] {
  if (!mayName(from.text)) return []
  const prose = maskLines(maskMarkup(maskSubjects(from)), from.text, isTemplate)
  const text = rewriteNumbers(prose, space)
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

/** Whether a text can name a number at all: most texts cannot, and need not be read. */
export function mayName(text: string): boolean {
  return CANDIDATE.test(text)
}

const CANDIDATE = /#[1-9]|\bGH-\d|\/(?:pull|issues|commit)\/|(?<![\w/@#-])[0-9a-f]{7,40}(?![\w@/-])/i

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

function maskLines(prose: string, written: string, isTemplate: (line: string) => boolean): string {
  const lines = prose.split('\n')
  const raw = written.split('\n')
  return lines.map((line, index) => (isTemplate(raw[index] ?? '') ? blank(line) : line)).join('\n')
}

/** The issues that the people of a pull request say in its title, body or commits that it closes, each with the sentence. */
export function readClosings(pull: PullRequest): Map<number, string> {
  const space = numberSpace(pull)
  const closings = new Map<number, string>()
  for (const from of pull.texts) {
    if (from.isBot || !OWN.has(from.source) || !MAY_CLOSE.test(from.text)) continue
    const text = rewriteNumbers(maskMarkup(from.text), space)
    for (const { number, start } of readNumbers(text)) {
      if (closings.has(number) || !CLOSING.test(text.slice(Math.max(0, start - REACH), start))) continue
      const sentence = splitSentences(text, from.text).find((one) => one.start <= start && start < one.end)
      const at = { start: start - (sentence?.start ?? 0), isFromLeadIn: false }
      closings.set(number, sentence ? quoteSentence(from.text, sentence, at) : '')
    }
  }
  return closings
}

const OWN: ReadonlySet<EvidenceText['source']> = new Set(['title', 'body', 'commit'] as const)
const MAY_CLOSE = /\b(?:close|fix|resolve)/i

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
