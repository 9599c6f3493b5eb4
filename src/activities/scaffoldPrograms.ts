import type { Scaffold } from '../scaffolds/port.ts'
import type { OperatorProgram } from '../toolchains/port.ts'
import type { Mount, Sandbox, SandboxProvider, SandboxSpec } from '../sandbox/port.ts'
import { ScaffoldFailedError } from './edge.ts'
import type { Ports } from './ports.ts'

/** Where a sandbox sees what is installed for scaffolds, the operator's own folder, and the gateway's. */
const TOOLCHAINS = '/run/prchain-scaffolds'
const OPERATOR = '/run/prchain-operator'
const GATEWAY = '/run/prchain-gateway'
const OLDEST_PYTHON_MINOR = 10
const PYTHON_TRIES = 3
/** From here on an exit code says which signal ended a command. */
const SIGNALLED = 129

/** What a scaffold's sandbox sees of the host: its programs, read-only, and the gateway, by its socket or by a relay. */
export async function scaffoldView(
  ports: Ports,
  scaffold: Scaffold,
  provider: SandboxProvider,
  tried: Pick<SandboxSpec, 'environment' | 'buildContext'>,
): Promise<Pick<SandboxSpec, 'mounts' | 'relayedPort'>> {
  const mounts = await scaffoldMounts(ports, scaffold)
  const relayedPort = await ports.relayedPort(provider, tried)
  return relayedPort === null ? { mounts: [...mounts, gatewayMount(ports)] } : { mounts, relayedPort }
}

function gatewayMount({ gatewayDir }: Ports): Mount {
  return { source: gatewayDir, target: GATEWAY }
}

async function scaffoldMounts(ports: Ports, scaffold: Scaffold): Promise<Mount[]> {
  const { toolchains } = ports
  const operators = await findOperators(ports, scaffold)
  return [
    { source: toolchains.dir, target: TOOLCHAINS },
    ...(operators === null ? [] : [{ source: operators.folder, target: OPERATOR }]),
  ]
}

/** The operator's own program, for a scaffold that is one; null for any other. */
async function findOperators({ toolchains }: Ports, { name, programs }: Scaffold): Promise<OperatorProgram | null> {
  if (programs.kind !== 'folder') return null
  return toolchains.findOperatorProgram(programs).catch((cause: Error) => {
    throw new ScaffoldFailedError(`${name} is not to be had on this host: ${cause.message}`, { cause })
  })
}

/** A scaffold's programs and the gateway, as its sandbox sees them. */
export interface ScaffoldPrograms {
  /** The version that runs. */
  version: string
  interpreter: string
  programs: string
  gateway: string
}

/** Installs what a scaffold needs on this host, unless it is. Throws {@link ScaffoldFailedError} when that cannot be. */
export async function provideScaffold(options: {
  ports: Ports
  scaffold: Scaffold
  provider: SandboxProvider
  sandbox: Sandbox
  /** The key of the command by which the image's interpreter is found. */
  key: string
  signal: AbortSignal
}): Promise<ScaffoldPrograms> {
  const { ports, scaffold, provider, sandbox, key, signal } = options
  const { toolchains, gatewayDir } = ports
  const { name, version, programs } = scaffold
  const mounts = [...(await scaffoldMounts(ports, scaffold)), gatewayMount(ports)]
  try {
    return await provide()
  } catch (cause) {
    if (cause instanceof ScaffoldFailedError || (cause as Error).name === 'SandboxError') throw cause
    throw new ScaffoldFailedError((cause as Error).message, { cause })
  }

  async function provide(): Promise<ScaffoldPrograms> {
    const gateway = sandbox.relay ?? inside(`${gatewayDir}/gateway.sock`)
    switch (programs.kind) {
      case 'pip': {
        const folder = await toolchains.provide({ ...programs, name, version, python: await pythonOfImage() })
        return { version, interpreter: 'python3', programs: inside(folder), gateway }
      }
      case 'npm': {
        const folder = await toolchains.provide({ ...programs, name, version })
        return { version, interpreter: inside(await toolchains.provideNode()), programs: inside(folder), gateway }
      }
      case 'folder': {
        const { folder, file, version: found } = (await findOperators(ports, scaffold))!
        const interpreter = inside(await toolchains.provideNode())
        return { version: found, interpreter, programs: inside(`${folder}/${file}`), gateway }
      }
      default:
        return programs satisfies never
    }
  }

  /** A path of the host as the sandbox sees it; plain processes see the host's own. */
  function inside(path: string): string {
    if (!provider.isIsolating) return path
    const { source, target } = mounts.find(({ source }) => path === source || path.startsWith(`${source}/`))!
    return `${target}${path.slice(source.length)}`
  }

  async function pythonOfImage(): Promise<string> {
    const found = await findPython({ scaffold, provider, sandbox, key, signal })
    if ('lack' in found) throw new ScaffoldFailedError(found.lack)
    return found.python
  }
}

/**
 * Why a scaffold cannot run in a sandbox's environment, whatever is waited for; null when it can. Throws
 * {@link ScaffoldFailedError} when that could not be found out.
 */
export async function findLack(options: {
  scaffold: Scaffold
  provider: SandboxProvider
  sandbox: Sandbox
  signal: AbortSignal
}): Promise<string | null> {
  if (options.scaffold.programs.kind !== 'pip') return null
  const found = await findPython({ ...options, key: 'interpreter' })
  return 'lack' in found ? found.lack : null
}

/** The version of the environment's own Python, such as `3.11`. */
async function findPython(options: {
  scaffold: Scaffold
  provider: SandboxProvider
  sandbox: Sandbox
  key: string
  signal: AbortSignal
}): Promise<{ python: string } | { lack: string }> {
  const { scaffold, provider, sandbox, key, signal } = options
  const script = 'python3 -I -c "import sys; print(\'%d.%d\' % sys.version_info[:2])"'
  let said = ''
  for (let tries = 0; tries < PYTHON_TRIES; tries++) {
    const command = { script, timeoutMs: 60_000 }
    const { exitCode, isTimedOut, output } = await sandbox.exec(tries === 0 ? key : `${key}.${tries}`, command, signal)
    said = output.toString('utf8').trim().slice(-200)
    // One that a signal or the clock ended has not said what there is.
    if (isTimedOut || exitCode >= SIGNALLED) continue
    const [, minor] = /^3\.(\d+)$/.exec(said) ?? []
    if (exitCode === 0 && Number(minor) >= OLDEST_PYTHON_MINOR) return { python: said }
    const has = exitCode === 0 ? `has ${said}` : `has none (${said})`
    const next = 'take an image that has one, or a scaffold that brings its own programs'
    return {
      lack: `${scaffold.name} needs python3, 3.${OLDEST_PYTHON_MINOR} or newer, and the environment ${has}; ${next}`,
    }
  }
  // A command's outcome stays for its sandbox's life: the next try is in another one.
  await provider.remove(sandbox.name)
  throw new ScaffoldFailedError(
    `${scaffold.name} could not find out which python3 the environment has: it was ended ${PYTHON_TRIES} times (${said})`,
  )
}
