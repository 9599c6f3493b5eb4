/** Numbers that look random and are always the same for the same seed. */
export interface Random {
  /** From 0 up to 1. */
  next(): number
  /** A whole number from 0 up to `below`. */
  int(below: number): number
  chance(probability: number): boolean
  pick<T>(from: readonly T[]): T
  /** Log-normal: half of the values lie below `median`; the tail grows with `spread`. */
  skewed(median: number, spread: number): number
}

/** A source of random numbers of its own for each list of parts. */
export function randomFor(...parts: readonly (string | number)[]): Random {
  let state = 0x811c9dc5
  const mix = (value: number) => {
    state = Math.imul(state ^ value, 0x01000193)
    state ^= state >>> 15
  }
  for (const part of parts) {
    if (typeof part === 'number') {
      mix(part & 0xffff)
      mix((part >>> 16) + 0x9e37)
    } else for (let index = 0; index < part.length; index += 1) mix(part.charCodeAt(index))
    mix(0x2545)
  }
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
  return {
    next,
    int: (below) => Math.floor(next() * below),
    chance: (probability) => next() < probability,
    pick: (from) => from[Math.floor(next() * from.length)]!,
    skewed(median, spread) {
      const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
      return median * Math.exp(spread * normal)
    },
  }
}
