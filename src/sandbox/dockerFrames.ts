import { Transform, type TransformCallback } from 'node:stream'

/** How much of stderr is kept for error messages. */
const STDERR_LIMIT_BYTES = 4096
const HEADER_BYTES = 8
const STDERR_KIND = 2

/**
 * Gives the stdout of an attached exec, whose two outputs Docker sends as frames of one stream: a byte that says
 * which, three zeros, a length of four bytes, and the bytes. Keeps the end of stderr. Fails when the stream ends
 * within a frame.
 */
export class DockerFrames extends Transform {
  #header = Buffer.alloc(0)
  #leftBytes = 0
  #kind = 0
  #stderr = Buffer.alloc(0)

  /** The end of what was written to stderr so far, at most 4 KiB. */
  get stderr(): string {
    return this.#stderr.toString().trim()
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let rest = chunk
    while (rest.length > 0) {
      if (this.#leftBytes > 0) {
        const body = rest.subarray(0, this.#leftBytes)
        rest = rest.subarray(body.length)
        this.#leftBytes -= body.length
        if (this.#kind === STDERR_KIND) this.#stderr = Buffer.concat([this.#stderr, body]).subarray(-STDERR_LIMIT_BYTES)
        else this.push(body)
        continue
      }
      const missing = HEADER_BYTES - this.#header.length
      this.#header = Buffer.concat([this.#header, rest.subarray(0, missing)])
      rest = rest.subarray(missing)
      if (this.#header.length < HEADER_BYTES) break
      this.#kind = this.#header.readUInt8(0)
      this.#leftBytes = this.#header.readUInt32BE(4)
      this.#header = Buffer.alloc(0)
      if (this.#kind > STDERR_KIND) return done(new Error(`not a stream of Docker's: a frame of kind ${this.#kind}`))
    }
    done()
  }

  override _flush(done: TransformCallback): void {
    const isCut = this.#leftBytes > 0 || this.#header.length > 0
    done(isCut ? new Error("Docker's stream broke off within a frame") : null)
  }
}
