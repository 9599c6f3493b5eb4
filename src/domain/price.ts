import type { Usage } from '../formats/chat.ts'
import type { Prices } from '../formats/price.ts'

const MILLION = 1_000_000
/** What a chat template may add to a request beside what is in it. */
const TEMPLATE_TOKENS = 1_000

/** Money and tokens, of one call or of many: whole micro-dollars, and tokens of input and output together. */
export interface Spend {
  microUsd: number
  tokens: number
}

/** Nothing spent. */
export const NOTHING: Readonly<Spend> = { microUsd: 0, tokens: 0 }

/** The sum of two spends. */
export function plus(a: Spend, b: Spend): Spend {
  return { microUsd: a.microUsd + b.microUsd, tokens: a.tokens + b.tokens }
}

/** Whether a table names a model. */
export function hasPrice(prices: Prices | null, model: string): boolean {
  return priceFor(prices, model) !== null
}

/** What a call cost in whole micro-dollars, rounded up; null for a model that the table does not name. */
export function priceOf(prices: Prices | null, model: string, usage: Usage): number | null {
  const price = priceFor(prices, model)
  if (!price) return null
  const cached = Math.min(usage.cachedTokens, usage.promptTokens)
  const input = (usage.promptTokens - cached) * price.input + cached * (price.cachedInput ?? price.input)
  return Math.ceil((input + usage.completionTokens * price.output) / MILLION)
}

/**
 * The most that a call can cost. No token is shorter than a byte, so what is sent has at most as many tokens as bytes, but
 * for images and files, as those given by a URL (docs/ceilings.md);
 * of what an earlier call sent, the provider has said how many it has. `maxTokens` is the request's own limit of each of
 * its `choices`, null for none: then the table's. A model that the table does not name costs nothing, and its output is
 * not bounded.
 */
export function mostOf(
  prices: Prices | null,
  model: string,
  request: { bytes: number; knownTokens: number; maxTokens: number | null; choices: number },
): Spend {
  const price = priceFor(prices, model)
  const input = request.knownTokens + request.bytes + TEMPLATE_TOKENS
  const output = (request.maxTokens ?? price?.maxOutputTokens ?? 0) * request.choices
  const dearest = price ? Math.max(price.input, price.cachedInput ?? 0) : 0
  return {
    microUsd: Math.ceil((input * dearest + output * (price?.output ?? 0)) / MILLION),
    tokens: input + output,
  }
}

function priceFor(prices: Prices | null, model: string) {
  return prices && Object.hasOwn(prices.models, model) ? prices.models[model]! : null
}
