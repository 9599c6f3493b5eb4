import type { ServerResponse } from 'node:http'
import { textOf } from '../domain/wireContent.ts'
import type { WireRequest } from '../domain/wireRequest.ts'
import { sendError, sendJson } from './errors.ts'

/**
 * What the tool call of a self-test prints, where the scaffold goes on after it. It does not stand in the call itself: an
 * observation may name the command, whatever came of it.
 */
export const SELF_TEST_WORD = 'prchain-self-test'

/** The tool call that a scaffold is to make in its self-test. */
export interface SelfTestCall {
  name: string
  arguments: Record<string, unknown>
}

/**
 * Answers a scaffold's self-test without a provider: first with the one tool call, then, when its observation shows that
 * it was made, with the word alone. Anything else is refused with what came instead. A call without tools is one beside
 * its conversation, and is given the word.
 */
export function answerSelfTest(request: WireRequest, call: SelfTestCall, response: ServerResponse): void {
  const messages = request.messages as { role?: string; content?: unknown }[]
  const tools = (request['tools'] ?? []) as { function?: { name?: string } }[]
  const last = messages.at(-1)
  const refuse = (message: string) => sendError(response, 400, 'self_test', message)
  if (last?.role === 'tool' && !textOf(last.content).includes(SELF_TEST_WORD))
    return refuse(`the self-test's tool call ${call.name} gave: ${textOf(last.content).slice(0, 1_000)}`)
  const isDue = last?.role !== 'tool' && tools.length > 0
  const names = tools.map((tool) => tool.function?.name)
  if (isDue && !names.includes(call.name))
    return refuse(`the self-test's tool ${call.name} is none of those that were sent: ${names.join(', ')}`)
  const message = isDue
    ? { role: 'assistant', content: '', tool_calls: [toolCallOf(call)] }
    : { role: 'assistant', content: SELF_TEST_WORD }
  const finishReason = isDue ? 'tool_calls' : 'stop'
  const head = { id: 'self-test', created: 0, model: request['model'] }
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
  if (request['stream'] !== true) {
    const choices = [{ index: 0, message, finish_reason: finishReason }]
    return sendJson(response, 200, { ...head, object: 'chat.completion', choices, usage })
  }
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
  const send = (more: object) =>
    response.write(`data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', ...more })}\n\n`)
  const delta = isDue ? { ...message, tool_calls: [{ index: 0, ...toolCallOf(call) }] } : message
  send({ choices: [{ index: 0, delta, finish_reason: null }] })
  send({ choices: [{ index: 0, delta: {}, finish_reason: finishReason }] })
  send({ choices: [], usage })
  response.end('data: [DONE]\n\n')
}

function toolCallOf(call: SelfTestCall) {
  return {
    id: 'call_self_test',
    type: 'function',
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
  }
}
