import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createFileStore } from '../src/store/files.ts'
import { timeGateway } from './replay/gateway.ts'
import { playNative } from './replay/native.ts'
import { CHARACTERS_PER_TOKEN } from './replay/story.ts'

/**
 * What a long rollout costs to take up again after a crash, each time in a process of its own, and to keep: the native
 * agent's record, and the gateway's record of a scaffold that sends the whole conversation with each call.
 *
 *     node bench/replay.ts --calls 1165 --tokens 3100000
 */
interface Replayed {
  ms: number
  cpuMs: number
  peakMiB: number
  characters: number
}

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '1165' },
    tokens: { type: 'string', default: '3100000' },
    replay: { type: 'string' },
  },
})
const calls = Number(values.calls)
const charactersPerCall = Math.round((Number(values.tokens) * CHARACTERS_PER_TOKEN) / calls)

if (values.replay !== undefined) await replay(values.replay)
else await measure()

/** In a process of its own: plays a stored rollout to its end. */
async function replay(dir: string): Promise<void> {
  const store = createFileStore({ dir })
  const before = performance.now()
  const usedBefore = process.cpuUsage()
  const played = await playNative({ store, calls, charactersPerCall, mayAsk: false })
  const ms = performance.now() - before
  const used = process.cpuUsage(usedBefore)
  if (played.status !== 'ended' || played.steps !== calls) throw new Error('the rollout was not played to its end')
  const characters = played.conversation.reduce((sum, { message }) => sum + JSON.stringify(message).length, 0)
  process.stdout.write(
    JSON.stringify({
      ms,
      cpuMs: (used.user + used.system) / 1000,
      peakMiB: process.resourceUsage().maxRSS / 1024,
      characters,
    }),
  )
}

async function measure(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'prchain-bench-replay-'))
  const [native, gateway] = [join(dir, 'native'), join(dir, 'gateway')]
  try {
    await playNative({ store: createFileStore({ dir: native }), calls, charactersPerCall, mayAsk: true })
    const args = [import.meta.filename, '--replay', native, '--calls', values.calls, '--tokens', values.tokens]
    const runs = Array.from(
      { length: 3 },
      () => JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Replayed,
    )
    const { characters } = runs[0]!
    const line = (what: string, { ms, cpuMs, peakMiB }: Omit<Replayed, 'characters'>) =>
      console.log(
        `${what}: ${(ms / 1000).toFixed(2)} s, ${(cpuMs / 1000).toFixed(2)} s of CPU, ${peakMiB.toFixed(0)} MiB`,
      )
    const keep = (what: string, folder: string) =>
      console.log(
        `${what}: ${(bytesOf(folder) / characters).toFixed(2)} times the conversation, ${(blocksOf(folder) / characters).toFixed(2)} in blocks of the disk`,
      )
    console.log(`${calls} calls, conversation ${(characters / 1e6).toFixed(1)} MB`)
    for (const run of runs) line('native, replayed', run)
    keep('native, store', native)
    const times = await timeGateway({ dir: gateway, calls, charactersPerCall })
    line('gateway, first', times.first)
    line('gateway restarted, the launch goes on', times.gatewayRestarted)
    line('gateway and scaffold restarted, all asked again', times.scaffoldRestarted)
    line('a bare server, all asked', times.bare)
    keep('gateway, store', gateway)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

function bytesOf(dir: string): number {
  return Number(execFileSync('du', ['-sb', dir], { encoding: 'utf8' }).split('\t')[0])
}

function blocksOf(dir: string): number {
  return Number(execFileSync('du', ['-sk', dir], { encoding: 'utf8' }).split('\t')[0]) * 1024
}
