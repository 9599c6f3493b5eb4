import type { Client } from '@temporalio/client'
import type { Ports } from './activities/ports.ts'
import { DOCTOR, reapSandboxes } from './activities/reapSandboxes.ts'
import { workflowId } from './domain/identifiers.ts'
import type { SandboxProvider } from './sandbox/port.ts'

const KINDS = ['docker', 'bubblewrap', 'process'] as const
const LOOK_MS = 30_000
const REAP_MS = 5 * 60_000

/** Looks after what this worker's host has: the places of its sandboxes, and the sandboxes that nobody owns. */
export interface HostKeeper {
  /** Looks for places that are new, and reaps where that is due. */
  look(): Promise<void>
  /** Ends the looking. */
  stop(): void
  close(): Promise<void>
}

/**
 * Looks every half minute for engines that answer, tells of each place once, so that the worker polls its queue, and
 * reaps its orphans when it is first seen and every five minutes from then on.
 */
export async function createHostKeeper(options: {
  ports: Ports
  client: Client
  onPlace: (place: string) => Promise<void>
  onLine: (line: string) => void
}): Promise<HostKeeper> {
  const { ports, client, onPlace, onLine } = options
  const places = new Set<string>()
  const reapedMs = new Map<SandboxProvider, number>()
  let isStopped = false
  let looking: Promise<void> = Promise.resolve()
  const timer = setInterval(() => void look(), LOOK_MS)
  timer.unref()

  function look(): Promise<void> {
    looking = looking.then(async () => {
      for (const kind of KINDS) if (!isStopped) await lookAt(ports.sandboxes(kind)).catch(tell(`sandboxes by ${kind}`))
    })
    return looking
  }

  async function lookAt(provider: SandboxProvider): Promise<void> {
    // A host without this kind of sandbox is no fault.
    const described = await provider.describe().catch(() => null)
    if (!described || isStopped) return
    if (!places.has(described.id)) {
      places.add(described.id)
      await onPlace(described.id)
    }
    if (Date.now() - (reapedMs.get(provider) ?? 0) < REAP_MS) return
    reapedMs.set(provider, Date.now())
    for (const owner of [ports.instance, DOCTOR]) {
      const { removed, failed } = await reapSandboxes({ provider, owner, isLive, now: new Date() })
      if (removed.length > 0)
        onLine(`removed ${removed.length} sandbox(es) that no workflow owns: ${removed.join(', ')}`)
      for (const { name, reason } of failed)
        onLine(`sandbox ${name}, which no workflow owns, cannot be removed: ${reason}`)
    }
  }

  async function isLive(rollout: string): Promise<boolean> {
    try {
      const { status } = await client.workflow.getHandle(workflowId.chain(rollout)).describe()
      return status.name === 'RUNNING'
    } catch (error) {
      if ((error as Error).name === 'WorkflowNotFoundError') return false
      throw error
    }
  }

  function tell(what: string) {
    return (error: Error) => onLine(`looking after ${what}: ${error.message}`)
  }

  return {
    look,
    stop() {
      isStopped = true
      clearInterval(timer)
    },
    async close() {
      await looking
      await client.connection.close()
    },
  }
}
