import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { GitError } from './port.ts'
import { besideScratch, type Scratch } from './scratch.ts'

/** Takes blobs into the scratch repository, all through one process. */
export interface BlobImport {
  /** Takes `sizeBytes` bytes as a blob. */
  add(sizeBytes: number, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void>
  /** Ends the process; then the blobs are there. */
  finish(): Promise<void>
  /** Ends the process, whatever it was doing, and removes its files. Idempotent; to be called in any case. */
  dispose(): Promise<void>
}

/** Starts a `git fast-import` that is given blobs alone: no name that an agent chose reaches it. */
export async function startBlobImport(scratch: Scratch): Promise<BlobImport> {
  const { dir, command } = await besideScratch(scratch)
  const { child, ended } = scratch.git.start(['fast-import', '--quiet', '--done'], command)
  child.stdout.resume()

  async function write(chunk: Buffer | string): Promise<void> {
    if (child.stdin.write(chunk)) return
    const isOver = Symbol('over')
    const signal = new AbortController()
    const drained = once(child.stdin, 'drain', { signal: signal.signal }).catch(() => {})
    // A process that has ended drains nothing; `ended` then throws why.
    const outcome = await Promise.race([drained, ended.then(() => isOver)])
    signal.abort()
    if (outcome === isOver) throw new GitError('failed', `git fast-import for ${scratch.name} ended before its input`)
  }

  return {
    async add(sizeBytes, content) {
      await write(`blob\ndata ${sizeBytes}\n`)
      let taken = 0
      for await (const chunk of content) {
        taken += chunk.length
        await write(chunk)
      }
      if (taken !== sizeBytes) throw new GitError('failed', `a file of ${sizeBytes} bytes had ${taken}`)
      await write('\n')
    },
    async finish() {
      child.stdin.end('done\n')
      await ended
    },
    async dispose() {
      child.kill('SIGKILL')
      await ended.catch(() => {})
      await rm(dir, { recursive: true, force: true })
    },
  }
}
