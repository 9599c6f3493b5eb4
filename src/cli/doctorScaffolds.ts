import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { listScaffolds } from '../composeScaffolds.ts'
import type { Finding } from './doctor.ts'

const runFile = promisify(execFile)

/** What installs scaffolds on this host, and what to do where it is missing. */
const INSTALLERS = {
  pip: { command: ['python3', '-m', 'pip', '--version'], fix: 'install python3 with pip or venv' },
  npm: { command: ['npm', '--version'], fix: 'install npm' },
} as const

/** Each scaffold that is installed when it is first asked for: whether this host has what installs it. */
export async function checkScaffolds(): Promise<Finding[]> {
  return Promise.all(
    listScaffolds().flatMap(({ name, version, kind }) => (kind === 'folder' ? [] : [check(name, version, kind)])),
  )
}

async function check(what: string, version: string, kind: keyof typeof INSTALLERS): Promise<Finding> {
  const { command, fix } = INSTALLERS[kind]
  const [program, ...args] = command
  const hasIt = (...asked: string[]) =>
    runFile(program, asked).then(
      () => true,
      () => false,
    )
  // A Python without pip makes one of its own, where it can.
  if ((await hasIt(...args)) || (kind === 'pip' && (await hasIt('-c', 'import ensurepip'))))
    return { what, status: 'ok', found: `${version}, installed by ${kind} when a run first asks for it`, fix: '' }
  return { what, status: 'optional', found: `${kind} not found`, fix: `${fix}, for --scaffold ${what}` }
}
