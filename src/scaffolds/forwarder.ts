const AGAIN_MS = 250

/**
 * `forward(socket_path, hold_ms)`: from now on a loopback port leads to the gateway's socket, for a client that knows TCP
 * alone. Returns the base URL. A connection is held for so long while the gateway is gone, until it is there again or the
 * client goes: clients give up for good after a few refusals.
 */
export const PYTHON_FORWARDER = `
import select, socket, threading, time

def forward(socket_path, hold_ms):
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
        until = time.monotonic() + hold_ms / 1000
        while True:
            gateway = socket.socket(socket.AF_UNIX)
            try:
                gateway.connect(socket_path)
                return gateway
            except OSError:
                gateway.close()
            if time.monotonic() > until or gone.poll(${AGAIN_MS}):
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

/** The same for Node: `forward(socketPath, holdMs)` resolves to the base URL. */
export const NODE_FORWARDER = `
function forward(socketPath, holdMs) {
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
    const untilMs = Date.now() + holdMs
    client.on('data', hold)
    client.on('error', () => client.destroy())
    function reach() {
      const gateway = net.connect(socketPath)
      const again = () => {
        const isOver = client.destroyed || client.readableEnded || Date.now() > untilMs
        return isOver ? client.destroy() : setTimeout(reach, ${AGAIN_MS})
      }
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
