import { createHash } from 'node:crypto'
import type Docker from 'dockerode'
import type { ChannelLine } from './channelLine.ts'
import {
  AGENT_ID,
  REPOSITORY,
  SEEDS,
  containerOptions,
  memoryLimit,
  writableFolders,
  type ContainerLimits,
} from './dockerContainer.ts'
import { isPodman, openEngine, startAsRoot, statusOf, translateError, type DockerEngine } from './dockerEngine.ts'
import { createGate } from './dockerGate.ts'
import { provideImage, type BuildOptions } from './dockerImage.ts'
import { containerName, listParts, nullWhenAbsent, removeParts, unfinishedName } from './dockerParts.ts'
import { keepRelay, makeRelay, provideRelayImage } from './dockerRelay.ts'
import { hasNetwork, lifeOf, openDockerLine, openDockerSandbox } from './dockerSandbox.ts'
import { provideSandboxImage } from './dockerSandboxImage.ts'
import { SandboxError, type SandboxPlace, type SandboxProvider } from './port.ts'

/** What every container of a provider may use, what its image is made with, and where its engine is. */
export interface DockerOptions extends ContainerLimits, BuildOptions {
  /** A socket's path, or an address as `DOCKER_HOST` has it. */
  socketPath?: string
  /** How many containers are made, started or removed at a time; the others wait. Commands do not. */
  startsAtOnce?: number
}

const STARTS_AT_ONCE = 4

/**
 * Makes sandboxes as Docker containers: no network, or one that leads to a relay alone, no mount of the host, no
 * capability for the agent, which is user 1000, and nothing that can be written to but folders of a stated size. Records of commands are root's. Image and
 * environment variables come from the environment; its setup commands are the caller's to run. A container is
 * `prchain-<name>` once it is whole; a create that was cut off leaves `prchain.new-<name>`, which `find` does not see
 * and the next `create` or `remove` takes away.
 */
export function createDockerProvider(options: DockerOptions): SandboxProvider {
  const engine = openEngine(options.socketPath)
  const { docker } = engine
  const gated = createGate(options.startsAtOnce ?? STARTS_AT_ONCE)
  const lines = new Map<string, { life: string; line: ChannelLine }>()

  const translated = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw translateError(engine, what, error)
    }
  }
  const closeLine = (name: string) => {
    lines.get(name)?.line.close()
    lines.delete(name)
  }
  const open = (name: string, container: Docker.ContainerInspectInfo) => {
    const life = lifeOf(container)
    if (lines.get(name)?.life !== life) closeLine(name)
    const { line } = lines.get(name) ?? { line: openDockerLine(engine, name, container) }
    lines.set(name, { life, line })
    return openDockerSandbox(engine, name, container, line)
  }

  return {
    kind: 'docker',
    isIsolating: true,
    repositoryPath: () => REPOSITORY,
    async create(spec) {
      const { name, environment, buildContext } = spec
      const what = `making sandbox ${name}`
      const refuseOther = (error: unknown): never => {
        if (statusOf(error) !== 409) throw error
        throw new SandboxError('unreachable', `${what}: another process is making it too; try again`, { cause: error })
      }
      const parent = await provideImage(engine, environment, { ...options, buildContext })
      const image = await provideSandboxImage(engine, parent, environment?.writable ?? [], what)
      const relayImage = spec.relayedPort === undefined ? null : await provideRelayImage(engine, options)
      const make = async () => {
        closeLine(name)
        await removeParts(engine, name)
        const relay = { name, labels: spec.labels, port: spec.relayedPort ?? 0 }
        const network =
          relayImage === null ? null : await makeRelay(engine, { ...relay, image: relayImage }).catch(refuseOther)
        const wanted = { containerName: unfinishedName(name), spec, image, limits: options, network }
        const container = await docker
          .createContainer(containerOptions({ ...wanted, isPodman: await isPodman(engine) }))
          .catch(refuseOther)
        await container.start()
        if (await isPodman(engine)) await giveFolders(container, options)
        for (const folder of environment?.writable ?? []) await laySeed(container, folder)
        await container.rename({ name: containerName(name) })
        return open(name, await container.inspect())
      }
      return translated(what, () => gated(make))
    },
    find: (name) =>
      translated(`looking for sandbox ${name}`, async () => {
        const container = await docker.getContainer(containerName(name)).inspect().catch(nullWhenAbsent)
        if (!container?.State.Running) return null
        if (hasNetwork(container) && !(await keepRelay(engine, name))) return null
        return open(name, container)
      }),
    remove: (name) =>
      translated(`removing sandbox ${name}`, async () => {
        closeLine(name)
        await gated(() => removeParts(engine, name))
      }),
    list: (labels) =>
      translated('listing sandboxes', async () => {
        const found = await listParts(engine, labels)
        return [...found].map(([name, own]) => ({ name, labels: own })).sort((a, b) => (a.name < b.name ? -1 : 1))
      }),
    describe: () => translated('asking the Docker engine what it is', () => describeEngine(engine, options)),
  }
}

