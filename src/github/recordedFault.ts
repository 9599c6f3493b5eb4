import { once } from 'node:events'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

/** A request's context, with Node's own answer behind it. */
export type ServerContext = Context<{ Bindings: HttpBindings }>

/** What the server does instead of answering as it would. */
export type FaultAnswer =
  | { kind: 'secondary-limit'; status: 403 | 429; retryAfterSeconds: number | null }
  | { kind: 'primary-limit'; resetsInSeconds: number }
  | { kind: 'status'; status: 401 | 403 | 404 | 409 | 410 | 422 | 451 | 500 | 502 | 503 | 504; message: string }
  /** 301 to this path of the same server. */
  | { kind: 'moved'; to: string }
  /** 200 with this text as its JSON. */
  | { kind: 'text'; text: string }
  /** The true answer, announced whole; the connection closes in its middle. */
  | { kind: 'truncated' }
  /** No answer until the server closes. */
  | { kind: 'hang' }

/** A fault on demand: the next `times` requests whose path, with its query, begins with `path`. */
export interface Fault {
  path: string
  times: number
  /** So many such requests are answered before. */
  after?: number
  answer: FaultAnswer
}

/** Hands out each fault as often as it was asked for. */
export function takeFaults(planned: readonly Fault[]): (paths: readonly string[]) => FaultAnswer | null {
  const faults = planned.map((fault) => ({ after: 0, ...fault }))
  return (paths) => {
    const fault = faults.find(({ path, times }) => times > 0 && paths.some((asked) => asked.startsWith(path)))
    if (!fault) return null
    if (fault.after > 0) {
      fault.after -= 1
      return null
    }
    fault.times -= 1
    return fault.answer
  }
}

/** Answers a fault. `answerTruly` is what the server would have done, `now` the server's clock in milliseconds. */
export async function answerFault(
  c: ServerContext,
  fault: FaultAnswer,
  server: { closing: AbortSignal; now: () => number; answerTruly: () => Promise<Response> },
): Promise<Response> {
  switch (fault.kind) {
    case 'secondary-limit':
      return refuseSecondary(c, fault)
    case 'primary-limit':
      c.header('x-ratelimit-remaining', '0')
      c.header('x-ratelimit-reset', String(Math.floor(server.now() / 1000) + fault.resetsInSeconds))
      return refuse(c, 403, 'API rate limit exceeded for user.')
    case 'status':
      return refuse(c, fault.status, fault.message)
    case 'moved':
      return moved(c, fault.to)
    case 'text':
      return answerJson(c, 200, fault.text)
    case 'truncated':
      return breakOff(c, await server.answerTruly())
    case 'hang':
      if (!server.closing.aborted) await once(server.closing, 'abort')
      return refuse(c, 503, 'closing')
    default:
      return fault satisfies never
  }
}

/** A secondary limit, as GitHub words it. */
export function refuseSecondary(
  c: ServerContext,
  { status, retryAfterSeconds }: { status: 403 | 429; retryAfterSeconds: number | null },
): Response {
  if (retryAfterSeconds !== null) c.header('retry-after', String(retryAfterSeconds))
  return refuse(c, status, 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.')
}

/** 301 to a path of this server, as GitHub sends it for a renamed repository. */
export function moved(c: ServerContext, path: string): Response {
  const url = new URL(path, c.req.url).href
  c.header('location', url)
  return answerJson(
    c,
    301,
    JSON.stringify({ message: 'Moved Permanently', url, documentation_url: 'https://docs.github.com/rest' }),
  )
}

/** An error in GitHub's shape. */
export function refuse(c: ServerContext, status: number, message: string): Response {
  const documentation_url = 'https://docs.github.com/rest'
  return answerJson(c, status, JSON.stringify({ message, documentation_url, status: String(status) }))
}

/** JSON text as GitHub sends it. */
export function answerJson(c: ServerContext, status: number, text: string): Response {
  return c.newResponse(text, status as 200, { 'content-type': 'application/json; charset=utf-8' })
}

async function breakOff(c: ServerContext, whole: Response): Promise<Response> {
  const body = new Uint8Array(await whole.arrayBuffer())
  const { outgoing } = c.env
  const closeOnceBegun = () => {
    if (outgoing.headersSent) outgoing.destroy()
    else setImmediate(closeOnceBegun)
  }
  const half = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(body.subarray(0, Math.floor(body.byteLength / 2))),
    pull: closeOnceBegun,
  })
  c.header('content-length', String(body.byteLength))
  return c.newResponse(half, whole.status as 200, Object.fromEntries(whole.headers))
}
