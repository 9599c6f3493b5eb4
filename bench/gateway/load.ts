import { Agent, request, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'

/** Where a way of calling the model listens, and by which key. */
export interface Target {
  host: { hostname: string; port: number } | { socketPath: string }
  key: string
}

/** Milliseconds of so many clients at once that call again and again: of each whole call, and from each token's sending to its coming. */
export async function load(
  target: Target,
  options: { clients: number; calls: number },
): Promise<{ whole: number[]; token: number[] }> {
  const { clients, calls } = options
  const agent = new Agent({ keepAlive: true })
  const crowd = (act: (client: number) => Promise<number[]>) =>
    Promise.all(Array.from({ length: clients }, (_, client) => act(client))).then((all) => all.flat())
  try {
    // Connections are made, and what starts late has started.
    await crowd((client) => whole(client, 1))
    return { whole: await crowd((client) => whole(client, calls)), token: await crowd(stream) }
  } finally {
    agent.destroy()
  }

  async function whole(client: number, times: number): Promise<number[]> {
    const taken: number[] = []
    for (let call = 0; call < times; call++) {
      const startedMs = performance.now()
      await text(await post({ asked: `client ${client}, call ${call} of ${times} of ${clients}`, stream: false }))
      taken.push(performance.now() - startedMs)
    }
    return taken
  }

  async function stream(client: number): Promise<number[]> {
    const taken: number[] = []
    const response = await post({ asked: `client ${client} of ${clients}`, stream: true })
    let rest = ''
    for await (const bytes of response as AsyncIterable<Buffer>) {
      const nowMs = performance.timeOrigin + performance.now()
      const events = (rest + bytes.toString('utf8')).split('\n\n')
      rest = events.pop()!
      for (const event of events) {
        const sentMs = /"content":\s*"([\d.]+) "/.exec(event)?.[1]
        if (sentMs) taken.push(nowMs - Number(sentMs))
      }
    }
    return taken
  }

  function post({ asked, stream }: { asked: string; stream: boolean }): Promise<IncomingMessage> {
    const body = JSON.stringify({ model: 'bench', stream, messages: [{ role: 'user', content: asked }] })
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      authorization: `Bearer ${target.key}`,
    }
    return new Promise((resolve, reject) => {
      const sent = request(
        { ...target.host, agent, path: '/v1/chat/completions', method: 'POST', headers },
        (response) => {
          if (response.statusCode === 200) resolve(response)
          else void text(response).then((said) => reject(new Error(`${response.statusCode}: ${said.slice(0, 300)}`)))
        },
      )
      sent.once('error', reject)
      sent.end(body)
    })
  }
}
