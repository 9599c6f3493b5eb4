import { createHash } from 'node:crypto'

/** Numbers from 0 to below a bound, the same each time for the same words, whatever was drawn for others. */
export function createChance(...words: readonly (string | number)[]): (bound: number) => number {
  let drawn = 0
  return (bound) => {
    const digest = createHash('sha256').update(JSON.stringify([...words, drawn++]))
    return digest.digest().readUIntBE(0, 6) % bound
  }
}

/** A list in an order of chance. */
export function shuffle<T>(list: readonly T[], pick: (bound: number) => number): T[] {
  const shuffled = [...list]
  for (let last = shuffled.length - 1; last > 0; last--) {
    const chosen = pick(last + 1)
    ;[shuffled[last], shuffled[chosen]] = [shuffled[chosen]!, shuffled[last]!]
  }
  return shuffled
}
