import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Hold } from '../../src/formats/exchange.ts'
import { askHeld, UnwantedCallError } from '../../src/gateway/hold.ts'
import { openHold } from '../../src/record/hold.ts'
import type { Ledger } from '../../src/record/ledger.ts'
import { createFileStore } from '../../src/store/files.ts'

class CeilingReachedError extends Error {
  override name = 'CeilingReachedError'
}

const never = new AbortController().signal

function openHolds() {
  const store = createFileStore({ dir: mkdtempSync(join(tmpdir(), 'prchain-hold-')) })
  return (n: number) => openHold(store, { rollout: 'night/acme__tool.1-2/1', stage: 0, round: 0, n })
}

/** Asks a provider that a ceiling is in front of so many times. */
function refusing(times: number): () => Promise<string> {
  let left = times
  return async () => {
    if (left-- > 0) throw new CeilingReachedError('reached')
    return 'answer'
  }
}

describe('a call that a ceiling is in the way of', () => {
  test('is held, on record for each launch that waits for it, until it can be made', async () => {
    const hold = openHolds()
    const holds = [hold(1)]
    const seen: (string | null)[][] = []
    const answer = await askHeld({
      ask: refusing(2),
      holds: () => holds,
      async wait() {
        seen.push(await Promise.all([1, 2].map(async (n) => (await hold(n).read()).reason)))
        // Another launch asks for the same meanwhile.
        holds.push(hold(2))
      },
      signal: never,
    })
    expect(answer).toBe('answer')
    expect(seen).toEqual([
      ['reached', null],
      ['reached', 'reached'],
    ])
    for (const n of [1, 2]) expect(await hold(n).read()).toEqual({ reason: null })
  })

  test('is no longer held where a gateway that died had put a hold on record', async () => {
    const hold = openHolds()
    await hold(1).change(() => ({ state: { reason: 'reached' }, result: null }))
    await askHeld({ ask: refusing(0), holds: () => [hold(1)], wait: async () => {}, signal: never })
    expect(await hold(1).read()).toEqual({ reason: null })
  })

  test('is no longer held once it is let through, while its reply is under way', async () => {
    const hold = openHolds()(1)
    await hold.change(() => ({ state: { reason: 'reached' }, result: null }))
    const ask = async (onLetThrough: () => Promise<void>) => {
      await onLetThrough()
      return hold.read()
    }
    expect(await askHeld({ ask, holds: () => [hold], wait: async () => {}, signal: never })).toEqual({ reason: null })
  })

  test('is not made when nobody waits for it any longer', async () => {
    const holds: Ledger<Hold>[] = [openHolds()(1)]
    let asked = 0
    const ask = () => {
      asked++
      return refusing(1)()
    }
    const asking = askHeld({ ask, holds: () => holds, wait: async () => void holds.pop(), signal: never })
    await expect(asking).rejects.toThrow(UnwantedCallError)
    expect(asked).toBe(2)
  })

  test('what is no ceiling is thrown at once', async () => {
    const ask = () => Promise.reject(new Error('other'))
    await expect(askHeld({ ask, holds: () => [], wait: async () => {}, signal: never })).rejects.toThrow('other')
  })
})
