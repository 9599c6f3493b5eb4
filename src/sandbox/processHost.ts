import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { text } from 'node:stream/consumers'
import { SandboxError } from './port.ts'

/** The programs that are needed where commands run as processes of this host. */
const REQUIRED_PROGRAMS = [
  ...['bash', 'env', 'setsid', 'flock', 'timeout', 'mkdir', 'rm', 'head', 'tail', 'cat', 'stat', 'tar'],
] as const

/** Which programs a `PATH` lacks for sandboxes of processes. Throws {@link SandboxError} `invalid` elsewhere than on Linux. */
export async function findMissingPrograms(path: string, more: readonly string[] = []): Promise<string[]> {
  if (process.platform !== 'linux') {
    throw new SandboxError('invalid', `sandboxes of processes need Linux, and this is ${process.platform}; use Docker`)
  }
  const programs = [...REQUIRED_PROGRAMS, ...more].join(' ')
  const script = `for program in ${programs}; do command -v "$program" >/dev/null || echo "$program"; done`
  const shell = spawn('/bin/sh', ['-c', script], { env: { PATH: path }, stdio: ['ignore', 'pipe', 'inherit'] })
  const failed = new Promise<never>((_, reject) => shell.once('error', reject))
  return (await Promise.race([text(shell.stdout), failed])).split('\n').filter((line) => line !== '')
}

/** What tells a folder of this host from every other: 16 hexadecimal digits, the same for as long as the host has its name. */
export async function hostId(dir: string): Promise<string> {
  const host = await readFile('/etc/machine-id', 'utf8').catch(() => hostname())
  return createHash('sha256').update(`${host} ${dir}`).digest('hex').slice(0, 16)
}
