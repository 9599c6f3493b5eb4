import type { Store } from '../store/port.ts'

const LAZY_MS = 500

/** One entry of a ledger: the whole state after a change. */
export interface LedgerEntry<S> {
  format: string
  at: string
  state: S
}

/** What a change makes of a state: the same object where nothing is to be written. */
export interface Change<S, R> {
  state: S
  result: R
}

/**
 * A small state that many processes change, over a store whose records cannot be changed: each entry holds the whole
 * state under the next number, and whoever puts a number first has made the change. Changes that wait are put together.
 */
export interface Ledger<S> {
  /**
   * Makes a change and returns its result when it is on record. `make` is a function of the state alone: it is made again
   * when another process was first. Throws what the store throws.
   */
  change<R>(make: (state: S) => Change<S, R>): Promise<R>
  /**
   * The same for a change that nobody waits for: it is put with the next one, or after half a second, and tried again for
   * as long as this process lives.
   */
  changeLater(make: (state: S) => S): void
  /** The state as it stands. */
  read(): Promise<S>
  /** Puts what waits. */
  flush(): Promise<void>
}

interface Waiting<S> {
  make: (state: S) => Change<S, unknown>
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
}

/** Makes a {@link Ledger} over the records that `keyOf` names, numbered from 0. */
export function createLedger<S>(options: {
  store: Pick<Store, 'getRecord' | 'putRecord'>
  format: string
  keyOf: (n: number) => string
  empty: S
}): Ledger<S> {
  const { store, format, keyOf, empty } = options
  let latest: { n: number; state: S } = { n: -1, state: empty }
  const waiting: Waiting<S>[] = []
  let writing: Promise<void> | null = null
  let timer: NodeJS.Timeout | null = null

  return {
    change: <R>(make: (state: S) => Change<S, R>) => enqueue(make, write) as Promise<R>,
    changeLater,
    read: () => enqueue((state) => ({ state, result: state }), write) as Promise<S>,
    flush: () => write(),
  }

  function changeLater(make: (state: S) => S): void {
    const lazily = () => (timer ??= setTimeout(() => void write(), LAZY_MS).unref())
    enqueue((state) => ({ state: make(state), result: null }), lazily).catch(() => {
      setTimeout(() => changeLater(make), LAZY_MS).unref()
    })
  }

  function enqueue(make: Waiting<S>['make'], then: () => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      waiting.push({ make, resolve, reject })
      then()
    })
  }

  function write(): Promise<void> {
    if (timer) clearTimeout(timer)
    timer = null
    return (writing ??= writeAll().finally(() => {
      writing = null
      // What came after the last look and before now.
      if (waiting.length > 0) void write()
    }))
  }

  async function writeAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0)
      try {
        const results = await commit(batch)
        for (const [index, { resolve }] of batch.entries()) resolve(results[index])
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
  }

  async function commit(batch: readonly Waiting<S>[]): Promise<unknown[]> {
    await advance()
    for (;;) {
      let { state } = latest
      const results: unknown[] = []
      for (const { make } of batch) {
        const made = make(state)
        state = made.state
        results.push(made.result)
      }
      if (state === latest.state) return results
      const next = latest.n + 1
      const entry: LedgerEntry<S> = { format, at: new Date().toISOString(), state }
      const { isNew, value } = await store.putRecord(keyOf(next), entry)
      latest = { n: next, state: value.state }
      if (isNew) return results
      await advance()
    }
  }

  /** Finds the last entry: there are no gaps, so by ever longer steps and then by halves. */
  async function advance(): Promise<void> {
    let step = 1
    while (await reach(latest.n + step)) step *= 2
    for (step = Math.floor(step / 2); step >= 1; step = Math.floor(step / 2)) await reach(latest.n + step)
  }

  async function reach(n: number): Promise<boolean> {
    const entry = await store.getRecord<LedgerEntry<S>>(keyOf(n))
    if (entry) latest = { n, state: entry.state }
    return entry !== null
  }
}
