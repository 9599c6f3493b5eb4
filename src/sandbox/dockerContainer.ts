import type Docker from 'dockerode'
import { partLabels } from './dockerParts.ts'
import type { SandboxSpec } from './port.ts'

/** Where the repository stands in a container. */
export const REPOSITORY = '/repo'
/** The home folder of the agent's user. */
export const HOME = '/home/agent'
/** Command records: root's alone. */
export const RECORDS = '/run/prchain'
/** The agent's user and group. */
export const AGENT_ID = 1000

/** What a container of a provider may use. */
export interface ContainerLimits {
  memoryBytes: number
  /** The room of the repository; the agent's home and /tmp have half of it each. */
  diskBytes: number
  /** Processor cores; a fraction is allowed. */
  cpus: number
  /** Processes and threads. */
  pids: number
}

/** What a process in a container could need as root, all of it to set up, to read and to end what is the agent's. */
const CAPABILITIES = ['SETUID', 'SETGID', 'KILL', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER']
/** Room for what commands print before it has been stored elsewhere: more than one command's largest output. */
const RECORD_BYTES = 536_870_912
const SHARED_MEMORY_BYTES = 67_108_864
const PODMAN_LIMITS = ['nofile', 'nproc'].map((Name) => ({ Name, Soft: 16_384, Hard: 16_384 }))

/** Names beyond the network are asked of the container itself, where nobody answers, and no engine passes them on. */
const NO_NAMES = { Dns: ['127.0.0.1'], DnsOptions: ['timeout:1', 'attempts:1'] }

/** A folder of a container that can be written to: how much, and by whom. */
export interface WritableFolder {
  path: string
  sizeBytes: number
  /** Docker's mount options; `exec`, because its default forbids to run what is built there. */
  options: string
  ownerId: number
}

/** Where a prepared image keeps what is laid in its further writable folders. */
export const SEEDS = '/usr/lib/prchain'

/**
 * Where a container can be written to, the environment's own folders last. All of it is memory, counted as the
 * container's own.
 */
export function writableFolders({ diskBytes }: ContainerLimits, further: readonly string[] = []): WritableFolder[] {
  const half = Math.floor(diskBytes / 2)
  return [
    { path: REPOSITORY, sizeBytes: diskBytes, options: 'mode=755,exec', ownerId: AGENT_ID },
    { path: HOME, sizeBytes: half, options: 'mode=755,exec', ownerId: AGENT_ID },
    { path: '/tmp', sizeBytes: half, options: 'mode=1777,exec', ownerId: 0 },
    { path: RECORDS, sizeBytes: RECORD_BYTES, options: 'mode=700,noexec', ownerId: 0 },
    ...further.map((path) => ({ path, sizeBytes: diskBytes, options: 'mode=755,exec', ownerId: AGENT_ID })),
  ]
}

/**
 * What a container's memory is held to: what processes may use and all that its folders can hold, so that full disks
 * end no process, neither the agent's nor ours. Without swap.
 */
export function memoryLimit(limits: ContainerLimits, further: readonly string[] = []): number {
  const folders = writableFolders(limits, further).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return limits.memoryBytes + folders + SHARED_MEMORY_BYTES
}

/**
 * A container for a sandbox, from an image made by `provideSandboxImage`: nothing of the host in it, no network but the
 * one that is its own, a root that cannot be written to.
 */
export function containerOptions(options: {
  containerName: string
  spec: SandboxSpec
  image: string
  limits: ContainerLimits
  /** The network that leads to its relay; null for none. */
  network: string | null
  /** Podman's mounts know no owner, and its own limits of files and processes may be above the host's. */
  isPodman: boolean
}): Docker.ContainerCreateOptions {
  const { containerName, spec, image, limits, network, isPodman } = options
  const env = { HOME, LANG: 'C.UTF-8', TZ: 'UTC', PYTHONHASHSEED: '0', ...spec.environment?.env }
  const further = spec.environment?.writable ?? []
  const memory = memoryLimit(limits, further)
  return {
    name: containerName,
    Image: image,
    Entrypoint: ['sleep'],
    Cmd: ['infinity'],
    User: '0:0',
    WorkingDir: '/',
    Hostname: 'sandbox',
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    Labels: partLabels(spec.name, spec.labels),
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      ...(network === null ? { NetworkMode: 'none' } : { NetworkMode: network, ...NO_NAMES }),
      Init: true,
      CapDrop: ['ALL'],
      CapAdd: CAPABILITIES,
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      Tmpfs: Object.fromEntries(
        writableFolders(limits, further).map(({ path, sizeBytes, options: mount, ownerId }) => [
          path,
          `rw,nosuid,nodev,size=${sizeBytes},${mount}${isPodman ? '' : `,uid=${ownerId},gid=${ownerId}`}`,
        ]),
      ),
      Binds: (spec.mounts ?? []).map(({ source, target }) => `${source}:${target}:ro`),
      ShmSize: SHARED_MEMORY_BYTES,
      Memory: memory,
      MemorySwap: memory,
      NanoCpus: Math.round(limits.cpus * 1e9),
      PidsLimit: limits.pids,
      Ulimits: [{ Name: 'core', Soft: 0, Hard: 0 }, ...(isPodman ? PODMAN_LIMITS : [])],
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'none', Config: {} },
    },
  }
}
