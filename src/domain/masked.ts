import type { Masked } from '../formats/masked.ts'
import { findMasks } from './redaction.ts'

/** Where masks stand in a JSON value, in its order. Pointers begin with `base`. */
export function listMasked(value: unknown, base = ''): Masked[] {
  if (typeof value === 'string') return inText(value, base, 'value')
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]) => {
    const pointer = `${base}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    return [...(Array.isArray(value) ? [] : inText(name, pointer, 'name')), ...listMasked(member, pointer)]
  })
}

/** A JSON value with every string in it, names of members included, made another. */
export function mapStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value)
  if (Array.isArray(value)) return value.map((one) => mapStrings(one, change))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [change(name), mapStrings(member, change)]))
}

function inText(text: string, pointer: string, part: Masked['part']): Masked[] {
  return findMasks(text).map(({ from, to, kind }) => ({ pointer, part, from, to, kind }))
}
