import { introducedNames } from '../domain/interface.ts'
import { isTestPath } from '../domain/testPath.ts'
import { pathOf, readGitPatch, type FilePatch } from './gitPatch.ts'
import { blockOf } from './judge.ts'
import { cleanSentences } from './prose.ts'
import type { ScriptedSettings } from './settings.ts'
import { WireError, type WireReply, type WireRequest } from './wire.ts'

const MOST_AREAS = 3

/** Answers as the writer, from the pull requests and the patch in the request. Throws {@link WireError} 400 when no task is named. */
export function answerAsWriter(request: WireRequest, settings: ScriptedSettings): WireReply {
  const replies = request.messages.filter((message) => message.role === 'assistant').length
  if (replies < settings.writer.garbage)
    return { content: 'Here is what I would ask for, in short.', reasoning: '', toolCalls: [] }
  const asked = request.messages.find((message) => message.role === 'user' && taskOf(message.content) !== null)
  const task = asked ? taskOf(asked.content) : null
  if (!asked || task === null) {
    throw new WireError(
      400,
      'task_missing',
      'the writer needs a line <task>overview</task> or <task>query</task> in a user message',
    )
  }
  const refused = request.messages
    .filter((message) => message.role === 'user' && message !== asked)
    .flatMap((message) => [...message.content.matchAll(/^- (.+)$/gm)].map((match) => match[1]!.trim()))
  if (task === 'overview') return replyWith(writeOverview(asked.content, refused))
  const patch = readGitPatch(Buffer.from(blockOf(asked.content, 'reference_patch') ?? ''))
  const query = writeQuery(asked.content, patch, refused)
  const leak = settings.writer.leak && replies === 0 ? addedCode(patch) : null
  return replyWith(leak === null ? query : { ...query, plan: `${query.plan} In short: ${leak}` })
}

function replyWith(value: object): WireReply {
  return {
    content: JSON.stringify(value),
    reasoning: 'Intent first, then the place, then what must hold, then the request.',
    toolCalls: [],
  }
}

function taskOf(text: string): string | null {
  return /^<task>(overview|query)<\/task>$/m.exec(text)?.[1] ?? null
}

function writeOverview(text: string, refused: readonly string[]): { overview: string } {
  const titles = pullsOf(text).map((pull) => themeOf(pull, refused))
  const steps = titles.map((title, index) => {
    const lead = index === 0 ? 'It begins with' : index === titles.length - 1 ? 'It ends with' : 'Next comes'
    return `${lead} this: ${title}.`
  })
  const aim = `The project is taken forward in ${titles.length === 1 ? 'one step' : `${titles.length} steps that build on each other`}.`
  return {
    overview: [
      aim,
      ...steps,
      'Each step leaves the project working, and later ones rest on what earlier ones did.',
    ].join(' '),
  }
}

interface Query {
  intent: string
  locus: string
  plan: string
  directive: string
}

function writeQuery(text: string, patch: readonly FilePatch[], refused: readonly string[]): Query {
  const pull = pullsOf(text)[0] ?? ''
  const hidden = [...refused, ...introducedNames(addedTexts(patch), new Set())]
  const theme = themeOf(pull, hidden)
  const areas = areasOf(patch, hidden)
  const body = cleanSentences(bodyOf(pull), hidden).slice(0, 2)
  const place = areas.length === 0 ? 'the part of the project that the request speaks of' : areas.join(', ')
  const size = patch.filter((file) => !isTestPath(pathOf(file))).length > 1 ? 'a few files' : 'one place'
  return {
    intent: [`Users of the project want this: ${theme}.`, ...body].join(' '),
    locus: `The work lies in ${place}, in ${size}.`,
    plan: 'Afterwards the project behaves as described for the usual case and at its edges, says plainly what it refuses, and keeps what worked before.',
    directive: `Please see to this: ${theme}. Look at how the project does such things today and do it the same way. Keep existing callers working. Change what is needed and nothing else.`,
  }
}

function pullsOf(text: string): string[] {
  return [...text.matchAll(/^<pull_request>\n([\s\S]*?)^<\/pull_request>$/gm)].map((match) => match[1]!)
}

function themeOf(pull: string, hidden: readonly string[]): string {
  const title = /^Title: (.*)$/m.exec(pull)?.[1] ?? ''
  const [theme = 'an improvement to the project'] = cleanSentences(
    title.replace(/^(\w+)(\([^)]*\))?!?:\s*/, ''),
    hidden,
  )
  return theme.replace(/[.!]+$/, '')
}

function bodyOf(pull: string): string {
  return /^Body:\n([\s\S]*?)(?=^(?:Commit messages|Issues|Comments|Reviews):$|(?![\s\S]))/m.exec(pull)?.[1] ?? ''
}

/** The folders of the changed files that exist already and give no name away. */
function areasOf(patch: readonly FilePatch[], hidden: readonly string[]): string[] {
  const names = new Set(hidden)
  const folders = patch
    .filter((file) => file.oldPath !== null && !isTestPath(file.oldPath))
    .map((file) => file.oldPath!.split('/').slice(0, -1))
    .filter((folders) => folders.length > 0 && folders.every((folder) => !names.has(folder)))
    .map((folders) => `\`${folders.join('/')}\``)
  return [...new Set(folders)].slice(0, MOST_AREAS)
}

function addedTexts(patch: readonly FilePatch[]): string[] {
  return patch
    .filter((file) => !isTestPath(pathOf(file)))
    .flatMap((file) => file.hunks.flatMap((hunk) => hunk.lines))
    .flatMap((line) => (line.mark === '+' ? [line.text] : []))
}

/** A line of code that the patch adds, long enough to be known again; null when there is none. */
function addedCode(patch: readonly FilePatch[]): string | null {
  return (
    addedTexts(patch)
      .map((text) => text.trim())
      .find((text) => text.length >= 20 && /[=(){}[\];]/.test(text)) ?? null
  )
}
