import { carryInto, type Carried } from '../../src/activities/carryOver.ts'
import type { Ports } from '../../src/activities/ports.ts'
import type { RolloutContext } from '../../src/activities/rolloutContext.ts'
import type { RolloutSettings } from '../../src/formats/rollout.ts'
import type { GitRepository } from '../../src/git/port.ts'

/** Two stages of a chain, as commits or trees of one repository. */
export interface StagePair {
  /** B(t−1): where the first stage began. */
  firstBase: string
  /** H(t−1). */
  firstResult: string
  /** The first stage's test files, which carry-over takes from upstream. */
  testFiles: readonly string[]
  /** B(t), a commit. */
  base: string
}

/**
 * S_init(t) by prchain's own carry-over (`src/activities/carryOver.ts`) for a rollout whose first stage began at
 * B(t−1) and ended with the agent's tree. Nothing is stored. `patch` is what the agent's lines are counted from.
 */
export async function carryAgent(
  repository: GitRepository,
  { firstBase, firstResult, testFiles, base }: StagePair,
  agent: { tree: string; patch: Buffer },
  settings: Pick<RolloutSettings, 'carry' | 'onConflict'>,
): Promise<Carried> {
  const stages = [
    { baseSha: firstBase, resultSha: firstResult, testFiles },
    { baseSha: base, resultSha: base, testFiles: [] },
  ]
  const context = {
    id: 'bench',
    repository,
    settings,
    chain: { id: 'bench', repository: repository.name },
    stage: (index: number) => stages[index]!,
    state: async () => ({ initialTree: firstBase }),
    result: async () => ({ tree: agent.tree, patch: 'sha256:agent' }),
  } as unknown as RolloutContext
  const ports = { store: { getBlob: async () => agent.patch } } as unknown as Ports
  return carryInto(ports, context, 1)
}
