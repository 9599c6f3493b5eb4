import { createHash } from 'node:crypto'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~'
const VALUES = new Map(ALPHABET.split('').map((letter, value) => [letter, value]))

/** Decodes the data lines of a git binary patch: a letter for the line's length in bytes, then groups of five. */
export function decodeBase85Lines(lines: readonly string[]): Buffer {
  return Buffer.concat(lines.map(decodeLine))
}

function decodeLine(line: string): Buffer {
  const letter = line.charCodeAt(0)
  const sizeBytes = letter >= 97 ? letter - 97 + 27 : letter - 65 + 1
  const bytes = Buffer.alloc(((line.length - 1) / 5) * 4)
  for (let group = 0; group * 5 + 1 < line.length; group++) {
    let value = 0
    for (let i = 0; i < 5; i++) {
      const digit = VALUES.get(line[group * 5 + 1 + i] ?? '')
      if (digit === undefined) throw new Error(`not a line of a git binary patch: ${line}`)
      value = value * 85 + digit
    }
    bytes.writeUInt32BE(value >>> 0, group * 4)
  }
  return bytes.subarray(0, sizeBytes)
}

/** What a git delta makes of the old content. Throws when the delta was made for content of another size. */
export function applyDelta(old: Buffer, delta: Buffer): Buffer {
  let at = 0
  const readSize = () => {
    let size = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = delta[at++] ?? 0
      size += (byte & 127) * shift
      if (byte < 128) return size
    }
  }
  const oldSize = readSize()
  if (oldSize !== old.length) throw new Error(`the delta is for ${oldSize} bytes and the file has ${old.length}`)
  const newSize = readSize()
  const parts: Buffer[] = []
  while (at < delta.length) {
    const op = delta[at++]!
    if (op < 128) {
      parts.push(delta.subarray(at, at + op))
      at += op
      continue
    }
    const readBytes = (from: number, count: number) => {
      let value = 0
      for (let i = 0; i < count; i++) if (op & (1 << (from + i))) value += delta[at++]! * 256 ** i
      return value
    }
    const offset = readBytes(0, 4)
    const size = readBytes(4, 3) || 0x10000
    parts.push(old.subarray(offset, offset + size))
  }
  const made = Buffer.concat(parts)
  if (made.length !== newSize) throw new Error(`the delta made ${made.length} bytes and should make ${newSize}`)
  return made
}

/** The name that git gives to a file's content. */
export function gitObjectName(content: Uint8Array): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
}
