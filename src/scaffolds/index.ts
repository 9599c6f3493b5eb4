import { miniSweAgent } from './miniSweAgent.ts'
import type { Scaffold } from './port.ts'
import { qwenCode } from './qwenCode.ts'
import { siiCli } from './siiCli.ts'

/** The agents that are not prchain's own: all that is asked for by name. */
export const SCAFFOLDS: readonly Scaffold[] = [miniSweAgent, qwenCode, siiCli]

/** A scaffold by its name; null for prchain's own. Throws for one that there is not. */
export function findScaffold(name: string): Scaffold | null {
  if (name === 'native') return null
  const found = SCAFFOLDS.find((scaffold) => scaffold.name === name)
  if (!found) throw new Error(`there is no scaffold ${name}: another version of prchain may have it`)
  return found
}
