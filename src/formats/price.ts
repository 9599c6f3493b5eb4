import { z } from 'zod'

const microUsd = z.number().int().nonnegative()

/** What a model costs. Prices are whole micro-dollars for a million tokens: 3 dollars are 3000000. */
const modelPrice = z.strictObject({
  input: microUsd,
  /** Input that the provider had in its cache; as `input` when it says nothing. */
  cachedInput: microUsd.optional(),
  /** Reasoning is output too. */
  output: microUsd,
  /** The most that one reply may have, which is what a call is reserved for where it names no limit of its own. */
  maxOutputTokens: z.number().int().positive(),
})
/** A price table: what each model costs, by the name that it is asked under. */
export const prices = z.strictObject({
  format: z.literal('prchain.prices/1'),
  models: z.record(z.string().min(1), modelPrice),
})
/** A price table. */
export type Prices = z.infer<typeof prices>
