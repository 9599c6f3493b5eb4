import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GitError } from './port.ts'
import { besideScratch, type Scratch } from './scratch.ts'

/** Takes blobs into the scratch repository, all through one process. */
export interface BlobImport {
  /** Takes `sizeBytes` bytes and returns the blob's number, for `finish` to give its name. */
  add(sizeBytes: number, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<number>
  /** Ends the process and returns the object name of each number. */
  finish(): Promise<Map<number, string>>
  /** Ends the process, whatever it was doing, and removes its files. Idempotent; to be called in any case. */
  dispose(): Promise<void>
}

/** Starts a `git fast-import` that is given blobs alone: no name that an agent chose reaches it. */
export async function startBlobImport(scratch: Scratch): Promise<BlobImport> {
  const { dir, command } = await besideScratch(scratch)
  const marks = join(dir, 'marks')
  const { child, ended } = scratch.git.start(['fast-import', '--quiet', '--done', `--export-marks=${marks}`], command)
  child.stdout.resume()
  let count = 0

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
      count += 1
      await write(`blob\nmark :${count}\ndata ${sizeBytes}\n`)
      let taken = 0
      for await (const chunk of content) {
        taken += chunk.length
        await write(chunk)
      }
      if (taken !== sizeBytes) throw new GitError('failed', `a file of ${sizeBytes} bytes had ${taken}`)
      await write('\n')
      return count
    },
    async finish() {
      child.stdin.end('done\n')
      await ended
      const names = new Map<number, string>()
      for (const [, number, name] of (await readFile(marks, 'latin1')).matchAll(/^:(\d+) ([0-9a-f]{40})$/gm)) {
        names.set(Number(number), name!)
      }
      return names
    },
    async dispose() {
      child.kill('SIGKILL')
      await ended.catch(() => {})
      await rm(dir, { recursive: true, force: true })
    },
  }
}
