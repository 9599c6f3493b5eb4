import type { FileChange } from '../formats/chain.ts'
import type { CarryOver } from '../formats/carryOver.ts'
import type { Queries } from '../formats/rollout.ts'
import { describeConflict } from './conflict.ts'
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

/** The user message that opens a rebase round: what collides, and what is asked. */
export function renderRebase(carryOver: CarryOver): string {
  return [
    '# Before the next request: reconcile your work with what moved upstream',
    'Other people have worked on the project since your last request, and in some places on the very lines that you worked on. Your work was carried over into the newer state; where that could not be decided, both sides are in the files, upstream between `<<<<<<< upstream` and `=======` (after `|||||||`, where it stands, what both started from), yours between `=======` and `>>>>>>> yours`.',
    ['## What collides', '', ...list(carryOver.conflicts.map(describeConflict))].join('\n'),
    ['## Changed upstream', '', ...list(carryOver.movedUpstream.map(describeChange))].join('\n'),
    'Reconcile the two: keep what your work does, and make it fit what upstream has now, so that what worked in either still works. No marker may be left. Do not begin anything else; call `submit` when it is done.',
  ].join('\n\n')
}

/** The user message for another try of a rebase round. */
export function renderRebaseFeedback(options: { markers: string[]; broken: string[]; hasRun: boolean }): string {
  const { markers, broken, hasRun } = options
  const parts = ['Your work is not reconciled with upstream yet.']
  if (markers.length > 0) parts.push(['These files still hold conflict markers:', ...list(markers)].join('\n'))
  else if (!hasRun) parts.push('The tests cannot be run on what you left: the code does not load.')
  if (broken.length > 0)
    parts.push(['These tests passed before and fail now:', ...list(broken.map((id) => `\`${id}\``))].join('\n'))
  parts.push(
    'Your changes are still in place. Take the work up again from where it stands, and submit when it is done.',
  )
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
  lines.push(...renderDecision(carryOver))
  return lines.join('\n')
}

/** Conflicts that were decided without the agent are told, so that nothing of its work is replaced unseen. */
function renderDecision({ conflicts, decidedBy }: CarryOver): string[] {
  const paths = conflicts.map(({ path }) => path)
  switch (decidedBy) {
    case null:
      return []
    case 'rebase':
      return ['', 'What collided is as you reconciled it.']
    case 'agent':
      return ['', 'Where upstream and you changed the same lines, yours were kept, in:', ...list(paths)]
    case 'upstream':
      return ['', "Where upstream and you changed the same lines, upstream's were kept, in:", ...list(paths)]
    default:
      return decidedBy satisfies never
  }
}

function describeChange(change: FileChange): string {
  return change.kind === 'renamed' ? `${change.oldPath} → ${change.path} (renamed)` : `${change.path} (${change.kind})`
}

function list(items: readonly string[]): string[] {
  const shown = items.slice(0, LONGEST_LIST).map((item) => `- ${item}`)
  return items.length > LONGEST_LIST ? [...shown, `- and ${items.length - LONGEST_LIST} more`] : shown
}
