import { recordKey } from '../domain/identifiers.ts'
import type { FenceRecord } from '../formats/record.ts'
import type { Store } from '../store/port.ts'

/** The right to write to a rollout's record and to command its sandbox, until a later attempt claims it. */
export interface Fence {
  /** Throws {@link FencedError} once a later attempt holds the fence. */
  check(): Promise<void>
}

/** A later Temporal attempt holds the rollout: this one must stop and write nothing more. */
export class FencedError extends Error {
  override name = 'FencedError'
}

/**
 * Claims a rollout for one Temporal attempt. `order` is compared first to last: the workflow's epoch, the
 * activity's place in the workflow, the activity's attempt. Throws {@link FencedError} when a later one has claimed it.
 */
export async function claimFence(options: {
  store: Store
  rollout: string
  order: FenceRecord['order']
  holder: string
}): Promise<Fence> {
  const { store, rollout, order, holder } = options
  for (;;) {
    const keys = await store.listRecords(recordKey.fences(rollout))
    const last = keys.length === 0 ? null : await store.getRecord<FenceRecord>(keys.at(-1)!)
    if (last && compareOrder(last.order, order) > 0) throw fencedBy(last)
    const epoch = keys.length
    const claim: FenceRecord = { format: 'prchain.fence/1', order, holder }
    const { isNew } = await store.putRecord(recordKey.fence(rollout, epoch), claim)
    if (!isNew) continue
    return {
      async check() {
        const next = await store.getRecord<FenceRecord>(recordKey.fence(rollout, epoch + 1))
        if (next) throw fencedBy(next)
      },
    }
  }

  function fencedBy(other: FenceRecord): FencedError {
    return new FencedError(
      `attempt ${order.join('.')} of rollout ${rollout} was overtaken by ${other.order.join('.')} on ${other.holder}; it stops here`,
    )
  }
}

function compareOrder(a: FenceRecord['order'], b: FenceRecord['order']): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
}
