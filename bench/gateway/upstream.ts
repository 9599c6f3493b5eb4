import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

/** How long the model server takes for a whole reply, and from one streamed token to the next; and how many it streams. */
const [wholeMs = 0, tokenMs = 0, tokens = 0] = process.argv.slice(2).map(Number)

/**
 * A model server in a process of its own that thinks for a set time. Each streamed token is the moment at which it was
 * sent, in milliseconds since the epoch.
 */
const server = createServer((request, response) => {
  if (request.method !== 'POST') return void response.writeHead(404).end()
  void json(request).then((body) => {
    if ((body as { stream?: boolean }).stream) return stream()
    setTimeout(() => {
      const message = { role: 'assistant', content: 'Done.' }
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(
        JSON.stringify({
          ...{ id: 'x', object: 'chat.completion', created: 1, model: 'bench' },
          choices: [{ index: 0, finish_reason: 'stop', message }],
          usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
        }),
      )
    }, wholeMs)
  })

  function stream(): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    let sent = 0
    const timer = setInterval(() => {
      if (sent++ < tokens) return send({ content: `${performance.timeOrigin + performance.now()} ` }, null)
      clearInterval(timer)
      send({}, 'stop')
      response.end('data: [DONE]\n\n')
    }, tokenMs)
  }

  function send(delta: object, reason: string | null): void {
    const choices = [{ index: 0, delta, finish_reason: reason }]
    const chunk = { id: 'x', object: 'chat.completion.chunk', created: 1, model: 'bench', choices }
    response.write(`data: ${JSON.stringify(chunk)}\n\n`)
  }
})
server.listen(0, '127.0.0.1', () => {
  process.send!({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` })
})
process.once('disconnect', () => process.exit(0))
