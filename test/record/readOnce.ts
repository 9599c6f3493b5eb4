import type { Store } from '../../src/store/port.ts'

/** A store's records, each of which is read once: for a test that makes every request of a rollout again. */
export function readOnce(store: Store): Store {
  const known = new Map<string, Promise<unknown>>()
  return {
    ...store,
    getRecord<T>(key: string) {
      const read = known.get(key) ?? store.getRecord<T>(key)
      known.set(key, read)
      return read as Promise<T | null>
    },
  }
}
