import { mkdtemp, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEngineProxy } from './engineProxy.ts'

/** A Unix socket before an engine's that sees every request. */
export interface CountingProxy {
  socketPath: string
  /** Method and path of each request so far: one a connection, as the provider makes them. */
  requests: string[]
  /** The most requests that were unanswered at a time, among those whose method and path a pattern fits. */
  mostAtOnce: (pattern: RegExp) => number
  close: () => Promise<void>
}

/** Starts a {@link CountingProxy} before an engine's socket. */
export async function startCountingProxy(engineSocket: string): Promise<CountingProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'prchain-proxy-'))
  const socketPath = join(folder, 'engine.sock')
  const requests: string[] = []
  const events: { request: string; change: 1 | -1 }[] = []
  const carry = (client: Socket, engine: Socket) => {
    client.once('data', (chunk: Buffer) => {
      const request = chunk.toString('latin1').split(' HTTP/')[0] ?? ''
      requests.push(request)
      events.push({ request, change: 1 })
      engine.once('data', () => events.push({ request, change: -1 }))
    })
    client.pipe(engine)
  }
  const server = await startEngineProxy({ socketPath, engineSocket, carry })
  return {
    socketPath,
    requests,
    mostAtOnce: (pattern) => {
      let now = 0
      return Math.max(0, ...events.filter(({ request }) => pattern.test(request)).map(({ change }) => (now += change)))
    },
    close: async () => {
      server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
