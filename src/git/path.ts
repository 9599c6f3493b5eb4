import { isUtf8 } from 'node:buffer'

const ESCAPED = /[\udc80-\udcff]/
const FIRST_ESCAPE = 0xdc00

/**
 * A path's bytes as a string. Bytes that are not UTF-8 become lone surrogates (U+DC80 to U+DCFF), so that
 * {@link pathToBytes} gives the same bytes back.
 */
export function pathFromBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8')
  return String.fromCharCode(...Array.from(bytes, (byte) => (byte < 0x80 ? byte : FIRST_ESCAPE + byte)))
}

/** The bytes of a path that {@link pathFromBytes} made, or of any other string as UTF-8. */
export function pathToBytes(path: string): Buffer {
  if (path.isWellFormed() || !ESCAPED.test(path)) return Buffer.from(path, 'utf8')
  return Buffer.concat(
    Array.from(path, (character) => {
      const code = character.codePointAt(0) ?? 0
      const isEscape = code >= FIRST_ESCAPE + 0x80 && code <= FIRST_ESCAPE + 0xff
      return isEscape ? Buffer.from([code - FIRST_ESCAPE]) : Buffer.from(character, 'utf8')
    }),
  )
}

/** Orders paths as git does: by their bytes. */
export function comparePaths(a: string, b: string): number {
  return Buffer.compare(pathToBytes(a), pathToBytes(b))
}

/** The folders above a path, outermost first: `a`, `a/b` for `a/b/c`. */
export function foldersAbove(path: string): string[] {
  const parts = path.split('/')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'))
}
