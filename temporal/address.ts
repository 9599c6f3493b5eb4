import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'

/** Where embedded servers listen: this machine only. */
export const LOOPBACK = '127.0.0.1'

/** Whether `host:port` accepts a TCP connection within the time. */
export function acceptsConnections(address: string, timeoutMs = 2_000): Promise<boolean> {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(address.slice(colon + 1)), timeout: timeoutMs })
    const settle = (accepts: boolean) => {
      socket.destroy()
      resolve(accepts)
    }
    socket.once('connect', () => settle(true))
    socket.once('timeout', () => settle(false))
    socket.once('error', () => settle(false))
  })
}

/** Whether a loopback port can be listened on now. */
export async function isPortFree(port: number): Promise<boolean> {
  try {
    await close(await listen(port))
    return true
  } catch {
    return false
  }
}

/** Two different loopback ports that were free a moment ago; whoever uses them must reckon with losing the race. */
export async function findFreePorts(): Promise<[number, number]> {
  // Both are held at once, so that they differ.
  const servers = [await listen(0), await listen(0)] as const
  const ports = servers.map((server) => (server.address() as AddressInfo).port) as [number, number]
  await Promise.all(servers.map(close))
  return ports
}

async function listen(port: number): Promise<Server> {
  const server = createServer()
  server.listen({ host: LOOPBACK, port, exclusive: true })
  await once(server, 'listening')
  return server
}

async function close(server: Server): Promise<void> {
  server.close()
  await once(server, 'close')
}
