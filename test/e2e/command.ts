import { spawn } from 'node:child_process'
import { join } from 'node:path'

/** What a command line printed and how it ended. */
export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs `prchain` as a user does, in a folder, with nothing of this process's settings in its environment. */
export function prchain(
  args: string[],
  options: { dir: string; env?: Record<string, string>; timeoutMs?: number },
): Promise<Ran> {
  const client = join(import.meta.dirname, '..', '..', 'src', 'client.ts')
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(PRCHAIN|OPENAI|GITHUB|TEMPORAL|DOCKER)_/.test(name)),
  )
  const child = spawn(process.execPath, [client, ...args], {
    cwd: options.dir,
    env: { ...clean, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 120_000,
    killSignal: 'SIGKILL',
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}
