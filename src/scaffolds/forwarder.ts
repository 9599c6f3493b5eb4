/** How long a connection is held while the gateway is gone: longer than its restart, or a move of its socket, takes. */
const HOLD_MS = 10 * 60_000
const AGAIN_MS = 250

/**
 * `forward(socket_path)`: from now on a loopback port leads to the gateway's socket, for a client that knows TCP alone.
 * Returns the base URL. A connection is held while the gateway is gone, until it is there again or the client goes:
 * clients give up for good after a few refusals.
 */
export const PYTHON_FORWARDER = `
import select, socket, threading, time

def forward(socket_path):
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def reach(client):
        gone = select.poll()
        gone.register(client, select.POLLRDHUP)
        until = time.monotonic() + ${HOLD_MS / 1000}
        while time.monotonic() < until:
            gateway = socket.socket(socket.AF_UNIX)
            try:
                gateway.connect(socket_path)
                return gateway
            except OSError:
                gateway.close()
            if gone.poll(${AGAIN_MS}):
                break
        return None

    def serve(client):
        gateway = reach(client)
        if gateway:
            threading.Thread(target=pump, args=(client, gateway), daemon=True).start()
            pump(gateway, client)
            gateway.close()
        client.close()

    server = socket.create_server(('127.0.0.1', 0))

    def accept():
        while True:
            client, _ = server.accept()
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return 'http://127.0.0.1:%d/v1' % server.getsockname()[1]
`

/** The same for Node: `forward(socketPath)` resolves to the base URL. */
export const NODE_FORWARDER = `
function forward(socketPath) {
  const net = require('node:net')
  function join(client, gateway, held) {
    for (const part of held) gateway.write(part)
    client.pipe(gateway)
    gateway.pipe(client)
    for (const [end, other] of [[client, gateway], [gateway, client]]) {
      end.on('error', () => other.destroy())
      end.on('close', () => other.destroy())
    }
  }
  function serve(client) {
    const held = []
    const hold = (part) => held.push(part)
    const untilMs = Date.now() + ${HOLD_MS}
    client.on('data', hold)
    client.on('error', () => client.destroy())
    function reach() {
      if (client.destroyed || client.readableEnded || Date.now() > untilMs) return client.destroy()
      const gateway = net.connect(socketPath)
      const again = () => setTimeout(reach, ${AGAIN_MS})
      gateway.once('error', again)
      gateway.once('connect', () => {
        gateway.off('error', again)
        if (client.destroyed || client.readableEnded) return gateway.destroy()
        client.off('data', hold)
        join(client, gateway, held)
      })
    }
    reach()
  }
  const server = net.createServer(serve)
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve('http://127.0.0.1:' + server.address().port + '/v1'))
  })
}
`
