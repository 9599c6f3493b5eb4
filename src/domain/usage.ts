import type { Usage } from '../formats/chat.ts'

/** No tokens. */
export function noUsage(): Usage {
  return { promptTokens: 0, completionTokens: 0, cachedTokens: 0 }
}

/** Tokens together. */
export function addUsage(a: Usage, b: Usage): Usage {
  const isTold = a.reasoningTokens !== undefined || b.reasoningTokens !== undefined
  return {
    promptTokens: a.promptTokens + b.promptTokens,
    completionTokens: a.completionTokens + b.completionTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    ...(isTold ? { reasoningTokens: (a.reasoningTokens ?? 0) + (b.reasoningTokens ?? 0) } : {}),
  }
}
