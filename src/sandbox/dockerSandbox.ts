import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout } from 'node:timers/promises'
import type Docker from 'dockerode'
import { ChannelBrokenError, dispatcherArguments, outputFile, type DispatcherStreams } from './channel.ts'
import { ChannelLine } from './channelLine.ts'
import { AGENT_ID, RECORDS, REPOSITORY } from './dockerContainer.ts'
import { RELAY_ADDRESS } from './dockerRelay.ts'
import { ROOT_PATH, startAsRoot, statusOf, translateError, type DockerEngine, type RootExec } from './dockerEngine.ts'
import { SandboxError, type Sandbox } from './port.ts'

const AGENT = [
  'setpriv',
  `--reuid=${AGENT_ID}`,
  `--regid=${AGENT_ID}`,
  '--clear-groups',
  '--no-new-privs',
  '--inh-caps=-all',
]

const SETTLING_TRIES = 20
const SETTLING_MS = 50
/** How often a container is looked at while something in it is waited for. */
const WATCH_MS = 2_000

/** The state of a container on which a sandbox's life hangs. */
export function lifeOf(container: Docker.ContainerInspectInfo): string {
  return `${container.Id}@${container.State.StartedAt}`
}

/** Whether a container was made with a network, and so with a relay. */
export function hasNetwork({ HostConfig }: Docker.ContainerInspectInfo): boolean {
  return HostConfig.NetworkMode !== 'none'
}

const PODMAN_VARIABLES = ['HOSTNAME', 'TERM', 'container']

/** The line to a container in its present life: the dispatcher runs as root, and its commands as the agent. */
export function openDockerLine(
  engine: DockerEngine,
  name: string,
  container: Docker.ContainerInspectInfo,
): ChannelLine {
  const handle = engine.docker.getContainer(container.Id)
  const { requireLife } = watchLife(handle, `sandbox ${name}`, lifeOf(container))
  const argv = dispatcherArguments({
    jobs: jobsFolder(container),
    env: { PATH: `/usr/local/sbin:/usr/local/bin:${ROOT_PATH}`, ...variables(container.Config.Env) },
    userSwitch: AGENT,
    scope: { kind: 'user', uid: AGENT_ID },
  })
  const open = async (): Promise<DispatcherStreams> => {
    const exec = await startAsRoot(handle, ['bash', ...argv], { hasInput: true, beforeStart: requireLife })
    const { socket, stdout, stderr } = exec
    const hold = (isHeld: boolean) => (isHeld ? socket.ref?.() : socket.unref?.())
    return { stdin: socket, stdout, stderr, hold, close: () => socket.destroy() }
  }
  return new ChannelLine({ open })
}

/** A sandbox in a running container, over the line to it. Keeps nothing of its own: two of them are one sandbox. */
export function openDockerSandbox(
  engine: DockerEngine,
  name: string,
  container: Docker.ContainerInspectInfo,
  line: ChannelLine,
): Sandbox {
  const handle = engine.docker.getContainer(container.Id)
  const life = lifeOf(container)
  const what = `sandbox ${name}`
  const { requireLife, requireSettledLife, whileAlive } = watchLife(handle, what, life)

  const translated = async <T>(doing: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await whileAlive(work())
    } catch (error) {
      if (!(error instanceof ChannelBrokenError)) throw translateError(engine, what, error)
      try {
        await requireSettledLife()
      } catch (failure) {
        throw translateError(engine, what, failure)
      }
      throw new SandboxError('unreachable', `${what}: no answer for ${doing} (${error.message}); ask again`, {
        cause: error,
      })
    }
  }
  const requireSuccess = async (exec: RootExec, program: string, allowed: readonly number[]) => {
    const code = await exec.exitCode()
    if (code !== null && allowed.includes(code)) return
    await requireSettledLife()
    throw new SandboxError(
      'unreachable',
      `${what}: ${program} ended with ${code}: ${exec.stderr()}; is its disk full, or its limit of processes reached?`,
    )
  }
  /**
   * What a program prints, whole: the stream fails when it does not end as it is allowed to. It starts when it is first
   * read, because an engine tells of no end in a container, not even its own, while an output there is not read.
   */
  const printedBy = async (argv: string[], allowed: readonly number[]): Promise<Readable> => {
    await requireLife()
    const whole = async function* () {
      try {
        const exec = await startAsRoot(handle, argv, { beforeStart: requireLife })
        yield* exec.stdout as AsyncIterable<Buffer>
        await requireSuccess(exec, argv.slice(0, 4).join(' '), allowed)
      } catch (error) {
        await requireSettledLife().catch((failure: unknown) => {
          throw translateError(engine, what, failure)
        })
        throw translateError(engine, what, error)
      }
    }
    return Readable.from(whole(), { objectMode: false })
  }

  return {
    name,
    life,
    ...(hasNetwork(container) ? { relay: RELAY_ADDRESS } : {}),
    async exec(key, command, signal) {
      signal.throwIfAborted()
      const placed = { ...command, cwd: posix.join(REPOSITORY, command.cwd ?? '.') }
      const execution = await whileAlive(line.execute(key, placed, signal)).catch((error: unknown) => {
        signal.throwIfAborted()
        return translated(`command ${key}`, () => Promise.reject(error))
      })
      switch (execution.status) {
        case 'finished':
          return execution.outcome
        case 'lost':
          throw new SandboxError(
            'lost',
            `${what}: command ${key} was killed together with what watched over it; make a new sandbox`,
          )
        case 'full':
          throw new SandboxError(
            'unreachable',
            `${what}: no room for the record of command ${key}; store and forget the outputs of earlier ones`,
          )
        default:
          throw new Error(`no such status: ${JSON.stringify(execution satisfies never)}`)
      }
    },
    readOutput: (key) =>
      translated(`the output of command ${key}`, async () => {
        const output = await line.readOutput(key)
        if (output === null) {
          throw new SandboxError('lost', `${what}: the output of command ${key} was forgotten, or there was none`)
        }
        if (output.status === 'whole') return Readable.from([output.bytes], { objectMode: false })
        return printedBy(['cat', `${jobsFolder(container)}/${outputFile(key)}`], [0])
      }),
    forgetOutput: (key) => translated(`forgetting the output of command ${key}`, () => line.forgetOutput(key)),
    putRepository: (tar) =>
      line.exclusively(() =>
        translated('laying the repository', async () => {
          const argv = [
            'bash',
            '-c',
            CLEARING,
            'prchain',
            ...AGENT,
            'tar',
            '-C',
            REPOSITORY,
            '-xpf',
            '-',
            '--no-same-owner',
          ]
          const exec = await startAsRoot(handle, argv, { hasInput: true, beforeStart: requireLife })
          exec.stdout.on('error', () => {}).resume()
          let sourceFailure: unknown
          // tar stops reading at the archive's end, which may be before all of it was sent.
          const isEarlyEnd = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE'
          tar.once('error', (error) => (sourceFailure = isEarlyEnd(error) ? undefined : error))
          const failure = await pipeline(tar, exec.socket).catch((error: unknown) => error)
          if (sourceFailure) throw sourceFailure
          await requireSuccess(exec, `tar into ${REPOSITORY}`, [0]).catch((error: unknown) => {
            if (!/No space left|Wrote only/.test(exec.stderr())) throw error
            const next = 'give sandboxes a larger one'
            throw new SandboxError('invalid', `${what}: the repository does not fit its disk; ${next}`, {
              cause: error,
            })
          })
          if (failure && !isEarlyEnd(failure)) throw failure
        }),
      ),
    readRepository: () =>
      translated('reading the repository', () =>
        // 1 says that a file changed while it was read; the tar is whole all the same.
        printedBy(['tar', '-C', REPOSITORY, '-c', ...TAR_OPTIONS, '.'], [0, 1]),
      ),
    readFile: (path, limitBytes) => translated(`reading ${path}`, () => line.readFile(path, limitBytes)),
  }
}

