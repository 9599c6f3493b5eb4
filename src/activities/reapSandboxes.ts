import type { SandboxProvider } from '../sandbox/port.ts'

/** The owner of the sandboxes in which `prchain doctor` tries an environment: no store's, and any worker's to reap. */
export const DOCTOR = 'prchain-doctor'

/** What a sweep removed, by name, and what could not be removed, with why. */
export interface Reaped {
  removed: string[]
  failed: { name: string; reason: string }[]
}

/**
 * Removes the sandboxes of a store that no live workflow owns, whatever their state: left by a killed worker, a rollout
 * that ended on another host, a workflow that was terminated. One whose lease still runs is left alone, because its
 * workflow may not be known yet; so is everything that carries another owner's label, or none. Idempotent.
 */
export async function reapSandboxes(options: {
  provider: SandboxProvider
  /** The store's own name: the `owner` label. */
  owner: string
  /** Whether the workflow of a rollout is open. Throws when that cannot be known. */
  isLive: (rollout: string) => Promise<boolean>
  now: Date
}): Promise<Reaped> {
  const { provider, owner, isLive, now } = options
  const reaped: Reaped = { removed: [], failed: [] }
  const live = new Map<string, boolean>()
  for (const { name, labels } of await provider.list({ owner })) {
    if (isLeased(labels['lease'], now)) continue
    const rollout = labels['rollout']
    if (rollout !== undefined) {
      if (!live.has(rollout)) live.set(rollout, await isLive(rollout))
      if (live.get(rollout)) continue
    }
    try {
      await provider.remove(name)
      reaped.removed.push(name)
    } catch (error) {
      reaped.failed.push({ name, reason: (error as Error).message })
    }
  }
  return reaped
}

function isLeased(lease: string | undefined, now: Date): boolean {
  const until = lease === undefined ? Number.NaN : Date.parse(lease)
  return until > now.getTime()
}
