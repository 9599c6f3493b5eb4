import { GREETING } from '../domain/greeting.ts'

const AGAIN_MS = 250
/** How long a relay is given to reach the gateway, and to be greeted. */
const GREETING_MS = 10_000

/**
 * `forward(gateway, hold_ms)`: from now on a loopback port leads to the gateway's socket, for a client that knows TCP
 * alone; or to a relay's `host:port`, where only what greets as the gateway does is taken for it. Returns the base URL. A connection is held for so long while the gateway is gone, until it is there again or the
 * client goes: clients give up for good after a few refusals.
 */
export const PYTHON_FORWARDER = `
import select, socket, threading, time

def forward(gateway_address, hold_ms):
    def dial():
        if gateway_address.startswith('/'):
            gateway = socket.socket(socket.AF_UNIX)
            gateway.connect(gateway_address)
            return gateway
        host, port = gateway_address.rsplit(':', 1)
        gateway = socket.create_connection((host, int(port)), ${GREETING_MS / 1000})
        if gateway.recv(1) != ${JSON.stringify(GREETING)}.encode():
            gateway.close()
            raise OSError('the relay did not reach the gateway')
        gateway.settimeout(None)
        return gateway

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
            try:
                return dial()
            except OSError:
                pass
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

/** The same for Node: `forward(gatewayAddress, holdMs)` resolves to the base URL. */
export const NODE_FORWARDER = `
function forward(gatewayAddress, holdMs) {
  const net = require('node:net')
  function dial(onGateway, onFailure) {
    const isSocket = gatewayAddress.startsWith('/')
    const [host, port] = gatewayAddress.split(':')
    const gateway = net.connect(isSocket ? { path: gatewayAddress } : { host, port })
    const failed = () => {
      gateway.destroy()
      gateway.off('error', failed).off('end', failed).off('readable', greeted).on('error', () => {})
      gateway.setTimeout(0).off('timeout', failed)
      onFailure()
    }
    const reached = () => {
      gateway.off('error', failed).off('end', failed).off('timeout', failed).setTimeout(0)
      onGateway(gateway)
    }
    const greeted = () => {
      const greeting = gateway.read(1)
      if (greeting === null) return
      gateway.off('readable', greeted)
      if (greeting.toString() === ${JSON.stringify(GREETING)}) reached()
      else failed()
    }
    gateway.once('error', failed).once('end', failed)
    if (isSocket) gateway.once('connect', reached)
    else gateway.on('readable', greeted).setTimeout(${GREETING_MS}).once('timeout', failed)
  }
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
      const again = () => {
        const isOver = client.destroyed || client.readableEnded || Date.now() > untilMs
        return isOver ? client.destroy() : setTimeout(reach, ${AGAIN_MS})
      }
      dial((gateway) => {
        if (client.destroyed || client.readableEnded) return gateway.destroy()
        client.off('data', hold)
        join(client, gateway, held)
      }, again)
    }
    reach()
  }
  const server = net.createServer(serve)
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve('http://127.0.0.1:' + server.address().port + '/v1'))
  })
}
`
