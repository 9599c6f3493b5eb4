import type { FileChange } from '../formats/chain.ts'
import type { CarryOver, Queries } from '../formats/rollout.ts'
import { renderInterface } from './query.ts'

const LONGEST_LIST = 30

/** The user message that opens a stage: overview, query, interface, and for a later stage what moved upstream. */
export function renderOpening(options: {
  stage: number
  queries: Queries
  carryOver: CarryOver
  overview: 'every' | 'first'
  hasInterface: boolean
}): string {
  const { stage, queries, carryOver, overview, hasInterface } = options
  const asked = queries.stages[stage]!
  const demanded = hasInterface ? renderInterface(asked.interface) : ''
  const parts = [`# Request ${stage + 1} of ${queries.stages.length}`]
  if (stage === 0 || overview === 'every') parts.push(`## Where this leads\n\n${queries.overview}`)
  parts.push(`## The request\n\n${asked.query}`)
  if (demanded) parts.push(demanded)
  if (stage > 0) parts.push(renderMoved(carryOver))
  return parts.join('\n\n')
}

/** What a developer would be told when they come back to a project that went on without them. */
function renderMoved(carryOver: CarryOver): string {
  const { movedUpstream, upstreamTests } = carryOver
  const lines = ['## What has changed since your last request', '']
  if (movedUpstream.length === 0) lines.push('Nothing moved upstream. Your own work stands as you left it.')
  else {
    lines.push(
      'Other people have worked on the project. Your own work was carried over into its newer state. Changed upstream:',
    )
    lines.push(...list(movedUpstream.map(describeChange)))
  }
  if (upstreamTests.length > 0) {
    lines.push('', "These test files of your last request are now the project's own:", ...list(upstreamTests))
  }
  return lines.join('\n')
}

function describeChange(change: FileChange): string {
  return change.kind === 'renamed' ? `${change.oldPath} → ${change.path} (renamed)` : `${change.path} (${change.kind})`
}

function list(items: readonly string[]): string[] {
  const shown = items.slice(0, LONGEST_LIST).map((item) => `- ${item}`)
  return items.length > LONGEST_LIST ? [...shown, `- and ${items.length - LONGEST_LIST} more`] : shown
}
