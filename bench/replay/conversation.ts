import { request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { tellStep } from './story.ts'

/** The reply to a scaffold's request: what the story says at that point. */
export function tellReply(messages: readonly unknown[], charactersPerCall: number): string {
  const n = (messages.length - 2) / 2
  const { text, command } = tellStep(n, charactersPerCall)
  const call = { id: `call-${n}`, type: 'function', function: { name: 'bash', arguments: JSON.stringify({ command }) } }
  return JSON.stringify({
    ...{ id: `reply-${n}`, object: 'chat.completion', created: 1, model: 'bench' },
    choices: [
      { index: 0, finish_reason: 'tool_calls', message: { role: 'assistant', content: text, tool_calls: [call] } },
    ],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  })
}

/**
 * A scaffold that does as the story says: a conversation that grows by a reply and an output with each call, sent whole
 * each time. Returns all replies' bytes, and the milliseconds from the first request on. With `known` replies it only goes
 * on from there.
 */
export async function converse(options: {
  url: string
  token: string
  calls: number
  charactersPerCall: number
  known?: readonly Buffer[]
}): Promise<{ replies: Buffer[]; ms: number }> {
  const { url, token, calls, charactersPerCall, known = [] } = options
  // The body grows in one place, so that the client's own part is small.
  const body = Buffer.alloc(calls * charactersPerCall * 2 + 100_000)
  let length = body.write(
    '{"model":"bench","messages":[{"role":"system","content":"You are an agent."},{"role":"user","content":"Do the work."}',
  )
  const replies: Buffer[] = []
  let startedMs: number | null = null
  for (let n = 0; n < calls; n++) {
    if (n === known.length) startedMs = performance.now()
    const reply = known[n] ?? (await post(url, token, [body.subarray(0, length), Buffer.from(']}')]))
    replies.push(reply)
    const { message } = (JSON.parse(reply.toString('utf8')) as { choices: [{ message: object }] }).choices[0]
    const { output } = tellStep(n, charactersPerCall)
    const added = [message, { role: 'tool', tool_call_id: `call-${n}`, content: output }]
    length += body.write(added.map((one) => `,${JSON.stringify(one)}`).join(''), length)
  }
  return { replies, ms: performance.now() - startedMs! }
}

function post(url: string, token: string, parts: Buffer[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      authorization: `Bearer ${token}`,
      'content-length': parts.reduce((sum, part) => sum + part.length, 0),
    }
    const sent = request(`${url}/chat/completions`, { method: 'POST', headers }, (response) => {
      buffer(response).then((bytes) => {
        if (response.statusCode === 200) resolve(bytes)
        else reject(new Error(`${response.statusCode}: ${bytes.toString('utf8').slice(0, 500)}`))
      }, reject)
    })
    sent.once('error', reject)
    for (const part of parts) sent.write(part)
    sent.end()
  })
}
