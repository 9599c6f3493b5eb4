import { once } from 'node:events'
import { constants } from 'node:fs'
import { lstat, open, readdir, readlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pack, type Header, type Pack } from 'tar-stream'

const CHUNK_BYTES = 65_536

type EntryHeader = Partial<Header> & Pick<Header, 'name'>

/**
 * A tar of a folder without any `.git`, read by this process alone: links are written as links and never followed.
 * Sockets are left out. A file that changes while it is read is cut or filled up with zeros to the size that it had.
 * The stream fails when something cannot be read.
 */
export function packFolder(folder: string): Readable {
  const tar = pack()
  packBelow(tar, folder, '.').then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error as Error),
  )
  return Readable.from(tar as AsyncIterable<Buffer>, { objectMode: false })
}

async function packBelow(tar: Pack, folder: string, name: string): Promise<void> {
  const stat = await lstat(folder)
  await writeEntry(tar, {
    name: `${name}/`,
    type: 'directory',
    mode: stat.mode & 0o7777,
    mtime: stat.mtime,
  })
  const children = await readdir(folder, { encoding: 'buffer' })
  for (const child of children.map((bytes) => decodeName(bytes, folder)).sort()) {
    if (child !== '.git') await packOne(tar, join(folder, child), `${name}/${child}`)
  }
}

async function packOne(tar: Pack, path: string, name: string): Promise<void> {
  const stat = await lstat(path).catch(nullWhenAbsent)
  if (!stat || stat.isSocket()) return
  const header = { name, mode: stat.mode & 0o7777, mtime: stat.mtime }
  if (stat.isDirectory()) return packBelow(tar, path, name)
  if (stat.isSymbolicLink()) return writeEntry(tar, { ...header, type: 'symlink', linkname: await readlink(path) })
  if (stat.isFile()) return packFile(tar, path, header)
  const type = stat.isFIFO() ? 'fifo' : stat.isBlockDevice() ? 'block-device' : 'character-device'
  return writeEntry(tar, { ...header, type })
}

async function packFile(tar: Pack, path: string, header: EntryHeader): Promise<void> {
  // What was a file a moment ago may be a link or a pipe by now.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  await using file = await open(path, flags)
  const stat = await file.stat()
  if (!stat.isFile()) throw new Error(`${path} changed its kind while it was read; read the folder again`)
  await writeEntry(tar, { ...header, size: stat.size, type: 'file' }, (position) =>
    readChunk(file, position, stat.size),
  )
}

/** The bytes at a position, up to a size; zeros when the file ends before that. */
async function readChunk(file: FileHandle, position: number, size: number): Promise<Buffer> {
  const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - position))
  const { bytesRead } = await file.read(chunk, 0, chunk.length, position)
  return bytesRead === 0 ? chunk : chunk.subarray(0, bytesRead)
}

async function writeEntry(tar: Pack, header: EntryHeader, read?: (position: number) => Promise<Buffer>): Promise<void> {
  const { promise: written, resolve, reject } = Promise.withResolvers<undefined>()
  const entry = tar.entry(header, (error) => (error ? reject(error) : resolve(undefined)))
  // It is awaited below; a reader that goes away must not surface before that.
  written.catch(() => {})
  if (read) {
    for (let position = 0; position < (header.size ?? 0);) {
      const chunk = await read(position)
      position += chunk.length
      if (!entry.write(chunk)) await Promise.race([once(entry, 'drain'), written])
    }
    entry.end(null)
  }
  await written
}

function decodeName(bytes: Buffer, folder: string): string {
  const name = bytes.toString()
  if (Buffer.from(name).equals(bytes)) return name
  throw new Error(`a name in ${folder} is not UTF-8: ${JSON.stringify(bytes.toString('latin1'))}; rename it`)
}

function nullWhenAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}
