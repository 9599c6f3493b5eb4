import type { Scaffold } from '../scaffolds/port.ts'
import type { Mount, Sandbox, SandboxProvider } from '../sandbox/port.ts'
import { ScaffoldFailedError } from './edge.ts'
import type { Ports } from './ports.ts'

/** Where a sandbox sees what is installed for scaffolds, the operator's own folder, and the gateway's. */
const TOOLCHAINS = '/run/prchain-scaffolds'
const OPERATOR = '/run/prchain-operator'
const GATEWAY = '/run/prchain-gateway'

/** What a scaffold's sandbox sees of the host, read-only: its programs and the gateway's socket. */
export function scaffoldMounts({ toolchains, gatewayDir }: Ports, { programs }: Scaffold): Mount[] {
  const folder = programs.kind === 'folder' ? toolchains.operatorFolder(programs.setting) : null
  return [
    { source: toolchains.dir, target: TOOLCHAINS },
    { source: gatewayDir, target: GATEWAY },
    ...(folder === null ? [] : [{ source: folder, target: OPERATOR }]),
  ]
}

/** A scaffold's programs and the gateway's socket, by the paths that its sandbox sees. */
export interface ScaffoldPrograms {
  interpreter: string
  programs: string
  socketPath: string
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
  const mounts = scaffoldMounts(ports, scaffold)
  try {
    return await provide()
  } catch (cause) {
    if (cause instanceof ScaffoldFailedError || (cause as Error).name === 'SandboxError') throw cause
    throw new ScaffoldFailedError((cause as Error).message, { cause })
  }

  async function provide(): Promise<ScaffoldPrograms> {
    const socketPath = inside(`${gatewayDir}/gateway.sock`)
    switch (programs.kind) {
      case 'pip': {
        const folder = await toolchains.provide({ ...programs, name, version, python: await pythonOfImage() })
        return { interpreter: 'python3', programs: inside(folder), socketPath }
      }
      case 'npm': {
        const folder = await toolchains.provide({ ...programs, name, version })
        return { interpreter: inside(await toolchains.provideNode()), programs: inside(folder), socketPath }
      }
      case 'folder': {
        const folder = toolchains.operatorFolder(programs.setting)
        if (folder === null)
          throw new ScaffoldFailedError(`${name} is nowhere here: ${programs.setting} names its folder`)
        return { interpreter: inside(await toolchains.provideNode()), programs: inside(folder), socketPath }
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
    const script = 'python3 -I -c "import sys; print(\'%d.%d\' % sys.version_info[:2])"'
    const { exitCode, output } = await sandbox.exec(key, { script, timeoutMs: 60_000 }, signal)
    if (exitCode === 0) return output.toString('utf8').trim()
    throw new ScaffoldFailedError(`${name} needs python3 in the sandbox: ${output.toString('utf8').slice(-300)}`)
  }
}
