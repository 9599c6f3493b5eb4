import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { dispatcherArguments, type DispatcherPlace } from './channel.ts'
import { ChannelLine } from './channelLine.ts'

const COMPLAINT_LIMIT = 4_000

/**
 * The line to the dispatcher of a sandbox of processes, which is started when it is needed: detached, so that what ends the
 * worker's process group leaves commands alone.
 */
export function openProcessLine(options: {
  folder: string
  /** The variables of commands. */
  env: Record<string, string>
  /** The `PATH` by which the dispatcher finds what it needs. */
  path: string
  /** Which processes are a command's; without it, by the folder. */
  scope?: DispatcherPlace['scope']
  /** A program with arguments that runs the rest of its arguments as the agent. */
  userSwitch?: readonly string[]
  /** A program with arguments that runs the rest of its arguments, the dispatcher, by `exec` and nothing else. */
  prepare?: readonly string[]
}): ChannelLine {
  const { folder, env, path, userSwitch = [], prepare = [], scope = { kind: 'folder', folder } } = options
  const jobs = join(folder, 'jobs')
  return new ChannelLine({
    async open() {
      const [program, ...args] = [...prepare, 'bash', ...dispatcherArguments({ jobs, env, userSwitch, scope })] as [
        string,
      ]
      // On a socket, as Node's pipes are, bash takes itself for a login from afar and reads .bashrc, unless it is nested.
      const child = spawn(program, args, { detached: true, cwd: '/', env: { PATH: path, SHLVL: '1' } })
      await once(child, 'spawn')
      let said = ''
      child.stderr.setEncoding('utf8').on('data', (more: string) => (said = (said + more).slice(-COMPLAINT_LIMIT)))
      // A running command keeps the output open when its dispatcher is killed.
      child.once('exit', () => child.stdout.destroy())
      const held = [child, child.stdin, child.stdout, child.stderr] as unknown as { ref(): void; unref(): void }[]
      return {
        stdin: child.stdin,
        stdout: child.stdout,
        stderr: () => said.trim(),
        hold: (isHeld) => held.forEach((one) => (isHeld ? one.ref() : one.unref())),
        close: () => child.stdin.destroy(),
      }
    },
  })
}
