import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { GREETING } from '../domain/greeting.ts'

/** Where relays look for the gateway on its host. */
export interface RelayedPlace {
  addresses: readonly string[]
  port: number
}

/**
 * Listens for connections that come over a network, greets each, and gives it on. Throws when a port is taken, with what
 * would help; then it listens at none.
 */
export async function listenForRelays(place: RelayedPlace, serve: (socket: Socket) => void): Promise<Server[]> {
  const { addresses, port } = place
  const servers: Server[] = []
  try {
    for (const address of addresses) {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
        socket.write(GREETING)
        serve(socket)
      })
      server.listen(port, address)
      await once(server, 'listening')
      servers.push(server)
    }
    return servers
  } catch (cause) {
    for (const server of servers) server.close()
    const what = `the gateway cannot listen for its relays at port ${port} of ${addresses.join(' and ')}`
    throw new RelayedPortError(`${what}: ${(cause as Error).message}; name another by --gateway-port`, { cause })
  }
}

/** The gateway cannot listen where relays look for it. */
export class RelayedPortError extends Error {
  override name = 'RelayedPortError'
}
