/** Reads lines and counted bytes from a stream of chunks. */
export interface ByteReader {
  /** The bytes up to the next newline, without it; null at the end. */
  line(): Promise<Buffer | null>
  /** The next `size` bytes as they come. Throws when the stream ends before. */
  bytes(size: number): AsyncGenerator<Buffer>
}

/** A {@link ByteReader} over chunks, which it asks for one at a time. */
export function createByteReader(source: AsyncIterable<Buffer>): ByteReader {
  const chunks = source[Symbol.asyncIterator]()
  let rest: Buffer = Buffer.alloc(0)

  async function fill(): Promise<boolean> {
    const { value, done } = await chunks.next()
    if (done === true) return false
    rest = rest.length === 0 ? value : Buffer.concat([rest, value])
    return true
  }

  return {
    async line() {
      let searched = 0
      for (;;) {
        const end = rest.indexOf(0x0a, searched)
        if (end >= 0) {
          const line = rest.subarray(0, end)
          rest = rest.subarray(end + 1)
          return line
        }
        searched = rest.length
        if (await fill()) continue
        if (rest.length === 0) return null
        const line = rest
        rest = Buffer.alloc(0)
        return line
      }
    },
    async *bytes(size) {
      for (let left = size; left > 0;) {
        if (rest.length === 0 && !(await fill())) throw new Error(`the stream ended ${left} bytes early`)
        const chunk = rest.subarray(0, left)
        rest = rest.subarray(chunk.length)
        left -= chunk.length
        yield chunk
      }
    },
  }
}
