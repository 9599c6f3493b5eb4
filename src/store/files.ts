import { createHash, randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, readdir, rename, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { BlobRef } from '../formats/common.ts'
import { digestOf } from '../domain/digest.ts'
import { StoreError, type Store } from './port.ts'

const SEGMENT = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/

/**
 * A store in a local directory: `blobs/ab/<hex>` and `records/<key>.json`. Everything is written aside, synced, and
 * then renamed (blobs) or hard-linked (records) into place, so a reader never sees a part and the first record wins.
 */
export function createFileStore(options: { dir: string }): Store {
  const { dir } = options
  const asideDir = join(dir, 'aside')
  const made = new Set<string>()

  async function makeDir(path: string): Promise<void> {
    if (made.has(path)) return
    await mkdir(path, { recursive: true })
    made.add(path)
  }

  async function writeAside(content: Uint8Array | string | AsyncIterable<Uint8Array>): Promise<string> {
    await makeDir(asideDir)
    const path = join(asideDir, `${process.pid}.${randomBytes(8).toString('hex')}`)
    try {
      const file = await open(path, 'wx')
      try {
        await file.writeFile(content)
        await file.datasync()
      } finally {
        await file.close()
      }
    } catch (error) {
      await unlink(path).catch(() => {})
      throw explainWrite(error, dir)
    }
    return path
  }

  const blobPath = (ref: BlobRef) => {
    const hex = ref.slice('sha256:'.length)
    return join(dir, 'blobs', hex.slice(0, 2), hex)
  }
  const recordPath = (key: string) => join(dir, 'records', `${checkKey(key)}.json`)

  async function getRecord<T>(key: string): Promise<T | null> {
    const path = recordPath(key)
    const text = await readFile(path, 'utf8').catch(absentAsNull)
    if (text === null) return null
    try {
      return JSON.parse(text) as T
    } catch (cause) {
      throw new StoreError('corrupt', `record ${key} is not JSON; move ${path} away to go on without it`, { cause })
    }
  }

  async function moveBlob(aside: string, ref: BlobRef): Promise<BlobRef> {
    const path = blobPath(ref)
    await makeDir(dirname(path))
    await rename(aside, path)
    await syncDir(dirname(path))
    return ref
  }

  return {
    async putBlob(content) {
      const ref = digestOf(content)
      return (await exists(blobPath(ref))) ? ref : moveBlob(await writeAside(content), ref)
    },

    async putBlobStream(content) {
      const hash = createHash('sha256')
      const aside = await writeAside(hashed())
      return moveBlob(aside, `sha256:${hash.digest('hex')}`)

      async function* hashed(): AsyncGenerator<Uint8Array> {
        for await (const chunk of content) {
          hash.update(chunk)
          yield chunk
        }
      }
    },

    async getBlob(ref) {
      const content = await readFile(blobPath(ref)).catch(absentAsNull)
      if (content === null) throw new StoreError('missing', `blob ${ref} is not in the store ${dir}`)
      if (digestOf(content) !== ref)
        throw new StoreError('corrupt', `blob ${ref} in ${dir} has other content than its name says`)
      return content
    },

    async putRecord<T>(key: string, value: T) {
      const path = recordPath(key)
      const aside = await writeAside(JSON.stringify(value))
      try {
        await makeDir(dirname(path))
        await link(aside, path)
        await syncDir(dirname(path))
        return { isNew: true, value }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw explainWrite(error, dir)
      } finally {
        await unlink(aside).catch(() => {})
      }
      const stored = await getRecord<T>(key)
      if (stored === null) throw new StoreError('missing', `record ${key} vanished from ${dir} while it was read`)
      return { isNew: false, value: stored }
    },

    getRecord,

    async listRecords(prefix) {
      const root = join(dir, 'records', checkKey(prefix))
      const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(absentAsNull)
      const start = join(dir, 'records').length + 1
      return (entries ?? [])
        .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
        .map((entry) => join(entry.parentPath, entry.name).slice(start, -'.json'.length))
        .sort()
    },
  }
}

function checkKey(key: string): string {
  if (key.split('/').every((segment) => SEGMENT.test(segment))) return key
  throw new StoreError(
    'bad-key',
    `"${key}" is no record key: segments of letters, digits, ".", "_" and "-" joined by "/"`,
  )
}

function explainWrite(error: unknown, dir: string): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error
  return new StoreError('full', `no room left in the store ${dir}; free some and the work goes on`, { cause: error })
}

function absentAsNull(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
  throw error
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(absentAsNull)) !== null
}

async function syncDir(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
