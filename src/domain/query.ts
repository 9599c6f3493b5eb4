import { z } from 'zod'
import type { PullRequest } from '../formats/pullRequest.ts'
import type { StageInterface } from '../formats/rollout.ts'

const LONGEST_TEXT = 6_000

/**
 * A pull request as the query writer is given it: title, body, linked issues and what people said. Bots are left out, and
 * so is what was said after the merge: it may tell of faults that came to light, and of later changes.
 */
export function renderPull(pull: PullRequest, place: { index: number; count: number }): string {
  const isLater = (at: string | null | undefined) =>
    at != null && pull.mergedAt !== null && Date.parse(at) > Date.parse(pull.mergedAt)
  const said = pull.texts.filter((text) => !text.isBot && text.text.trim() !== '' && !isLater(text.at))
  const section = (heading: string, texts: string[]) => (texts.length === 0 ? [] : [`${heading}:`, ...texts.map(cut)])
  const of = (source: string) => said.filter((text) => text.source === source).map((text) => text.text)
  return [
    '<pull_request>',
    `Pull request ${place.index + 1} of ${place.count}: ${pull.repository}#${pull.number}`,
    `Title: ${pull.title}`,
    ...section('Body', of('body')),
    ...section('Commit messages', of('commit')),
    ...section(
      'Issues',
      pull.issues.map((issue) => `#${issue.number} ${issue.title ?? ''}\n${issue.body ?? ''}`.trim()),
    ),
    ...section('Comments', of('comment')),
    ...section('Reviews', [...of('review'), ...of('review-comment')]),
    '</pull_request>',
  ].join('\n')
}

const overviewReply = z.object({ overview: z.string().min(1) })
const queryReply = z.object({
  intent: z.string().min(1),
  locus: z.string().min(1),
  plan: z.string().min(1),
  directive: z.string().min(1),
})

/** Reads the writer's reply to the overview prompt; null when it is not the JSON that was asked for. */
export function readOverview(reply: string): string | null {
  return readJson(reply, overviewReply)?.overview ?? null
}

/** Reads the writer's reply to the query prompt, the four steps joined; null when it is not the JSON that was asked for. */
export function readQuery(reply: string): string | null {
  const steps = readJson(reply, queryReply)
  return steps && [steps.directive, steps.intent, `Where: ${steps.locus}`, `What must hold: ${steps.plan}`].join('\n\n')
}

/** A JSON object in a model's reply, fenced or not, or null. */
export function readJson<T>(reply: string, schema: z.ZodType<T>): T | null {
  const start = reply.indexOf('{')
  const end = reply.lastIndexOf('}')
  if (start < 0 || end < start) return null
  try {
    const parsed = schema.safeParse(JSON.parse(reply.slice(start, end + 1)))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

/** The block that gives exact names and texts to the agent; empty when there are none. */
export function renderInterface(demanded: StageInterface): string {
  if (demanded.names.length === 0 && demanded.literals.length === 0) return ''
  return [
    'Interface (these names and texts are exact):',
    ...demanded.names.map((name) => `- name: ${name}`),
    ...demanded.literals.map((literal) => `- text: ${JSON.stringify(literal)}`),
  ].join('\n')
}

function cut(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)}\n[… cut …]`
}
