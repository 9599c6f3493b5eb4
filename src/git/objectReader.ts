import { createByteReader } from './byteReader.ts'
import { GitError } from './port.ts'
import { inScratch, type Scratch } from './scratch.ts'

/** Blobs above this size go through git in pieces, as far as git can. */
export const STREAM_LARGE = ['-c', 'core.bigFileThreshold=32m']

/** A blob whose content must be read to its end before the next one is asked for. */
export interface ReadBlob {
  object: string
  sizeBytes: number
  content: AsyncIterable<Buffer>
}

/**
 * Blobs one after the other, in the given order, all through one process. Throws {@link GitError} `missing` at the
 * first that cannot be read. To be ended by `return` or read to its end, else git stays.
 */
export async function* readBlobs(scratch: Scratch, objects: readonly string[]): AsyncGenerator<ReadBlob> {
  if (objects.length === 0) return
  const { child, ended } = scratch.git.start([...STREAM_LARGE, 'cat-file', '--batch', '--buffer'], inScratch(scratch))
  try {
    child.stdin.end(objects.map((object) => `${object}\n`).join(''))
    const reader = createByteReader(child.stdout)
    for (const object of objects) {
      const head = (await reader.line())?.toString('latin1') ?? ''
      const [, size] = /^[0-9a-f]{40} blob (\d+)$/.exec(head) ?? []
      if (size === undefined)
        throw new GitError('missing', `object ${object} of ${scratch.name} cannot be read as a file: ${head}`)
      yield { object, sizeBytes: Number(size), content: reader.bytes(Number(size)) }
      await reader.line()
    }
    await ended
  } finally {
    child.kill('SIGKILL')
  }
}

/** The whole content of a blob that was read. */
export async function contentOf({ content }: ReadBlob): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of content) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** What the objects are, in the given order: type and size; null for those that neither mirror nor scratch has. */
export async function describeObjects(
  scratch: Scratch,
  objects: readonly string[],
): Promise<({ type: string; sizeBytes: number } | null)[]> {
  if (objects.length === 0) return []
  const { stdout } = await scratch.git.run(['cat-file', '--batch-check=%(objecttype) %(objectsize)', '--buffer'], {
    ...inScratch(scratch),
    input: objects.map((object) => `${object}\n`).join(''),
  })
  const lines = stdout.toString('latin1').trimEnd().split('\n')
  return lines.map((line) => {
    const [, type, size] = /^(\w+) (\d+)$/.exec(line) ?? []
    return type === undefined ? null : { type, sizeBytes: Number(size) }
  })
}
