const LONGEST_CYCLE = 4
const TIMES_ALONE = 4
const TIMES_IN_A_CYCLE = 3

/**
 * Whether an agent goes in a circle: its last steps, each told by what was called and what came of it, are one step four
 * times over, or a cycle of two to four steps three times over.
 */
export function isCircling(steps: readonly string[]): boolean {
  for (let length = 1; length <= LONGEST_CYCLE; length++) {
    const needed = length * (length === 1 ? TIMES_ALONE : TIMES_IN_A_CYCLE)
    const last = steps.slice(-needed)
    if (last.length === needed && last.every((step, at) => at < length || step === last[at - length])) return true
  }
  return false
}
