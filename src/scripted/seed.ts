import { hash } from 'node:crypto'

/** Hex digits that follow from a seed and a place, the same on every machine. */
export function drawHex(seed: number, ...place: readonly (string | number)[]): string {
  return hash('sha256', JSON.stringify([seed, ...place]), 'hex')
}

/** A number from 0 to below 1 that follows from a seed and a place. */
export function drawShare(seed: number, ...place: readonly (string | number)[]): number {
  return Number.parseInt(drawHex(seed, ...place).slice(0, 12), 16) / 2 ** 48
}

/** One of several that follows from a seed and a place. Throws a RangeError when there are none. */
export function drawOne<T>(choices: readonly T[], seed: number, ...place: readonly (string | number)[]): T {
  if (choices.length === 0) throw new RangeError(`nothing to draw from at ${place.join(' ')}`)
  return choices[Math.floor(drawShare(seed, ...place) * choices.length)] as T
}
