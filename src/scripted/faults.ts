import { drawShare } from './seed.ts'
import type { Fault } from './settings.ts'
import type { PlayHeaders } from './wire.ts'

/** Says which fault, if any, strikes a request; each fault keeps its own count. */
export function createFaults(faults: readonly Fault[], seed: number): (play: PlayHeaders) => Fault | null {
  const tallies = faults.map(() => ({ matched: 0, struck: 0 }))
  return (play) => {
    for (const [index, fault] of faults.entries()) {
      if (!isFor(fault, play)) continue
      const tally = tallies[index]!
      const nth = tally.matched++
      if (nth < fault.skip || (fault.count !== 'forever' && tally.struck >= fault.count)) continue
      if (fault.probability < 1 && drawShare(seed, 'fault', index, nth) >= fault.probability) continue
      tally.struck++
      return fault
    }
    return null
  }
}

function isFor(fault: Fault, play: PlayHeaders): boolean {
  return (['role', 'chain', 'rollout', 'stage', 'round'] as const).every(
    (key) => fault[key] === undefined || fault[key] === play[key],
  )
}
