import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DockerFrames } from '../../src/sandbox/dockerFrames.ts'
import { jobFolder } from '../../src/sandbox/runner.ts'

const frames = fc.array(
  fc.record({
    kind: fc.constantFrom(1, 2),
    body: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 8 },
)

function encode(list: { kind: number; body: Buffer }[]): Buffer {
  return Buffer.concat(
    list.flatMap(({ kind, body }) => {
      const header = Buffer.alloc(8)
      header.writeUInt8(kind, 0)
      header.writeUInt32BE(body.length, 4)
      return [header, body]
    }),
  )
}

function split(bytes: Buffer, sizes: number[]): Buffer[] {
  const parts: Buffer[] = []
  let rest = bytes
  for (const size of sizes) {
    parts.push(rest.subarray(0, size))
    rest = rest.subarray(size)
  }
  return [...parts, rest].filter((part) => part.length > 0)
}

async function read(chunks: Buffer[]): Promise<{ stdout: Buffer; stderr: string }> {
  const stream = new DockerFrames()
  Readable.from(chunks).pipe(stream)
  return { stdout: Buffer.concat(await stream.toArray()), stderr: stream.stderr }
}

describe("Docker's frames", () => {
  it('give stdout and the end of stderr, however the stream is cut into chunks', async () => {
    const property = fc.asyncProperty(frames, fc.array(fc.integer({ min: 1, max: 30 })), async (list, sizes) => {
      const { stdout, stderr } = await read(split(encode(list), sizes))
      const bodies = (kind: number) =>
        Buffer.concat(list.filter((frame) => frame.kind === kind).map(({ body }) => body))
      expect(stdout).toEqual(bodies(1))
      expect(stderr).toBe(bodies(2).subarray(-4096).toString().trim())
    })
    await fc.assert(property, { numRuns: 60 })
  })

  it('fail when the stream breaks off within one', async () => {
    const whole = encode([{ kind: 1, body: Buffer.from('body') }])
    for (let length = 1; length < whole.length; length++) {
      await expect(read([whole.subarray(0, length)])).rejects.toThrow(/broke off/)
    }
    await expect(read([Buffer.from('HTTP/1.1 500 no frames')])).rejects.toThrow(/frame of kind/)
  })
})

describe('the record of a key', () => {
  it('has one safe name, and another for another key', () => {
    const key = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('/', '+', '%', '.', '~', 'a', 'A'), maxLength: 6 }),
    )
    const property = fc.property(key, key, (a, b) => {
      expect(jobFolder(a)).toMatch(/^[A-Za-z0-9_%+~-][A-Za-z0-9._%+~-]{0,199}$/)
      expect(jobFolder(a) === jobFolder(b)).toBe(a === b)
    })
    fc.assert(property, { numRuns: 500 })
  })
})
