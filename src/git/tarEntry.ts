import { extract, type Extract, type Header } from 'tar-stream'
import { pathFromBytes } from './path.ts'

const END_BYTES = 1024
/** Names are bytes, which latin1 keeps as one character each. The library's types lack these options. */
const OPTIONS: object = { filenameEncoding: 'latin1', allowUnknownFormat: true }

type Source = Extract extends AsyncIterable<infer Entry> ? Entry : never

/** One entry of an archive. Its content must be read, or {@link skipContent skipped}, before the next one comes. */
export interface TarEntry {
  type: 'file' | 'directory' | 'symlink' | 'link' | 'other'
  /** As the archive has it. */
  name: Buffer
  /** A symbolic link's target, or the name of the entry whose content a hard link shares. */
  target: Buffer
  isExecutable: boolean
  sizeBytes: number
  content: AsyncIterable<Buffer>
  skipContent(): void
}

/** The entries of a tar stream. Throws when it is no tar or ends early, even between two entries. */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const archive = extract(OPTIONS)
  const fed = feed(source, archive)
  // What fails in feeding reaches the loop through the archive.
  fed.catch((error: unknown) => archive.destroy(error as Error))
  for await (const entry of archive) yield describe(entry)
  await fed
}

/** A path within the archived folder, or null for a name that is absolute or leads out of it. `''` is the folder itself. */
export function entryPath(name: Buffer): string | null {
  const text = pathFromBytes(name)
  const parts = text.split('/').filter((part) => part !== '' && part !== '.')
  return text.startsWith('/') || parts.includes('..') ? null : parts.join('/')
}

async function feed(source: AsyncIterable<Buffer>, archive: Extract): Promise<void> {
  let tail: Buffer = Buffer.alloc(0)
  for await (const chunk of source) {
    tail = Buffer.concat([tail, chunk.subarray(-END_BYTES)]).subarray(-END_BYTES)
    if (archive.destroying) return
    if (archive.write(chunk)) continue
    await new Promise<void>((resolve) => {
      const goOn = () => {
        archive.off('drain', goOn)
        archive.off('close', goOn)
        resolve()
      }
      archive.on('drain', goOn)
      archive.on('close', goOn)
    })
  }
  if (tail.length < END_BYTES || tail.some((byte) => byte !== 0)) throw new Error('the archive ends early')
  archive.end(null)
}

function describe(entry: Source): TarEntry {
  const { header } = entry
  const pax = (header.pax ?? {}) as { path?: string; linkpath?: string }
  return {
    type: typeOf(header.type),
    name: bytesOf(header.name, pax.path),
    target: bytesOf(header.linkname ?? '', pax.linkpath),
    isExecutable: (header.mode & 0o100) !== 0,
    sizeBytes: header.size,
    content: entry as unknown as AsyncIterable<Buffer>,
    skipContent: () => entry.resume(),
  }
}

/** Pax names are UTF-8, which the library has read as such; all others are bytes. */
function bytesOf(name: string, paxName: string | undefined): Buffer {
  return paxName === undefined || paxName === '' ? Buffer.from(name, 'latin1') : Buffer.from(paxName, 'utf8')
}

function typeOf(type: Header['type'] | null): TarEntry['type'] {
  switch (type) {
    case 'file':
    case 'contiguous-file':
      return 'file'
    case 'directory':
    case 'symlink':
    case 'link':
      return type
    default:
      return 'other'
  }
}
