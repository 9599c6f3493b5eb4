import { createDockerProvider } from '../../src/sandbox/docker.ts'
import { createProcessProvider } from '../../src/sandbox/process.ts'

/** A process of its own that runs a command in a sandbox, to be killed by a test: what it is told is a JSON argument. */
export interface ClientTask {
  /** The process provider's folder, or the engine's socket. */
  place: { dir: string; path: string } | { socketPath: string }
  name: string
  key: string
  script: string
}

if (import.meta.main) {
  const task = JSON.parse(process.argv[2] ?? '') as ClientTask
  const { place } = task
  const provider =
    'dir' in place
      ? createProcessProvider(place)
      : createDockerProvider({ ...place, memoryBytes: 512 * 1024 * 1024, cpus: 1, pids: 128 })
  const sandbox = await provider.find(task.name)
  if (!sandbox) throw new Error(`no sandbox ${task.name}`)
  process.stdout.write('calling\n')
  const command = { script: task.script, timeoutMs: 60_000 }
  const outcome = await sandbox.exec(task.key, command, new AbortController().signal)
  process.stdout.write(`${outcome.output.toString()}\n`)
}
