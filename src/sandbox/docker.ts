import { setTimeout } from 'node:timers/promises'
import type Docker from 'dockerode'
import { openEngine, runAsRoot, statusOf, translateError, type DockerEngine } from './dockerEngine.ts'
import { provideImage } from './dockerImage.ts'
import { AGENT_ID, HOME, RECORDS, REPOSITORY, openDockerSandbox } from './dockerSandbox.ts'
import { SandboxError, type SandboxProvider, type SandboxSpec } from './port.ts'
import { REQUIRED_PROGRAMS } from './runner.ts'

/** What every container of a provider may use, and where its engine is. */
export interface DockerOptions {
  /** A socket's path, or an address as `DOCKER_HOST` has it. */
  socketPath?: string
  /** No sandbox has a network. */
  network?: 'none'
  /** The image of a sandbox without an environment, or whose environment names none. */
  defaultImage?: string
  memoryBytes: number
  /** Processor cores; a fraction is allowed. */
  cpus: number
  /** Processes and threads. */
  pids: number
}

/** What a process in a container could need as root, all of it to set up and to end the agent's commands. */
const CAPABILITIES = ['SETUID', 'SETGID', 'KILL', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER']

/**
 * Makes sandboxes as Docker containers: no network, no mount of the host, no capability for the agent, which is user
 * 1000. Records of commands are root's. Image and environment variables come from the environment; its setup commands
 * are the caller's to run. A container is `prchain-<name>` once it is whole; a create that was cut off leaves
 * `prchain.new-<name>`, which `find` does not see and the next `create` or `remove` takes away.
 */
export function createDockerProvider(options: DockerOptions): SandboxProvider {
  const engine = openEngine(options.socketPath)
  const { docker } = engine

  const translated = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw translateError(engine, what, error)
    }
  }

  return {
    kind: 'docker',
    isIsolating: true,
    repositoryPath: () => REPOSITORY,
    async create(spec) {
      const what = `making sandbox ${spec.name}`
      requireName(spec.name)
      const image = await provideImage(engine, spec.environment, options.defaultImage ?? null)
      return translated(what, async () => {
        await removeContainers(engine, spec.name)
        const container = await docker
          .createContainer(containerOptions(spec, image, options))
          .catch((error: unknown) => {
            if (statusOf(error) !== 409) throw error
            throw new SandboxError('unreachable', `${what}: another process is making it too; try again`, {
              cause: error,
            })
          })
        await container.start()
        await prepare(container, what, image)
        await container.rename({ name: containerName(spec.name) })
        return openDockerSandbox(engine, spec.name, await container.inspect())
      })
    },
    find: (name) =>
      translated(`looking for sandbox ${name}`, async () => {
        requireName(name)
        const container = await docker.getContainer(containerName(name)).inspect().catch(nullWhenAbsent)
        return container?.State.Running ? openDockerSandbox(engine, name, container) : null
      }),
    remove: (name) =>
      translated(`removing sandbox ${name}`, async () => {
        requireName(name)
        await removeContainers(engine, name)
      }),
    list: (labels) =>
      translated('listing sandboxes', async () => {
        const wanted = Object.entries(labels).map(([key, value]) => `prchain.${key}=${value}`)
        const filters = { label: ['prchain.name', ...wanted] }
        const containers = await docker.listContainers({ all: true, filters })
        return [...new Set(containers.map((container) => container.Labels['prchain.name'] ?? ''))].sort()
      }),
  }
}

