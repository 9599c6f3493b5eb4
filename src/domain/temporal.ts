import { mergeOrder, type ChainCandidate } from './chain.ts'
import type { MergedPull } from './pullRequest.ts'
import { seededRandom, shuffle } from './shuffle.ts'

/**
 * Chains of neighbours in merge time, whatever they are about: the paper's TemporalChain ablation. As many and as long
 * as `lengths` says, none overlapping another, laid over the pull requests by the seed alone; each is a run of
 * neighbours in merge order. Depends on no order of the input. Throws RangeError when there are too few pull requests.
 */
export function buildTemporal(
  pulls: readonly MergedPull[],
  { lengths, seed }: { lengths: readonly number[]; seed: number },
): ChainCandidate[] {
  const numbers = mergeOrder(pulls)
  const used = lengths.reduce((sum, length) => sum + length, 0)
  if (used > numbers.length)
    throw new RangeError(`chains of ${used} pull requests in all cannot be laid over ${numbers.length}`)
  const gaps = Array.from({ length: numbers.length - used }, () => 0)
  const laid = shuffle([...lengths.toSorted((a, b) => a - b), ...gaps], seededRandom(seed))
  const chains: ChainCandidate[] = []
  let at = 0
  for (const length of laid) {
    if (length > 0) chains.push({ numbers: numbers.slice(at, at + length), links: [], shape: 'given' })
    at += Math.max(1, length)
  }
  return chains
}
