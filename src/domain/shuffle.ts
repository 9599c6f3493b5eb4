/** A source of numbers from 0 up to 1 that follows from its seed alone (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The values in an order drawn from `random`; each order is as likely as any other. */
export function shuffle<T>(values: readonly T[], random: () => number): T[] {
  const shuffled = [...values]
  for (let last = shuffled.length - 1; last > 0; last--) {
    const drawn = Math.floor(random() * (last + 1))
    ;[shuffled[last], shuffled[drawn]] = [shuffled[drawn]!, shuffled[last]!]
  }
  return shuffled
}
