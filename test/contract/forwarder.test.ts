import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { GREETING } from '../../src/domain/greeting.ts'
import { NODE_FORWARDER, PYTHON_FORWARDER } from '../../src/scaffolds/forwarder.ts'

const LANGUAGES = {
  Python: {
    program: 'python3',
    args: [
      '-I',
      '-c',
      `${PYTHON_FORWARDER}\nimport sys\nprint(forward(sys.argv[1], 60000), flush=True)\nsys.stdin.read()`,
    ],
  },
  Node: {
    program: process.execPath,
    args: ['-e', `${NODE_FORWARDER}\nforward(process.argv[1], 60_000).then(console.log)`],
  },
}

const WAYS = ['a socket', 'a relay'] as const
const CASES = Object.keys(LANGUAGES).flatMap((language) =>
  WAYS.map((way) => ({ language: language as keyof typeof LANGUAGES, way })),
)

describe.each(CASES)('the forwarder in $language, to $way', ({ language, way }) => {
  const { program, args } = LANGUAGES[language]

  test('holds a call while the gateway is gone, and gives it to the one that comes', async () => {
    const lab = await open()
    const early = lab.ask('early')
    await lab.listen('first')
    expect(await early).toBe('first: early')
    expect(await lab.ask('a body that is larger than a buffer '.repeat(20_000))).toMatch(/^first: a body/)

    await lab.vanish()
    const late = lab.ask('late')
    await lab.listen('second')
    expect(await late).toBe('second: late')
  })

  test('gives no call to the gateway whose client went away meanwhile', async () => {
    const lab = await open()
    const gone = connect(lab.port, '127.0.0.1').on('error', () => {})
    await once(gone, 'connect')
    gone.end('POST /gone HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\ngone')
    await new Promise((resolve) => gone.once('close', resolve))
    await lab.listen('only')
    expect(await lab.ask('later')).toBe('only: later')
    expect(lab.seen).toEqual(['later'])
  })

  async function open() {
    const dir = mkdtempSync(join(tmpdir(), 'prchain-forward-'))
    const socketPath = join(dir, 'gateway.sock')
    const servers: Server[] = []
    // Takes every connection, whether or not there is a gateway behind it.
    const relay = createTcpServer({ allowHalfOpen: true }, (socket) => {
      const server = servers.at(-1)
      if (!server) return void socket.on('error', () => {}).destroy()
      socket.write(GREETING)
      server.emit('connection', socket)
    }).listen(0, '127.0.0.1')
    await once(relay, 'listening')
    const address = way === 'a socket' ? socketPath : `127.0.0.1:${(relay.address() as AddressInfo).port}`
    const child = spawn(program, [...args, address], { stdio: ['pipe', 'pipe', 'inherit'] })
    onTestFinished(async () => {
      child.kill('SIGKILL')
      for (const server of servers) server.closeAllConnections()
      for (const server of [...servers, relay]) server.close()
      rmSync(dir, { recursive: true, force: true })
    })
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    const port = Number(new URL(line).port)
    const seen: string[] = []
    return {
      port,
      seen,
      async listen(name: string) {
        const server = createServer((asked, response) => {
          void text(asked).then((body) => {
            seen.push(body)
            response.end(`${name}: ${body}`)
          })
        })
        // As a gateway does that takes the place of one that was killed.
        server.listen(`${socketPath}.new`)
        await once(server, 'listening')
        renameSync(`${socketPath}.new`, socketPath)
        servers.push(server)
      },
      /** As a killed gateway: its socket stays, and nobody answers there. */
      async vanish() {
        const server = servers.pop()!
        server.closeAllConnections()
        renameSync(socketPath, `${socketPath}.old`)
        const closed = once(server, 'close')
        server.close()
        await closed
      },
      ask(body: string): Promise<string> {
        return new Promise((resolve, reject) => {
          const sent = request(
            { host: '127.0.0.1', port, agent: false, method: 'POST', path: '/v1/chat/completions' },
            (response) => text(response).then(resolve, reject),
          )
          sent.once('error', reject)
          sent.end(body)
        })
      },
    }
  }
})
