import type { RoundEnding } from '../formats/rollout.ts'

/** Whose limit a round's ending says is spent, so that a further round of it would end at once; null for every other ending. */
export function spentBy(ending: RoundEnding): 'stage' | 'chain' | null {
  switch (ending) {
    case 'stage-steps':
    case 'stage-tokens':
      return 'stage'
    case 'chain-steps':
    case 'chain-tokens':
      return 'chain'
    default:
      return null
  }
}