function containerOptions(spec: SandboxSpec, image: string, options: DockerOptions): Docker.ContainerCreateOptions {
  const labels = Object.entries({ owner: 'prchain', ...spec.labels, name: spec.name })
  const env = { HOME, LANG: 'C.UTF-8', TZ: 'UTC', PYTHONHASHSEED: '0', ...spec.environment?.env }
  return {
    name: unfinishedName(spec.name),
    Image: image,
    Entrypoint: ['sleep'],
    Cmd: ['infinity'],
    User: '0:0',
    WorkingDir: '/',
    Hostname: 'sandbox',
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    Labels: Object.fromEntries(labels.map(([key, value]) => [`prchain.${key}`, value])),
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: options.network ?? 'none',
      Init: true,
      CapDrop: ['ALL'],
      CapAdd: CAPABILITIES,
      SecurityOpt: ['no-new-privileges'],
      Memory: options.memoryBytes,
      MemorySwap: options.memoryBytes,
      NanoCpus: Math.round(options.cpus * 1e9),
      PidsLimit: options.pids,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'none', Config: {} },
    },
  }
}

/** Finds out whether the image can hold a sandbox, and makes its folders and the agent's user. */
const PREPARATION = `
lacks=
for program in ${REQUIRED_PROGRAMS.join(' ')} setpriv chown id sleep; do
  command -v "$program" >/dev/null || lacks="$lacks $program"
done
[ -z "$lacks" ] || { echo "lacks$lacks"; exit 0; }
mkdir -p ${REPOSITORY} ${HOME} ${RECORDS} && chmod 700 ${RECORDS} && chown root:root ${RECORDS} || exit 1
chown ${AGENT_ID}:${AGENT_ID} ${REPOSITORY} ${HOME} || exit 1
[ -d /tmp ] || mkdir -m 1777 /tmp
id ${AGENT_ID} >/dev/null 2>&1 || echo "agent:x:${AGENT_ID}:${AGENT_ID}::${HOME}:/bin/bash" >> /etc/passwd
while IFS=: read -r name password group members; do [ "$group" = ${AGENT_ID} ] && break; done < /etc/group ||
  echo "agent:x:${AGENT_ID}:" >> /etc/group
echo ready
`

async function prepare(container: Docker.Container, what: string, image: string): Promise<void> {
  const fail = (fault: string) => {
    const next = 'use an image with bash, coreutils, util-linux and tar'
    return new SandboxError('invalid', `${what}: the image ${image} ${fault}; ${next}`)
  }
  const prepared = await runAsRoot(container, ['sh', '-c', PREPARATION]).catch((error: unknown) => ({ error }))
  const said = 'error' in prepared ? '' : prepared.stdout.toString().trim()
  if (said === 'ready') return
  const lacks = /^lacks (.*)$/.exec(said)?.[1]
  if (lacks !== undefined) throw fail(`lacks ${lacks}`)
  let { State: state } = await container.inspect()
  // A container's end cuts its streams a moment before the engine says that it has stopped.
  for (let tries = 0; state.Running && tries < 20; tries++) {
    await setTimeout(50)
    state = (await container.inspect()).State
  }
  if (!state.Running) {
    // 127 is how the container's init says that it found no such program.
    throw fail(state.ExitCode === 127 ? 'lacks sleep' : `ends at once with exit code ${state.ExitCode}`)
  }
  if ('error' in prepared) throw prepared.error
  throw fail(`cannot be prepared (exit code ${prepared.code}: ${said} ${prepared.stderr})`)
}

async function removeContainers(engine: DockerEngine, name: string): Promise<void> {
  for (const containerId of [containerName(name), unfinishedName(name)]) {
    const container = engine.docker.getContainer(containerId)
    // 409: another process is removing it.
    const removal = await container.remove({ force: true, v: true }).catch((error: unknown) => {
      if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error
      return statusOf(error)
    })
    if (removal === 409) await container.wait({ condition: 'removed' }).catch(nullWhenAbsent)
  }
}

function nullWhenAbsent(error: unknown): null {
  if (statusOf(error) === 404) return null
  throw error
}

function containerName(name: string): string {
  return `prchain-${name}`
}

function unfinishedName(name: string): string {
  return `prchain.new-${name}`
}

function requireName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return
  throw new SandboxError(
    'invalid',
    `not a sandbox's name: ${JSON.stringify(name)}; use letters, digits, ".", "_" and "-"`,
  )
}
