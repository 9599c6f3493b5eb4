/**
 * `forward(socket_path)`: from now on a loopback port leads to the gateway's socket, for a client that knows TCP alone.
 * Returns the base URL. A connection while the gateway is gone is closed at once: the client asks again.
 */
export const PYTHON_FORWARDER = `
import socket, threading

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

    def serve(client):
        try:
            gateway = socket.socket(socket.AF_UNIX)
            gateway.connect(socket_path)
        except OSError:
            client.close()
            return
        threading.Thread(target=pump, args=(client, gateway), daemon=True).start()
        pump(gateway, client)
        client.close()
        gateway.close()

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
  const server = net.createServer((client) => {
    const gateway = net.connect(socketPath)
    client.pipe(gateway)
    gateway.pipe(client)
    for (const [end, other] of [[client, gateway], [gateway, client]]) {
      end.on('error', () => other.destroy())
      end.on('close', () => other.destroy())
    }
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve('http://127.0.0.1:' + server.address().port + '/v1'))
  })
}
`
