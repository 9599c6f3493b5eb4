import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import Docker from 'dockerode'
import { createDockerProvider } from '../src/sandbox/docker.ts'
import { runInContainer } from '../test/docker/container.ts'
import { dockerForTests } from '../test/docker/engine.ts'

/**
 * Milliseconds of a small command in a Docker sandbox, side by side in one run and in turns: over the channel, as
 * `exec(key, command)` with its record, timeout and sweep; by the `docker exec` command; and by the engine's API, whose
 * exec is made, started, read and looked at. The last two run the bare program, without any promise.
 *
 *     node bench/exec.ts --commands 100 [--script 'true']
 */
const { values } = parseArgs({
  options: { commands: { type: 'string', default: '100' }, script: { type: 'string', default: 'true' } },
})
const docker = await dockerForTests()
if (!docker) throw new Error('this benchmark needs a Docker engine')
const mebibyte = 1_048_576
const provider = createDockerProvider({
  socketPath: docker.socketPath,
  defaultImage: docker.image,
  memoryBytes: 512 * mebibyte,
  diskBytes: 256 * mebibyte,
  cpus: 2,
  pids: 256,
})
const name = `bench-${randomUUID().slice(0, 8)}`
const sandbox = await provider.create({ name, labels: {}, environment: null })
const container = new Docker({ socketPath: docker.socketPath }).getContainer(`prchain-${name}`)
const never = new AbortController().signal
const argv = ['setpriv', '--reuid=1000', '--regid=1000', '--clear-groups', 'bash', '-c', values.script]

const ways = {
  channel: (n: number) => sandbox.exec(`bench/${n}`, { script: values.script, timeoutMs: 60_000 }, never),
  'docker exec by CLI': async () => {
    const child = spawn('docker', ['-H', `unix://${docker.socketPath}`, 'exec', '-w', '/repo', container.id, ...argv], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    await once(child, 'exit')
  },
  'exec by API': () => runInContainer(container, argv),
}
try {
  const times = new Map<string, number[]>(Object.keys(ways).map((way) => [way, []]))
  await ways.channel(-1)
  for (let n = 0; n < Number(values.commands); n++) {
    for (const [way, run] of Object.entries(ways)) {
      const startedMs = performance.now()
      await run(n)
      times.get(way)!.push(performance.now() - startedMs)
    }
  }
  const base = quantile(times.get('channel')!, 0.5)
  console.log(`${values.commands} commands each, script ${JSON.stringify(values.script)}`)
  for (const [way, each] of times) {
    const median = quantile(each, 0.5)
    console.log(
      `${way}: median ${median.toFixed(1)} ms, p95 ${quantile(each, 0.95).toFixed(1)} ms, ${(median / base).toFixed(1)} times the channel`,
    )
  }
} finally {
  await provider.remove(name)
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
