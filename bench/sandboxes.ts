import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import Docker from 'dockerode'
import { createDockerProvider } from '../src/sandbox/docker.ts'
import { dockerForTests } from '../test/docker/engine.ts'

/**
 * So many Docker sandboxes asked for at once: how long until each has run its first command, what memory each takes, and
 * how long it takes to remove them all.
 *
 *     node bench/sandboxes.ts --sandboxes 50 [--starts 4]
 */
const { values } = parseArgs({
  options: { sandboxes: { type: 'string', default: '50' }, starts: { type: 'string', default: '4' } },
})
const docker = await dockerForTests()
if (!docker) throw new Error('this benchmark needs a Docker engine')
const mebibyte = 1_048_576
const provider = createDockerProvider({
  socketPath: docker.socketPath,
  defaultImage: docker.image,
  startsAtOnce: Number(values.starts),
  memoryBytes: 512 * mebibyte,
  diskBytes: 256 * mebibyte,
  cpus: 1,
  pids: 128,
})
const engine = new Docker({ socketPath: docker.socketPath })
const batch = `bench-${randomUUID().slice(0, 8)}`
const names = Array.from({ length: Number(values.sandboxes) }, (_, n) => `${batch}.${n}`)
const never = new AbortController().signal

try {
  const startedMs = performance.now()
  const ready = await Promise.all(
    names.map(async (name) => {
      const sandbox = await provider.create({ name, labels: { batch }, environment: null })
      const createdMs = performance.now() - startedMs
      await sandbox.exec('first', { script: 'true', timeoutMs: 60_000 }, never)
      return { createdMs, readyMs: performance.now() - startedMs }
    }),
  )
  report(
    'made',
    ready.map(({ createdMs }) => createdMs),
    'ms',
  )
  report(
    'ready',
    ready.map(({ readyMs }) => readyMs),
    'ms',
  )
  const memory = []
  for (const name of names) {
    const stats = await engine.getContainer(`prchain-${name}`).stats({ stream: false, 'one-shot': true })
    memory.push(stats.memory_stats.usage / mebibyte)
  }
  report('memory of a sandbox with an open channel', memory, 'MiB')
} finally {
  const removedMs = performance.now()
  await Promise.all(names.map((name) => provider.remove(name)))
  console.log(`all removed in ${(performance.now() - removedMs).toFixed(0)} ms`)
}

function report(what: string, list: number[], unit: string): void {
  const sorted = [...list].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]?.toFixed(1)
  console.log(`${what}: p50 ${at(0.5)}, p95 ${at(0.95)}, last ${at(1)} ${unit} (${list.length} sandboxes)`)
}
