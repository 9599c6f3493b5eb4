/** How often a key was asked for and answered. */
export interface Count {
  asked: number
  answered: number
  /** ISO 8601, UTC. */
  lastAskedAt: string
}

/** Counts requests and whole answers by Idempotency-Key. It only counts: asking twice costs twice. */
export interface Ledger {
  noteAsked(key: string): void
  noteAnswered(key: string): void
  counts(): Record<string, Count>
}

/** A ledger in memory; `now` gives the time. */
export function createLedger(now: () => Date): Ledger {
  const counts = new Map<string, Count>()
  return {
    noteAsked(key) {
      const count = counts.get(key) ?? { asked: 0, answered: 0, lastAskedAt: '' }
      counts.set(key, { ...count, asked: count.asked + 1, lastAskedAt: now().toISOString() })
    },
    noteAnswered(key) {
      const count = counts.get(key)
      if (count) count.answered++
    },
    counts: () => Object.fromEntries(counts),
  }
}
