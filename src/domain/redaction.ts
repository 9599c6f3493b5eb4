/** What stands in a text where a secret was. */
export const MASK = '[secret]'

/** Masks every occurrence of the given secret values in a text. Values shorter than eight characters are no secrets. */
export type Redact = (text: string) => string

/** Masks secrets in a stream of bytes, those too that are cut by its chunks. Bytes that are no secret stay as they are. */
export async function* redactStream(content: AsyncIterable<Uint8Array>, redact: Redact): AsyncGenerator<Uint8Array> {
  let rest = ''
  for await (const chunk of content) {
    // Latin-1 keeps every byte; a secret is ASCII.
    const text = redact(rest + Buffer.from(chunk).toString('latin1'))
    const keptFrom = Math.max(0, text.length - LONGEST_SECRET)
    rest = text.slice(keptFrom)
    if (keptFrom > 0) yield Buffer.from(text.slice(0, keptFrom), 'latin1')
  }
  if (rest !== '') yield Buffer.from(redact(rest), 'latin1')
}

const LONGEST_SECRET = 4_096

/** Makes a {@link Redact} for the secrets of this process. */
export function createRedact(secrets: readonly (string | null)[]): Redact {
  const values = secrets.filter((secret): secret is string => secret !== null && secret.length >= 8)
  return (text) => values.reduce((masked, secret) => masked.replaceAll(secret, MASK), text)
}
