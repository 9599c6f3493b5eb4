import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** Listens at `socketPath` and joins each client to an engine's socket; `carry` sends on what the client says. */
export async function startEngineProxy(options: {
  socketPath: string
  engineSocket: string
  carry: (client: Socket, engine: Socket) => void
}): Promise<Server> {
  const { socketPath, engineSocket, carry } = options
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: engineSocket, allowHalfOpen: true })
    carry(client, engine)
    engine.pipe(client)
    client.on('error', () => engine.destroy()).on('close', () => engine.destroy())
    engine.on('error', () => client.destroy()).on('close', () => client.destroy())
  })
  server.listen(socketPath)
  await once(server, 'listening')
  return server
}
