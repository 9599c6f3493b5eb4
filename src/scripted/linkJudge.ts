import { isTestPath } from '../domain/testPath.ts'
import { pathOf, readGitPatch, type FilePatch } from './gitPatch.ts'
import { blockOf } from './judge.ts'
import { isKeyword } from './language.ts'
import type { ScriptedSettings } from './settings.ts'
import { wordsIn } from './symbols.ts'
import { WireError, type WireReply, type WireRequest } from './wire.ts'

/** Two changes share names when so many words of their changed lines are the same: some always are. */
const LEAST_NAMES = 3
const LEAST_LETTERS = 4
const SHOWN = 5

/** Whether a request asks the judge about a link of two pull requests, and not about an agent's patch. */
export function asksAboutLink(request: WireRequest): boolean {
  return questionOf(request) !== undefined
}

/** Answers as the judge of a link, from the evidence and the two patches in the request alone. Throws {@link WireError} 400. */
export function answerAsLinkJudge(request: WireRequest, settings: ScriptedSettings): WireReply {
  const replies = request.messages.filter((message) => message.role === 'assistant').length
  if (replies < settings.judge.garbage) {
    return { content: 'These two belong together, I would say.', reasoning: '', toolCalls: [] }
  }
  const asked = questionOf(request)?.content ?? ''
  const [earlier, later] = [blockOf(asked, 'earlier_patch'), blockOf(asked, 'later_patch')]
  if (earlier === null || later === null) {
    throw new WireError(400, 'patches_missing', 'the judge of a link needs <earlier_patch> and <later_patch> blocks')
  }
  const judged = judgeLink({ earlier, later, evidence: blockOf(asked, 'evidence') ?? '' })
  const reasoning = 'I look at what was said, and at what the two patches share.'
  return { content: JSON.stringify(judged), reasoning, toolCalls: [] }
}

/**
 * Counts what speaks for a link: a file that both change, names in the changed lines of both, words that link; a word that
 * contrasts, reverts or only lists speaks against it. One more for than against makes it one.
 */
export function judgeLink(given: { earlier: string; later: string; evidence: string }): {
  is_link: boolean
  reason: string
} {
  const [earlier, later] = [given.earlier, given.later].map((patch) =>
    readGitPatch(Buffer.from(patch)).filter((file) => !isTestPath(pathOf(file))),
  ) as [FilePatch[], FilePatch[]]
  const paths = new Set(earlier.flatMap(({ oldPath, newPath }) => [oldPath, newPath]))
  const files = later.map(({ oldPath, newPath }) => oldPath ?? newPath!).filter((path) => paths.has(path))
  const known = changedWords(earlier)
  const names = [...changedWords(later)].filter((word) => known.has(word)).sort()
  const isSaid = /read as "(?:extends|fixes|sibling)"/.test(given.evidence)
  const isOpposed = /read as "(?:contrasts|reverts|backports|releases)"/.test(given.evidence)
  const hasNames = names.length >= LEAST_NAMES
  const count = Number(files.length > 0) + Number(hasNames) + Number(isSaid) - Number(isOpposed)
  const reason = [
    files.length > 0 ? `Both change ${files.slice(0, SHOWN).join(', ')}.` : 'They change no file in common.',
    hasNames ? `Their changed lines share ${names.length} names.` : 'Their changed lines share hardly a name.',
    isSaid
      ? 'The words say that the one goes on from the other.'
      : 'The words do not say that the one goes on from the other.',
    ...(isOpposed ? ['Some words set them apart.'] : []),
  ].join(' ')
  return { is_link: count >= 1, reason }
}

function questionOf(request: WireRequest): WireRequest['messages'][number] | undefined {
  return request.messages.findLast(
    (message) => message.role === 'user' && blockOf(message.content, 'later_patch') !== null,
  )
}

function changedWords(files: readonly FilePatch[]): Set<string> {
  const lines = files.flatMap(({ hunks }) => hunks.flatMap((hunk) => hunk.lines)).filter(({ mark }) => mark !== ' ')
  const words = lines.flatMap(({ text }) => wordsIn(text))
  return new Set(words.filter((word) => word.length >= LEAST_LETTERS && !isKeyword(word)))
}
