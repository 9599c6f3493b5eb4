import { z } from 'zod'

/** `host:port`. */
export const address = z.string().regex(/^[^\s:/]+:\d{1,5}$/, 'expected host:port')

/** A switch: itself, or text of a variable. */
export function flag() {
  return z.union([
    z.boolean(),
    z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1'),
  ])
}

/** A number, or text that is one: an empty text and a switch are none. */
export function number() {
  return z.union([
    z.number(),
    z
      .string()
      .regex(/^-?\d+(\.\d+)?$/, 'expected a number')
      .transform(Number),
  ])
}

/** A whole number between two, both allowed. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER) {
  return number().pipe(z.number().int().min(least).max(most))
}

/** An amount in dollars, or none. */
export function dollars() {
  return number().pipe(z.number().positive().max(1_000_000_000)).nullable().default(null)
}
