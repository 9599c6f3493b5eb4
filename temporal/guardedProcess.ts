import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import type { Writable } from 'node:stream'

/** How a process ended. */
export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

/** A child process that cannot outlive this one. */
export interface GuardedProcess {
  pid: number
  /** Settles when it has ended; never rejects. */
  exited: Promise<Exit>
  /** SIGTERM, and SIGKILL after `graceMs`; returns when it has ended. Idempotent. */
  stop(graceMs?: number): Promise<Exit>
}

/*
 * The shell becomes the command, so its pid and its exit are the command's own. Before that it leaves a watcher behind
 * that reads file descriptor 3, whose other end only the parent holds. A line there means that the command has ended
 * and been reaped, and its pid may be someone else's by now; the end of the file means that the parent is gone,
 * however it went.
 */
const GUARD = `
(
  read -r line && exit 0
  kill -TERM $$ || exit 0
  for tenth in 1 2 3 4 5 6 7 8 9 10; do
    sleep 0.1
    kill -0 $$ || exit 0
  done
  kill -KILL $$
) <&3 3<&- >/dev/null 2>&1 &
exec "$@" 3<&-
`

/**
 * Starts a command that ends with this process: when this one dies, even by SIGKILL, it gets SIGTERM at once and
 * SIGKILL a second later. It has a session of its own, so a Ctrl-C in the terminal does not reach it. Its output is
 * appended to `logFile`. A command that cannot be started ends with code 126 or 127, and the log says why.
 */
export async function startGuarded(command: string[], options: { logFile: string }): Promise<GuardedProcess> {
  const log = openSync(options.logFile, 'a')
  const child = spawn('/bin/sh', ['-c', GUARD, 'sh', ...command], {
    detached: true,
    stdio: ['ignore', log, log, 'pipe'],
  })
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
  const lifeline = child.stdio[3] as Writable
  // The watcher may be gone already, and then there is nobody to tell.
  lifeline.on('error', () => {})
  void exited.then(() => lifeline.end('ended\n'))
  try {
    await once(child, 'spawn')
  } finally {
    closeSync(log)
  }

  return {
    pid: child.pid as number,
    exited,
    stop(graceMs = 10_000) {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      return exited.finally(() => clearTimeout(timer))
    },
  }
}

/** Whether a process id is that of a process that is running; one that has ended and waits to be reaped is not. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat[stat.lastIndexOf(')') + 2] !== 'Z'
  } catch {
    // No /proc, as on macOS, or it has just ended; in both cases the signal's answer stands.
    return true
  }
}
