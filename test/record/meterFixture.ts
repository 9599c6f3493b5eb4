import { createBudget } from '../../src/record/budget.ts'
import { createMeter, type Meter } from '../../src/record/meter.ts'
import type { PaceLimits } from '../../src/domain/pace.ts'
import type { Store } from '../../src/store/port.ts'

/** A meter over a store, with a clock of its own that moves only when it waits. */
export function openMeter(store: Store, limits: Partial<PaceLimits> = {}): Meter & { flush(): Promise<void> } {
  let nowMs = Date.UTC(2026, 5, 8)
  const now = () => new Date(nowMs)
  const wait = async (ms: number) => void (nowMs += ms)
  const budget = createBudget({ store, holder: 'test', now, wait })
  const meter = createMeter({
    ...{ store, budget, now, wait },
    provider: 'provider',
    limits: { requestsPerMinute: null, tokensPerMinute: null, ...limits },
  })
  return Object.assign(meter, { flush: () => budget.flush() })
}
