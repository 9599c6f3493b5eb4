import { composeSandboxes } from '../compose.ts'
import type { Config } from '../config.ts'
import type { SandboxPlace } from '../sandbox/port.ts'
import type { Finding } from './doctor.ts'
import { chooseSandbox } from './rolloutSettings.ts'

const KINDS = ['docker', 'bubblewrap', 'process'] as const
const NAMES = { docker: 'Docker engine', bubblewrap: 'bubblewrap', process: 'plain processes' }

/** Each kind of sandbox: whether it can be used, what it holds agents to, and last which one would be chosen. */
export async function checkSandboxes(config: Config): Promise<Finding[]> {
  const sandboxes = composeSandboxes(config)
  const findings: Finding[] = []
  for (const kind of KINDS) {
    const place = await sandboxes(kind)
      .describe()
      .catch((error: Error) => error)
    findings.push(place instanceof Error ? absent(config, kind, place) : present(kind, place))
  }
  findings.push(await chosen(config))
  return findings
}

function present(kind: (typeof KINDS)[number], { version, limits }: SandboxPlace): Finding {
  const found = [version, ...limits.map(({ what, how }) => `${what}: ${how}`)].join('; ')
  return { what: NAMES[kind], status: 'ok', found, fix: '' }
}

function absent(config: Config, kind: (typeof KINDS)[number], error: Error): Finding {
  const fixes = {
    docker: 'install and start Docker, or set DOCKER_HOST; only an engine can build environments',
    bubblewrap: 'install bubblewrap; it is what is used where no engine answers',
    process: '',
  }
  const status = config.sandbox === kind ? 'missing' : 'optional'
  return { what: NAMES[kind], status, found: error.message.split(';')[0]!, fix: fixes[kind] }
}

/** What `prchain run` would use with these settings and no environment file. */
async function chosen(config: Config): Promise<Finding> {
  const what = 'sandbox'
  try {
    const kind = await chooseSandbox(config, null)
    const why = config.sandbox === 'auto' ? 'chosen, since --sandbox names none' : 'asked for by name'
    const warning = kind === 'process' ? '; it does not isolate' : ''
    return { what, status: 'ok', found: `${NAMES[kind]}: ${why}${warning}`, fix: '' }
  } catch (error) {
    return {
      what,
      status: 'missing',
      found: (error as Error).message.replace(/^sandbox: /, '').split(';')[0]!,
      fix: '',
    }
  }
}
