const MICRO = 1_000_000

/** Micro-dollars as people write them: `$1.25`, and to the last digit where it is less than a cent. */
export function renderMoney(microUsd: number): string {
  const digits = microUsd % 10_000 === 0 ? 2 : 6
  return `$${(microUsd / MICRO).toFixed(digits)}`
}

/** Dollars as whole micro-dollars, rounded down. */
export function toMicroUsd(usd: number): number {
  return Math.floor(usd * MICRO + 1e-6)
}
