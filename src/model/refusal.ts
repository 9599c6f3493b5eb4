import type { ModelError } from './port.ts'

/** What an endpoint's refusal means, by its status and its words. */
export function kindOfRefusal(status: number, words: string): ModelError['kind'] {
  if (status === 429) return 'busy'
  if (status >= 500 || status === 408 || status === 409) return 'unavailable'
  return /context_length|maximum context|too many tokens/i.test(words) ? 'context' : 'refused'
}

/** What the header `retry-after` asks for in seconds, in milliseconds; null without it, or for a date. */
export function readRetryAfter(headers: Headers | undefined): number | null {
  const seconds = Number(headers?.get('retry-after'))
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : null
}
