import { miniSweAgent } from './miniSweAgent.ts'
import type { Scaffold } from './port.ts'
import { qwenCode } from './qwenCode.ts'
import { siiCli } from './siiCli.ts'

/** The agents that are not prchain's own. */
export const SCAFFOLDS: readonly Scaffold[] = [miniSweAgent, qwenCode, siiCli]

/** A scaffold by its name; null for prchain's own. */
export function findScaffold(name: string): Scaffold | null {
  return SCAFFOLDS.find((scaffold) => scaffold.name === name) ?? null
}
