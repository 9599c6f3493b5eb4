import { Agent } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline, type Duplex, type Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setTimeout } from 'node:timers/promises'
import Docker from 'dockerode'
import { DockerFrames } from './dockerFrames.ts'
import { SandboxError } from './port.ts'

/** The `PATH` of what we run in a container as root: nothing that an agent, an image or an environment can choose. */
export const ROOT_PATH = '/usr/sbin:/usr/bin:/sbin:/bin'
/** Where the engine listens when nothing else is said. */
const DEFAULT_SOCKET = '/var/run/docker.sock'

/** An engine, and the address that error messages name. */
export interface DockerEngine {
  docker: Docker
  address: string
}

/**
 * An engine by a socket's path or an address as `DOCKER_HOST` has it: `unix://`, `tcp://` or `http://`. Connects
 * to nothing yet. Throws {@link SandboxError} `invalid` for other kinds of address.
 */
export function openEngine(address: string = DEFAULT_SOCKET): DockerEngine {
  // Every field is given, because dockerode fills the absent ones from the process's variables.
  const common = {
    agent: new Agent({ keepAlive: false }),
    protocol: 'http' as const,
    pathPrefix: '/',
  }
  const path = address.replace(/^unix:\/\//, '')
  if (path.startsWith('/')) return { docker: new Docker({ ...common, host: undefined, socketPath: path }), address }
  const url = URL.canParse(address) ? new URL(address) : null
  if (!url || !['tcp:', 'http:'].includes(url.protocol)) {
    throw new SandboxError(
      'invalid',
      `not an address of a Docker engine: ${address}; give a socket's path, unix://, tcp:// or http://`,
    )
  }
  const port = url.port === '' ? 2375 : Number(url.port)
  return {
    docker: new Docker({ ...common, socketPath: undefined, host: url.hostname, port }),
    address,
  }
}

const podmans = new WeakMap<DockerEngine, boolean>()

/** Whether it is Podman that answers as an engine; asked once. Throws dockerode's errors. */
export async function isPodman(engine: DockerEngine): Promise<boolean> {
  const known = podmans.get(engine)
  if (known !== undefined) return known
  const { Components = [] } = (await engine.docker.version()) as { Components?: { Name: string }[] }
  const answer = Components.some(({ Name }) => Name.startsWith('Podman'))
  podmans.set(engine, answer)
  return answer
}

/** The engine's status for a request that it refused, or null when it did not answer at all. */
export function statusOf(error: unknown): number | null {
  const status = (error as { statusCode?: unknown } | null)?.statusCode
  return typeof status === 'number' ? status : null
}

/** What an error of the engine means to a caller who was about to do `what`. Errors that say so already stay as they are. */
export function translateError(engine: DockerEngine, what: string, error: unknown): SandboxError {
  if (error instanceof SandboxError) return error
  const status = statusOf(error)
  const reason = error instanceof Error ? error.message.trim() : String(error)
  if (status === null) {
    const next = 'start it, or name another by DOCKER_HOST; `prchain doctor` says more'
    return new SandboxError(
      'unreachable',
      `${what}: no Docker engine answers at ${engine.address} (${reason}); ${next}`,
      { cause: error },
    )
  }
  if (status === 404 || isStopped(reason)) {
    return new SandboxError('lost', `${what}: its container is gone or has stopped (${reason}); make a new sandbox`, {
      cause: error,
    })
  }
  const next = "see the engine's own log; the same request may succeed later"
  return new SandboxError(
    'unreachable',
    `${what}: the Docker engine at ${engine.address} failed (${reason}); ${next}`,
    { cause: error },
  )
}

function isStopped(reason: string): boolean {
  return /is not running|is restarting|is paused|stopped\/paused|marked for removal|process .* not found/.test(reason)
}

/** A process that was started in a container as root. */
export interface RootExec {
  /** The connection: what is written to it is its stdin, if that was asked for. */
  socket: Duplex & Partial<Pick<Socket, 'ref' | 'unref'>>
  /** Its stdout. Destroying it ends the connection, not the process. */
  stdout: Readable
  /** The end of its stderr so far. */
  stderr: () => string
  /** Waits for the end of stdout, which somebody must read, and gives its exit code; null when the engine does not know one. */
  exitCode: () => Promise<number | null>
}

/**
 * Starts a program in a container as root, with a clean environment, attached. `beforeStart` runs when the engine has
 * accepted the program and before it starts it. Throws dockerode's errors.
 */
export async function startAsRoot(
  container: Docker.Container,
  argv: readonly string[],
  options: { hasInput?: boolean; beforeStart?: () => Promise<void> } = {},
): Promise<RootExec> {
  const hasInput = options.hasInput ?? false
  const exec = await container.exec({
    AttachStdin: hasInput,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    User: '0:0',
    WorkingDir: '/',
    // `env` itself still starts with the image's and the environment file's variables, so the loader's are emptied.
    Env: [`PATH=${ROOT_PATH}`, 'LD_PRELOAD=', 'LD_LIBRARY_PATH=', 'LD_AUDIT='],
    Cmd: ['/usr/bin/env', '-i', `PATH=${ROOT_PATH}`, ...argv],
  })
  await options.beforeStart?.()
  const socket: Duplex = await exec.start({ hijack: true, stdin: hasInput, Tty: false })
  const stdout = new DockerFrames()
  pipeline(socket, stdout, () => socket.destroy())
  const exitCode = async () => {
    // However long it runs; that the connection broke off is said by what the engine knows then.
    await finished(stdout).catch(() => {})
    return waitForExitCode(container, exec)
  }
  return { socket, stdout, stderr: () => stdout.stderr, exitCode }
}

/** The streams of an exec end a moment before the engine has its exit code; a dead container's never gets one. */
async function waitForExitCode(container: Docker.Container, exec: Docker.Exec): Promise<number | null> {
  for (let tries = 0; ; tries++) {
    const state = await exec.inspect()
    // It has none either while it is about to begin.
    if (!state.Running && state.ExitCode !== null) return state.ExitCode
    if (tries === 200 || (tries % 8 === 7 && !(await container.inspect()).State.Running)) return null
    await setTimeout(25)
  }
}
