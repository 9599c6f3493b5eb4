import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { issueToken } from '../../src/record/grants.ts'
import { createFileStore } from '../../src/store/files.ts'
import { converse } from './conversation.ts'

/** What a server's process took. */
interface Taken {
  ms: number
  cpuMs: number
  peakMiB: number
}

/** What a scaffold's rollout over the gateway takes, and what its crashes do. */
export interface GatewayTimes {
  first: Taken
  /** The gateway was killed: the launch goes on with its last conversation. */
  gatewayRestarted: Taken
  /** The scaffold and the gateway were killed: another launch asks all again. */
  scaffoldRestarted: Taken
  /** The same requests sent to a server that reads and parses them and has no record. */
  bare: Taken
}

/** Plays a rollout over gateways of their own process, and throws when a replayed reply differs in a byte. */
export async function timeGateway(options: {
  dir: string
  calls: number
  charactersPerCall: number
}): Promise<GatewayTimes> {
  const { dir, calls, charactersPerCall } = options
  const store = createFileStore({ dir })
  const place = {
    rollout: 'bench/gateway/1',
    chain: 'gateway',
    stage: 0,
    round: '0',
    scaffold: 'bench',
    model: 'bench',
  }
  const tokens = [await issueToken(store, { ...place, launch: 1 }), await issueToken(store, { ...place, launch: 2 })]
  const size = { calls, charactersPerCall }

  const first = await over('gatewayProcess.ts', [dir, String(charactersPerCall)], (url) =>
    converse({ url, token: tokens[0]!, ...size }),
  )
  const goesOn = await over('gatewayProcess.ts', [dir, String(charactersPerCall)], (url) =>
    converse({ url, token: tokens[0]!, ...size, calls: calls + 1, known: first.replies }),
  )
  const again = await over('gatewayProcess.ts', [dir, String(charactersPerCall)], (url) =>
    converse({ url, token: tokens[1]!, ...size }),
  )
  if (!again.replies.every((reply, n) => reply.equals(first.replies[n]!))) throw new Error('a replayed reply differs')
  const bare = await over('bareProcess.ts', [String(charactersPerCall)], (url) =>
    converse({ url, token: tokens[0]!, ...size }),
  )
  return { first: first.taken, gatewayRestarted: goesOn.taken, scaffoldRestarted: again.taken, bare: bare.taken }
}

/** Starts a server, talks to it, and kills it. */
async function over(
  file: string,
  args: string[],
  talk: (url: string) => ReturnType<typeof converse>,
): Promise<{ replies: Buffer[]; taken: Taken }> {
  const child = fork(join(import.meta.dirname, file), args)
  const [{ baseUrl }] = (await once(child, 'message')) as [{ baseUrl: string }]
  const usage = async () => {
    child.send('usage')
    const [used] = (await once(child, 'message')) as [Omit<Taken, 'ms'>]
    return used
  }
  const before = await usage()
  const { replies, ms } = await talk(baseUrl)
  const { cpuMs, peakMiB } = await usage()
  child.kill('SIGKILL')
  await once(child, 'exit')
  return { replies, taken: { ms, cpuMs: cpuMs - before.cpuMs, peakMiB } }
}
