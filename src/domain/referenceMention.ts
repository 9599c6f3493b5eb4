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

/** What is known of the text that is read, beside its repository. */
export interface Reading {
  /** Says of a line that nobody wrote it. */
  isTemplate?: (line: string) => boolean
  /** The pull request whose text it is. */
  number?: number
  /** It carries changes over to another line of releases: the number at the end of a subject is the change's own. */
  isCarriedOver?: boolean
}

/** The numbers of the same repository that the prose of a text names. */
export function readMentions(from: EvidenceText, space: NumberSpace, reading: Reading = {}): Mention[] {
  if (!mayName(from.text)) return []
  const { isTemplate = () => false, number: own = null, isCarriedOver = false } = reading
  const { kept, suffix } = maskSubjects(from, { own, isCarriedOver })
  const text = rewriteNumbers(maskLines(maskMarkup(kept), from.text, isTemplate), space)
  return splitSentences(text, from.text).flatMap((sentence) => {
    const words = text.slice(sentence.start, sentence.end)
    const leadIn = sentence.leadIn && text.slice(sentence.leadIn.start, sentence.leadIn.end).slice(-REACH)
    return readNumbers(words).map(({ number, start }) => {
      const before = words.slice(Math.max(0, start - REACH), start)
      const near = before + words.slice(start, start + REACH)
      const said = findCue({ sentence: near, start: before.length, number, leadIn })
      const isSuffix = suffix !== null && sentence.start + start >= suffix.start && sentence.start + start < suffix.end
      const { cue, isFromLeadIn } = isSuffix ? { cue: suffix.cue, isFromLeadIn: false } : said
      const quote = quoteSentence(from.text, sentence, { start, isFromLeadIn })
      return { from, number, isClosing: CLOSING.test(before), cue, quote }
    })
  })
}

/** Whether a text can name a number at all: most texts cannot, and need not be read. */
export function mayName(text: string): boolean {
  return CANDIDATE.test(text)
}

const CANDIDATE = /#[1-9]|\bGH-\d|\bPR:? \d|\/(?:pull|issues|commit)\/|(?<![\w/@#-])[0-9a-f]{7,40}(?![\w@/-])/i

// GitHub closes the first number only; people write "fixes #1, #2" and "closes part of #3" and mean the same.
const CLOSING =
  /\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+(?:(?:(?:parts?|some|half) of|issues?|bugs?)\s+)*(?:#\d+[\s,&+]+(?:and\s+)?)*$/i
const SUBJECT_SUFFIX = /(?<!\s)(?:\s*\((?:[\w.-]+\/[\w.-]+)?(?:#|GH-)\d+\))+\s*$/i

/** Numbers at the end of a subject that were left in it, and what they say. */
interface Suffix {
  start: number
  end: number
  cue: Cue
}

/**
 * Blanks numbers that name the pull request a subject came in with, not one that somebody cites: the suffix `(#N)` of a
 * title or subject, the bullets of a squash, the subjects that a merge of another branch brings. Where changes are carried
 * over to another line of releases, a subject's suffix is the change that was.
 */
function maskSubjects(
  { source, text }: EvidenceText,
  { own, isCarriedOver }: { own: number | null; isCarriedOver: boolean },
): { kept: string; suffix: Suffix | null } {
  if (source !== 'title' && source !== 'commit') return { kept: text, suffix: null }
  const merged = MERGE.exec(text)
  if (merged && Number(merged[1]) !== own) return { kept: blank(text), suffix: null }
  // The merge of the pull request itself: below its subject stands the title.
  const start = merged ? merged[0].length : 0
  const head = merged ? merged[0].replace(/[^\n]+/, maskBranch) : ''
  const line = text.indexOf('\n', start)
  const end = line === -1 ? text.length : line
  const subject = text.slice(start, end)
  const rest = text.slice(end).replace(/^[ \t]*\* .*\((?:#|GH-)\d+\)[ \t\r]*$/gim, blank)
  const found = SUBJECT_SUFFIX.exec(subject)
  if (!found) return { kept: head + subject + rest, suffix: null }
  const isMoved = /\bback-?port|\bcherry|^\[[\w.-]+\]/i.test(subject)
  const isKept = (isCarriedOver && source === 'commit') || isMoved
  const kept = isKept ? subject : subject.slice(0, found.index) + blank(found[0])
  if (!isKept || /^revert/i.test(subject)) return { kept: head + kept + rest, suffix: null }
  const at = { start: start + found.index, end: start + found.index + found[0].length }
  return { kept: head + kept + rest, suffix: { ...at, cue: 'backports' } }
}

const MERGE = /^Merge (?:pull request #(\d+) from [^\n]*(?:\n+|$)|branch\b|remote-tracking branch\b|commit\b|tag\b)/

/** Of a merge's subject, the number that its branch is named after, in words: `ann/backport-12`. */
function maskBranch(subject: string): string {
  const named =
    /(?<=[/_-])(backport|cherry-pick|revert|forward-?port)(?:-of|-pr)?[-_/](?:pr-?)?([1-9]\d*)(?=$|[-_/])/i.exec(
      subject,
    )
  if (!named) return blank(subject)
  const at = named.index + named[0].length - named[2]!.length
  // At the line's begin, since what is far to the right would be code.
  return `${named[1]!.padEnd(at - 1)}#${named[2]!}`.padEnd(subject.length)
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
