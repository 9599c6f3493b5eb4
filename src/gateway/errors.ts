import type { ServerResponse } from 'node:http'
import type { ProviderAnswer } from '../model/port.ts'

/** By its first words, as OpenAI's own, clients tell it from a request that is wrong, and do not ask again. */
export const NO_GRANT = 'Incorrect API key provided: this token stands for no round that is under way'
/** OpenAI's code of a context that is too long. */
const TOO_LONG = 'context_length_exceeded'

/** Answers with an error in OpenAI's shape. */
export function sendError(response: ServerResponse, status: number, code: string, message: string): void {
  const type = status >= 500 ? 'server_error' : 'invalid_request_error'
  sendJson(response, status, { error: { message, type, param: null, code } })
}

/** Passes on that a context is too long; where a provider says it in words of its own, in those that clients know too. */
export function sendTooLong(response: ServerResponse, { status, contentType, text }: ProviderAnswer): void {
  if (!text.includes(TOO_LONG)) {
    // litellm looks for these words in what Python prints: there double quotes would have the apostrophe escaped.
    const words = `This model's maximum context length is exceeded: ${text.replaceAll('"', "'")}`
    return sendError(response, 400, TOO_LONG, words)
  }
  response.writeHead(status, { 'content-type': contentType })
  response.end(text)
}

/** Answers with a JSON body. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
