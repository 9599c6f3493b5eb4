import { miniSweAgent } from './miniSweAgent.ts'
import { qwenCode } from './qwenCode.ts'
import type { Scaffold } from './port.ts'

/** The agents that are not prchain's own. */
export const SCAFFOLDS: readonly Scaffold[] = [miniSweAgent, qwenCode]

/** A scaffold by its name; null for prchain's own. */
export function findScaffold(name: string): Scaffold | null {
  return SCAFFOLDS.find((scaffold) => scaffold.name === name) ?? null
}
