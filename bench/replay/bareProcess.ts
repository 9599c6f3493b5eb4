import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { tellReply } from './conversation.ts'

/** A server in a process of its own that reads a request, parses it, and answers as the story says: what any gateway does at least. */
const charactersPerCall = Number(process.argv[2])
const server = createServer((request, response) => {
  void json(request).then((body) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(tellReply((body as { messages: unknown[] }).messages, charactersPerCall))
  })
})
server.listen(0, '127.0.0.1', () => {
  process.send!({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
})
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send!({ cpuMs: (user + system) / 1000, peakMiB: process.resourceUsage().maxRSS / 1024 })
})
process.once('disconnect', () => process.exit(0))
