/** A message's content as one text: on the wire it may be a string, a list of parts, or null. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part: { text?: unknown } | null) => (typeof part?.text === 'string' ? part.text : '')).join('')
}

/** What a reply says of its reasoning: `reasoning_content`, or `reasoning`, as newer servers call it; null when it says nothing. */
export function reasoningOf(message: Readonly<Record<string, unknown>>): string | null {
  const texts = [message['reasoning_content'], message['reasoning']]
  return texts.find((text): text is string => typeof text === 'string' && text !== '') ?? null
}

/** A tool call's arguments, which are JSON as text; null when it is no JSON object. */
export function readArguments(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}
