import type { ChainState } from '../formats/state.ts'
import type { PrChainInput } from './messages.ts'

/** A chain's state as Markdown for the Temporal UI: the status line first, then a row a stage. */
export function renderChain(state: ChainState): string {
  const where = state.attention
    ? `**needs attention**: ${state.attention.reason}`
    : `**${state.status}**: ${state.doing}`
  const rows = state.stages.map((stage, index) => {
    const score = stage.score === null ? '' : stage.score.toFixed(2)
    return `| ${index + 1} | #${stage.number} ${stage.title.replaceAll('|', '\\|').slice(0, 60)} | ${stage.status} | ${stage.rounds || ''} | ${score} |`
  })
  const lines = [
    where,
    '',
    '| stage | pull request | status | rounds | score |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ]
  if (state.attention) lines.push('', `Resume: \`${state.attention.command}\``)
  if (state.restarts > 0) lines.push('', `Started again by itself ${state.restarts} time(s).`)
  return lines.join('\n')
}

/** Where a chain is when its workflow begins. */
export function firstState({ rollout, restarts }: PrChainInput): ChainState {
  return {
    rollout,
    status: 'planning',
    stage: 0,
    round: 0,
    doing: 'writing overview and queries',
    stages: [],
    steps: 0,
    attention: null,
    restarts,
  }
}