const TAR_OPTIONS = ['--exclude=.git', '--hard-dereference', '--sort=name', '--format=gnu', '-f', '-']

/** Empties the repository's folder, which is a mount and stays, gives it back its owner and mode, and goes on. */
const CLEARING = `
shopt -s dotglob nullglob
cd ${REPOSITORY} || exit 1
entries=(*)
for ((n = 0; n < \${#entries[@]}; n += 500)); do rm -rf -- "\${entries[@]:n:500}" || exit 1; done
chown ${AGENT_ID}:${AGENT_ID} . && chmod 755 . && exec "$@"
`

/** Tells whether a container is still in the life in which it was found. Both throw `lost` when it is not. */
function watchLife(handle: Docker.Container, what: string, life: string) {
  const requireLife = async () => {
    const now = await handle.inspect()
    if (now.State.Running && lifeOf(now) === life) return
    throw new SandboxError(
      'lost',
      `${what}: its container has stopped or was started again, so what ran in it is gone; make a new sandbox`,
    )
  }
  /** A container's end cuts its streams a moment before the engine says that it has stopped. */
  const requireSettledLife = async () => {
    for (let tries = 0; tries < SETTLING_TRIES; tries++) {
      await requireLife()
      await setTimeout(SETTLING_MS)
    }
  }
  /** Waits for a work, or throws when the container ended meanwhile: one whose shim was killed leaves its streams open. */
  const whileAlive = async <T>(work: Promise<T>): Promise<T> => {
    const { promise: isLost, reject } = Promise.withResolvers<never>()
    const look = () =>
      requireLife().catch((error: unknown) => {
        // An engine that does not answer says nothing of the container.
        if (error instanceof SandboxError || statusOf(error) === 404) reject(error)
      })
    const timer = setInterval(look, WATCH_MS)
    try {
      return await Promise.race([work, isLost])
    } finally {
      clearInterval(timer)
      work.catch(() => {})
    }
  }
  return { requireLife, requireSettledLife, whileAlive }
}

/** The folder of records in one life of a container. */
function jobsFolder(container: Docker.ContainerInspectInfo): string {
  return `${RECORDS}/${container.State.StartedAt.replaceAll(/[^0-9A-Za-z]/g, '-')}`
}

/** A container's variables, but for those that Podman sets by itself. */
function variables(list: readonly string[] | null): Record<string, string> {
  const isPodmans = (list ?? []).includes('container=podman')
  const entries = (list ?? []).map((entry) => [entry.replace(/=.*$/s, ''), entry.replace(/^[^=]*=/, '')] as const)
  return Object.fromEntries(entries.filter(([name]) => !isPodmans || !PODMAN_VARIABLES.includes(name)))
}
