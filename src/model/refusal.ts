import { saysTooLong } from '../domain/contextLimit.ts'
import type { ModelError } from './port.ts'

/** What an endpoint's refusal means, by its status and its words. */
export function kindOfRefusal(status: number, words: string): ModelError['kind'] {
  if (status === 429) return 'busy'
  if (status >= 500 || status === 408 || status === 409) return 'unavailable'
  return saysTooLong(words) ? 'context' : 'refused'
}

/** What stands before an endpoint says so when that was asked and is at work still: the reply is charged for, and lost. */
const OUT_OF_TIME = [504, 524]

/** Whether an endpoint that refuses by a status surely did nothing that it charges for. */
export function isFreeRefusal(status: number): boolean {
  return !OUT_OF_TIME.includes(status)
}

/**
 * What the header `retry-after` asks for, as seconds or as a date, or more exactly `retry-after-ms`, in milliseconds; null
 * without them.
 */
export function readRetryAfter(headers: Headers | undefined): number | null {
  const exact = headers?.get('retry-after-ms') ?? ''
  if (/^\s*[\d.]+\s*$/.test(exact) && Number(exact) > 0) return Number(exact)
  const text = headers?.get('retry-after') ?? ''
  const ms = /^\s*[\d.]+\s*$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isFinite(ms) && ms > 0 ? ms : null
}

/** Whether an error of a connection says that none came about, so that nothing was sent. */
export function wasNeverSent(error: unknown): boolean {
  const codes = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT']
  for (let at = error; at instanceof Error; at = at.cause) {
    if (codes.includes((at as NodeJS.ErrnoException).code ?? '')) return true
  }
  return false
}
