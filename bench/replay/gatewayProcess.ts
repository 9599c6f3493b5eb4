import { createSecrets } from '../../src/domain/redaction.ts'
import { startGateway } from '../../src/gateway/server.ts'
import { createExchange } from '../../src/record/exchange.ts'
import { createFileStore } from '../../src/store/files.ts'
import type { Provider } from '../../src/model/port.ts'
import { readWireReply } from '../../src/domain/wireReply.ts'
import { openMeter } from '../../test/record/meterFixture.ts'
import { tellReply } from './conversation.ts'

/** A gateway in a process of its own, told by its arguments: the store's folder, and how long a call of the story is. */
const [dir = '', charactersPerCall = ''] = process.argv.slice(2)
const store = createFileStore({ dir })
const secrets = createSecrets({ openaiApiKey: 'sk-a-key-of-no-use' })
const { redact } = secrets
/** Answers what the story says, at once. */
const provider: Provider = {
  isScripted: true,
  async send(body) {
    const text = tellReply((body as { messages: unknown[] }).messages, Number(charactersPerCall))
    const contentType = 'application/json'
    return {
      contentType,
      parts: (async function* () {
        yield { text, isClosing: true }
      })(),
      read() {
        const reply = readWireReply(contentType, text)
        if ('fault' in reply) throw new Error(reply.fault)
        return reply
      },
    }
  },
}
const wait = async () => {}
const exchange = createExchange({
  ...{ store, provider, secrets, redact, wait, meter: openMeter(store) },
  retry: { tries: 1, firstWaitMs: 1, longestWaitMs: 1 },
})
const { baseUrl } = await startGateway({
  ...{ store, exchange, redact, wait, listen: { port: 0 } },
  normalisations: () => [],
  selfTest: () => null,
})
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send!({ cpuMs: (user + system) / 1000, peakMiB: process.resourceUsage().maxRSS / 1024 })
})
process.once('disconnect', () => process.exit(0))
process.send!({ baseUrl })
