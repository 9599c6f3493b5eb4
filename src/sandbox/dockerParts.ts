import { statusOf, type DockerEngine } from './dockerEngine.ts'
import { SandboxError } from './port.ts'

/** What a sandbox's container is called once it is whole. */
export function containerName(name: string): string {
  return `prchain-${requireName(name)}`
}

/** What it is called until then. */
export function unfinishedName(name: string): string {
  return `prchain.new-${requireName(name)}`
}

/** What the relay of a sandbox with a network is called. */
export function relayName(name: string): string {
  return `prchain.relay-${requireName(name)}`
}

/** What its network is called. */
export function networkName(name: string): string {
  return `prchain.network-${requireName(name)}`
}

const LABEL_PREFIX = 'prchain.'

/** The labels of all parts of a sandbox. */
export function partLabels(name: string, labels: Record<string, string>): Record<string, string> {
  const all = Object.entries({ owner: 'prchain', ...labels, name })
  return Object.fromEntries(all.map(([key, value]) => [`${LABEL_PREFIX}${key}`, value]))
}

/** The sandboxes of which any part is there that carries these labels, by name, with their labels. */
export async function listParts(
  { docker }: DockerEngine,
  labels: Record<string, string>,
): Promise<Map<string, Record<string, string>>> {
  const wanted = Object.entries(labels).map(([key, value]) => `${LABEL_PREFIX}${key}=${value}`)
  const filters = { label: [`${LABEL_PREFIX}name`, ...wanted] }
  const containers = await docker.listContainers({ all: true, filters })
  const networks = await docker.listNetworks({ filters })
  return new Map([...networks, ...containers].map(({ Labels }) => [nameOf(Labels), ownLabels(Labels ?? {})]))
}

/** Removes all parts of a sandbox, whole or half made. Idempotent. */
export async function removeParts(engine: DockerEngine, name: string): Promise<void> {
  for (const containerId of [containerName(name), unfinishedName(name), relayName(name)]) {
    const container = engine.docker.getContainer(containerId)
    // 409: another process is removing it.
    const removal = await container.remove({ force: true, v: true }).catch((error: unknown) => {
      if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error
      return statusOf(error)
    })
    if (removal === 409) await container.wait({ condition: 'removed' }).catch(nullWhenAbsent)
  }
  // Two networks may have one name.
  const filters = { label: [`${LABEL_PREFIX}name=${name}`] }
  for (const { Id, Labels } of await engine.docker.listNetworks({ filters })) {
    if (nameOf(Labels) !== name) continue
    await engine.docker.getNetwork(Id).remove().catch(nullWhenAbsent)
  }
}

/** Null for an error that says that there is no such thing. */
export function nullWhenAbsent(error: unknown): null {
  if (statusOf(error) === 404) return null
  throw error
}

function nameOf(labels: Record<string, string> | undefined): string {
  return labels?.[`${LABEL_PREFIX}name`] ?? ''
}

function ownLabels(labels: Record<string, string>): Record<string, string> {
  const own = Object.entries(labels).filter(([key]) => key.startsWith(LABEL_PREFIX))
  return Object.fromEntries(own.map(([key, value]) => [key.slice(LABEL_PREFIX.length), value]))
}

function requireName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return name
  throw new SandboxError(
    'invalid',
    `not a sandbox's name: ${JSON.stringify(name)}; use letters, digits, ".", "_" and "-"`,
  )
}
