import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'

/** Longer than a gateway waits for the calls under way, which are paid for. */
const STOP_WAIT_MS = 40_000
const QUICK_DEATH_MS = 2_000

/** A process of ours that is started again when it ends by itself. */
export interface KeptChild {
  /** Null while there is none. */
  pid(): number | null
  /** Stops it, in order if it can, and starts it no more. */
  stop(): Promise<void>
}

/** Starts a program of ours with a log in a folder, and keeps it running. */
export function keepChild(options: {
  /** What people call it. */
  name: string
  /** The program's file. */
  file: string
  /** The folder of the store, where it runs and logs. */
  dir: string
  env: () => NodeJS.ProcessEnv
  onLine: (line: string) => void
  /** Called when one has ended by itself, while the next is being started. */
  onDeath?: (pid: number) => void
}): KeptChild {
  const { name, file, dir, env, onLine, onDeath } = options
  const logFile = join(dir, 'logs', `${name}.log`)
  let isStopping = false
  let child: ChildProcess | null = start()

  return {
    pid: () => child?.pid ?? null,
    async stop() {
      isStopping = true
      const last = child
      if (!last || last.exitCode !== null || last.signalCode !== null) return
      const gone = once(last, 'exit')
      last.kill('SIGTERM')
      const late = setTimeout(() => last.kill('SIGKILL'), STOP_WAIT_MS)
      await gone
      clearTimeout(late)
    },
  }

  function start(): ChildProcess {
    const log = openSync(logFile, 'a')
    const startedMs = Date.now()
    const started = spawn(process.execPath, [file], {
      // All settings go by environment, and the folder has no prchain.config.json that could say otherwise.
      cwd: dir,
      env: env(),
      stdio: ['ignore', log, log, 'ipc'],
      // A group of its own: a Ctrl-C in the terminal reaches this process alone, which stops the child in order.
      detached: true,
    })
    closeSync(log)
    started.once('exit', (code, signal) => {
      if (isStopping) return
      onLine(`the ${name} ended by itself (${signal ?? `code ${code}`}); starting it again; its log is ${logFile}`)
      child = null
      if (started.pid !== undefined) onDeath?.(started.pid)
      const delayMs = Date.now() - startedMs < QUICK_DEATH_MS ? QUICK_DEATH_MS : 0
      setTimeout(() => {
        if (!isStopping) child = start()
      }, delayMs)
    })
    return started
  }
}
