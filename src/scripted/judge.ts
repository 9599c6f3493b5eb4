import { coverageOf, type UnitCoverage } from './coverage.ts'
import { readGitPatch } from './gitPatch.ts'
import type { ScriptedSettings } from './settings.ts'
import { WireError, type WireReply, type WireRequest } from './wire.ts'

const MOST_FILES_NAMED = 40
/** With a change that is there but says something else, work is never good enough, however large the rest. */
const BEST_WITH_ALTERED = 0.75
const FREE_EXTRA_LINES = 20

/** A judge's opinion of a patch. */
export interface Judgement {
  score: number
  comment: string
}

/** Answers as the judge, from the two patches in the request alone. Throws {@link WireError} 400 when they are not there. */
export function answerAsJudge(request: WireRequest, settings: ScriptedSettings): WireReply {
  const replies = request.messages.filter((message) => message.role === 'assistant').length
  if (replies < settings.judge.garbage) {
    return { content: 'Both patches look fine to me, more or less.', reasoning: '', toolCalls: [] }
  }
  const asked = request.messages.findLast(
    (message) => message.role === 'user' && blockOf(message.content, 'agent_patch') !== null,
  )
  const reference = asked ? blockOf(asked.content, 'reference_patch') : null
  const agent = asked ? blockOf(asked.content, 'agent_patch') : null
  if (reference === null || agent === null) {
    throw new WireError(
      400,
      'patches_missing',
      'the judge needs <reference_patch> and <agent_patch> blocks in a user message',
    )
  }
  const reasoning = 'I go through the reference change by change and look for each in the work at hand.'
  return { content: JSON.stringify(judgePatches(reference, agent)), reasoning, toolCalls: [] }
}

/** The lines between `<name>` and `</name>`, each alone on its line; null when they are not there. */
export function blockOf(text: string, name: string): string | null {
  const lines = text.split('\n')
  const start = lines.indexOf(`<${name}>`)
  const end = lines.indexOf(`</${name}>`, start)
  return start < 0 || end < 0 ? null : lines.slice(start + 1, end).join('\n')
}

/**
 * Scores a patch against the reference: the square of the share of the reference's changes that are covered, less when
 * much was added that was not asked for. The comment names files and lines of the base, never code.
 */
export function judgePatches(referencePatch: string, agentPatch: string): Judgement {
  const reference = readGitPatch(Buffer.from(referencePatch))
  const agent = readGitPatch(Buffer.from(agentPatch))
  const { units, extraLines, referenceLines, extraPaths } = coverageOf(reference, agent)
  const open = units.filter((unit) => unit.state !== 'covered')
  const share = units.length === 0 ? 1 : (units.length - open.length) / units.length
  const allowed = FREE_EXTRA_LINES + referenceLines
  const excess = extraLines > allowed ? Math.max(0.5, allowed / extraLines) : 1
  const cap = open.some((unit) => unit.state === 'altered') ? BEST_WITH_ALTERED : 1
  const score = Math.round(Math.min(cap, share ** 2 * excess) * 100) / 100
  return { score, comment: commentOn(open, extraPaths) }
}

function commentOn(open: readonly UnitCoverage[], extraPaths: readonly string[]): string {
  const byPath = new Map<string, UnitCoverage[]>()
  for (const unit of open) byPath.set(unit.path, [...(byPath.get(unit.path) ?? []), unit])
  const sentences = [...byPath].slice(0, MOST_FILES_NAMED).map(([path, units]) => describe(path, units))
  if (byPath.size > MOST_FILES_NAMED)
    sentences.push(`${byPath.size - MOST_FILES_NAMED} further files are missing or different.`)
  if (open.length > 0 || extraPaths.length > 2) {
    sentences.push(...extraPaths.slice(0, 2).map((path) => `${path}: this change is no part of the request.`))
  }
  return sentences.length === 0 ? 'The work has the effect of the reference.' : sentences.join(' ')
}

function describe(path: string, units: readonly UnitCoverage[]): string {
  const lines = units.flatMap((unit) => (unit.line === null ? [] : [unit.line]))
  if (lines.length < units.length) return `${path}: the change of the file as a whole is missing or different.`
  if (lines.length === 1) return `${path}: the change around line ${lines[0]} is missing or different.`
  return `${path}: the changes around lines ${lines.slice(0, -1).join(', ')} and ${lines.at(-1)} are missing or different.`
}
