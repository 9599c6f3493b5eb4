import { hash } from 'node:crypto'
import { canonicalJson } from './canonical.ts'
import type { BlobRef } from '../formats/common.ts'

/** The name of some content in the store: `sha256:` and the hex digest of its bytes. */
export function digestOf(content: Uint8Array | string): BlobRef {
  return `sha256:${hash('sha256', content, 'hex')}`
}

/** The digest of a value's canonical JSON: equal values, equal digests. */
export function digestOfJson(value: unknown): BlobRef {
  return digestOf(canonicalJson(value))
}
