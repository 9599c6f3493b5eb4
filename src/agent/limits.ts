import type { RoundEnding } from '../formats/rollout.ts'

/** How far an agent may go; null for no limit. Tokens are prompts and replies of every call together. */
export interface AgentLimits {
  /** Steps of one round. */
  maxSteps: number
  maxStageSteps: number | null
  maxStageTokens: number | null
  maxChainSteps: number | null
  maxChainTokens: number | null
}

/** What was spent: by a stage, or by all of them. */
export interface Spent {
  steps: number
  tokens: number
}

/** The limit that leaves no room for another step, by its ending; null when there is room. */
export function findSpentLimit(
  limits: AgentLimits,
  spent: { roundSteps: number; stage: Spent; chain: Spent },
): RoundEnding | null {
  const { roundSteps, stage, chain } = spent
  const isSpent = (amount: number, limit: number | null) => limit !== null && amount >= limit
  if (isSpent(chain.steps, limits.maxChainSteps)) return 'chain-steps'
  if (isSpent(chain.tokens, limits.maxChainTokens)) return 'chain-tokens'
  if (isSpent(stage.steps, limits.maxStageSteps)) return 'stage-steps'
  if (isSpent(stage.tokens, limits.maxStageTokens)) return 'stage-tokens'
  return isSpent(roundSteps, limits.maxSteps) ? 'step-limit' : null
}

/** What a stage has spent, of many. */
export function spentOf(stages: readonly (Spent | undefined)[]): Spent {
  return stages.reduce<Spent>(
    (sum, stage) => ({ steps: sum.steps + (stage?.steps ?? 0), tokens: sum.tokens + (stage?.tokens ?? 0) }),
    { steps: 0, tokens: 0 },
  )
}
