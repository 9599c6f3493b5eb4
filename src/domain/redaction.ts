/** What stands in a text where a secret was. */
export const MASK = '[secret]'

/** Masks every occurrence of the given secret values in a text. Values shorter than eight characters are no secrets. */
export type Redact = (text: string) => string

/** Makes a {@link Redact} for the secrets of this process. */
export function createRedact(secrets: readonly (string | null)[]): Redact {
  const values = secrets.filter((secret): secret is string => secret !== null && secret.length >= 8)
  return (text) => values.reduce((masked, secret) => masked.replaceAll(secret, MASK), text)
}
