import { miniSweAgent } from './miniSweAgent.ts'
import type { Scaffold } from './port.ts'

/** The agents that are not prchain's own. */
export const SCAFFOLDS: readonly Scaffold[] = [miniSweAgent]