/** Lays what an image has in a writable folder into that folder's mount. */
async function laySeed(container: Docker.Container, folder: string): Promise<void> {
  await runAsRoot(container, ['cp', '-a', `${SEEDS}${folder}/.`, `${folder}/`])
}

/** Gives the agent its folders, where mounts know no owner. */
async function giveFolders(container: Docker.Container, limits: ContainerLimits): Promise<void> {
  const own = writableFolders(limits).filter(({ ownerId }) => ownerId === AGENT_ID)
  await runAsRoot(container, ['chown', `${AGENT_ID}:${AGENT_ID}`, ...own.map(({ path }) => path)])
}

/** Runs a program in a new container, which must succeed. */
async function runAsRoot(container: Docker.Container, argv: readonly string[]): Promise<void> {
  const run = await startAsRoot(container, argv)
  await run.stdout.resume().toArray()
  const code = await run.exitCode()
  if (code === 0) return
  const said = run.stderr().trim()
  throw new SandboxError(
    'invalid',
    `${argv.join(' ')} in a new container ended with ${code}: ${said}; is its disk too small?`,
  )
}

/**
 * Engines on one host have one ID between them: what tells them apart is where their data is. Podman makes an ID up for
 * each answer.
 */
function placeOf({ ID, Name, DockerRootDir }: EngineInfo, isPodman: boolean): string {
  const parts = [isPodman ? 'podman' : ID, Name, DockerRootDir]
  const digest = createHash('sha256').update(parts.join('\n')).digest('hex')
  return `docker-${digest.slice(0, 16)}`
}

async function describeEngine(engine: DockerEngine, limits: ContainerLimits): Promise<SandboxPlace> {
  const info = (await engine.docker.info()) as EngineInfo
  const isPodmans = await isPodman(engine)
  const mebibytes = (bytes: number) => `${Math.round(bytes / 1_048_576)} MiB`
  const folders = writableFolders(limits).map(({ path, sizeBytes }) => `${path} ${mebibytes(sizeBytes)}`)
  const held = (isHeld: boolean | undefined, how: string) => (isHeld === false ? `not held: the engine cannot` : how)
  return {
    id: placeOf(info, isPodmans),
    version: `${isPodmans ? 'Podman' : 'Docker'} ${info.ServerVersion ?? 'of unknown version'}, ${info.OperatingSystem ?? 'unknown system'}`,
    limits: [
      { what: 'network', how: 'none' },
      { what: 'root file system', how: 'read-only' },
      {
        what: 'disk',
        how: `tmpfs of fixed size: ${folders.join(', ')}, and each folder that an environment calls writable ${mebibytes(limits.diskBytes)}; volumes that its image declares are not held`,
      },
      {
        what: 'memory',
        how: held(
          info.MemoryLimit,
          `${mebibytes(memoryLimit(limits))} with all that those folders hold, ${mebibytes(limits.memoryBytes)} when they are full; ${info.SwapLimit === false ? 'swap is not held: the engine cannot' : 'no swap'}`,
        ),
      },
      { what: 'processors', how: held(info.CpuCfsQuota, `${limits.cpus}`) },
      { what: 'processes', how: held(info.PidsLimit, `${limits.pids}`) },
      { what: 'privileges', how: 'user 1000, no capability, no new privileges' },
    ],
  }
}

/** What of the engine's own words is used; Podman leaves some of it out. */
interface EngineInfo {
  ID?: string
  Name?: string
  DockerRootDir?: string
  ServerVersion?: string
  OperatingSystem?: string
  MemoryLimit?: boolean
  SwapLimit?: boolean
  PidsLimit?: boolean
  CpuCfsQuota?: boolean
}
