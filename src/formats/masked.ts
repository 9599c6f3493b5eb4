import { z } from 'zod'

/** Where a secret was: what stands there now is its mask. The secret itself, or a digest of it, is on no record. */
export const masked = z.object({
  /** A JSON pointer (RFC 6901) to a string of the document, or to the member whose name holds the mask. */
  pointer: z.string(),
  part: z.enum(['value', 'name']),
  /** The mask is the characters `[from, to)` (UTF-16 code units) of the masked text. */
  from: z.number().int().nonnegative(),
  to: z.number().int().positive(),
  /** The setting that the secret is, or what it looks like: `domain/secretShapes.ts`. */
  kind: z.string(),
})
/** Where a secret was. */
export type Masked = z.infer<typeof masked>
