import type { Play } from './port.ts'

/** The headers that tell a scripted endpoint which part it plays. */
export function playHeaders(play: Play): Record<string, string> {
  return {
    'x-prchain-role': play.role,
    'x-prchain-chain': play.chain,
    'x-prchain-rollout': play.rollout,
    'x-prchain-stage': String(play.stage),
    'x-prchain-round': String(play.round),
    'x-prchain-phase': play.phase ?? 'work',
  }
}
