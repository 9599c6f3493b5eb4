import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import type Docker from 'dockerode'
import { ROOT_PATH, runAsRoot, startAsRoot, translateError, type DockerEngine, type RootExec } from './dockerEngine.ts'
import { SandboxError, type Sandbox } from './port.ts'
import { parseAnswer, runnerArguments, runnerInput } from './runner.ts'

/** Where the repository stands in a container. */
export const REPOSITORY = '/repo'
/** The home folder of the agent's user. */
export const HOME = '/home/agent'
/** Job records: root's alone. */
export const RECORDS = '/run/prchain'
/** The agent's user and group. */
export const AGENT_ID = 1000

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

/** The state of a container on which a sandbox's life hangs. */
function lifeOf(container: Docker.ContainerInspectInfo): string {
  return `${container.Id}@${container.State.StartedAt}`
}

/** A sandbox in a running container. Keeps nothing of its own: two of them for one container are one sandbox. */
export function openDockerSandbox(engine: DockerEngine, name: string, container: Docker.ContainerInspectInfo): Sandbox {
  const handle = engine.docker.getContainer(container.Id)
  const life = lifeOf(container)
  const what = `sandbox ${name}`
  const env = {
    PATH: `/usr/local/sbin:/usr/local/bin:${ROOT_PATH}`,
    ...variables(container.Config.Env),
  }
  const jobs = jobsFolder(container)

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
  const asRoot = async (argv: string[]): Promise<Buffer> => {
    const { code, stdout, stderr } = await runAsRoot(handle, argv)
    if (code === 0) return stdout
    await requireSettledLife()
    throw new SandboxError(
      'unreachable',
      `${what}: ${argv[0]} ended with ${code}: ${stderr}; is its disk full, or its limit of processes reached?`,
    )
  }
  const translated = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw translateError(engine, what, error)
    }
  }
  const wholeTar = async function* (exec: RootExec): AsyncGenerator<Buffer> {
    try {
      yield* exec.stdout as AsyncIterable<Buffer>
      const code = await exec.exitCode()
      // 1 says that a file changed while it was read; the tar is whole all the same.
      if (code === 0 || code === 1) return
      await requireSettledLife()
      throw new SandboxError(
        'unreachable',
        `${what}: tar of ${REPOSITORY} ended with ${code}: ${exec.stderr()}; read it again`,
      )
    } catch (error) {
      throw translateError(engine, what, error)
    }
  }

  return {
    name,
    life,
    async exec(key, command, signal) {
      signal.throwIfAborted()
      const place = {
        jobs,
        folder: posix.join(REPOSITORY, command.cwd ?? '.'),
        env,
        userSwitch: AGENT,
      }
      const argv = ['sh', ...runnerArguments(key, command, place)]
      const exec = await translated(() =>
        startAsRoot(handle, argv, { input: runnerInput(command), beforeStart: requireLife }),
      )
      const { printed, failure } = await readUntilAborted(exec.stdout, signal)
      const answer = parseAnswer(printed)
      if (answer.status === 'finished') return answer.outcome
      if (answer.status === 'lost') {
        throw new SandboxError(
          'lost',
          `${what}: command ${key} was killed together with what watched over it; make a new sandbox`,
        )
      }
      await translated(requireSettledLife)
      const reason = exec.stderr() || 'the connection broke off'
      throw new SandboxError(
        'unreachable',
        `${what}: no answer for command ${key} (${reason}); ask again to attach to it`,
        {
          cause: failure,
        },
      )
    },
    putRepository: (tar) =>
      translated(async () => {
        await requireLife()
        await asRoot(['sh', '-c', `rm -rf ${REPOSITORY} && mkdir -m 755 ${REPOSITORY}`])
        await handle.putArchive(tar, { path: REPOSITORY })
        await asRoot(['chown', '-R', '-h', `${AGENT_ID}:${AGENT_ID}`, REPOSITORY])
      }),
    readRepository: () =>
      translated(async () => {
        const argv = [
          'tar',
          '-C',
          REPOSITORY,
          '--exclude=.git',
          '--hard-dereference',
          '--sort=name',
          '--format=gnu',
          '-cf',
          '-',
          '.',
        ]
        const exec = await startAsRoot(handle, argv, { beforeStart: requireLife })
        return Readable.from(wholeTar(exec), { objectMode: false })
      }),
    readFile: (path, limitBytes) =>
      translated(async () => {
        await requireLife()
        const printed = await asRoot([...AGENT, 'sh', '-c', FILE_READER, 'prchain', path, String(limitBytes)])
        return printed.length === 0 ? null : printed.subarray(1)
      }),
  }
}

/** Prints `+` and a regular file's head, or nothing. As the agent, whose links lead no further than it can itself. */
const FILE_READER = '[ -f "$1" ] || exit 0; printf +; exec timeout 60 head -c "$2" -- "$1"'

/** The folder of job records in one life of a container. */
function jobsFolder(container: Docker.ContainerInspectInfo): string {
  return `${RECORDS}/${container.State.StartedAt.replaceAll(/[^0-9A-Za-z]/g, '-')}`
}

function variables(list: readonly string[] | null): Record<string, string> {
  return Object.fromEntries((list ?? []).map((entry) => [entry.replace(/=.*$/s, ''), entry.replace(/^[^=]*=/, '')]))
}

/** Reads to the end, or as far as it got. Throws the signal's reason when aborted. */
async function readUntilAborted(stdout: Readable, signal: AbortSignal): Promise<{ printed: Buffer; failure: unknown }> {
  const chunks: Buffer[] = []
  let failure: unknown
  const stop = () => stdout.destroy()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    for await (const chunk of stdout) chunks.push(chunk as Buffer)
  } catch (error) {
    failure = error
  } finally {
    signal.removeEventListener('abort', stop)
  }
  signal.throwIfAborted()
  return { printed: Buffer.concat(chunks), failure }
}
