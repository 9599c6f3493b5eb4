import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { withAside } from './aside.ts'
import { findBase, itemKey, makeBase, type Base, type Laid } from './base.ts'
import { fileSegments } from './fileSegments.ts'
import { freshRepositoryFiles } from './freshRepository.ts'
import { makeIndex } from './gitIndex.ts'
import { pathToBytes } from './path.ts'
import { GitError } from './port.ts'
import { treeOf, type Scratch } from './scratch.ts'
import { MTIME_SECONDS, tarEnd, tarHeader, tarPadding } from './tarHeader.ts'
import { listItems, objectsOf, sizesOf } from './treeItems.ts'
import { makePack } from './treePack.ts'
import { GITLINK_MODE } from './trees.ts'

const READ_BYTES = 1024 * 1024

/** Files of another repository's tree, for a submodule's folder. */
export interface LaidSubmodule {
  path: string
  scratch: Scratch
  tree: string
}

/**
 * A tar of a tree's files, their bytes as git holds them, and a `.git` with this one state, its pack and its files
 * copied from a base in the cache as far as that has them. The same bytes each time while the cache lasts. Throws
 * {@link GitError} `missing` when the mirror is incomplete.
 */
export async function exportWorkTree(
  scratch: Scratch,
  object: string,
  options: { workTree?: string | undefined; submodules?: readonly LaidSubmodule[] } = {},
): Promise<Readable> {
  const committed = await openLaid(scratch, object)
  const laid = options.workTree === undefined ? committed : await openLaid(scratch, options.workTree)
  const base = (await findBase(scratch, committed, true)) ?? (await makeBase(scratch, committed, true))
  const objects = objectsOf(committed.tree, committed.items)
  const fresh = objects.filter((name) => !base.sizes.has(name))
  const sizes = await sizesOf(scratch, committed.tree, fresh)
  if (laid !== committed) {
    const more = objectsOf(laid.tree, laid.items).filter((name) => !base.sizes.has(name) && !sizes.has(name))
    await sizesOf(scratch, laid.tree, more)
  }
  const layings = [{ scratch, base, laid }, ...(await openSubmodules(laid, options.submodules ?? []))]
  const index = indexOf(committed, laid, (name) => base.sizes.get(name) ?? sizes.get(name) ?? null)
  const known = objects.filter((name) => base.sizes.has(name))
  return Readable.from(archive(scratch, { committed, base, objects: [...known, ...fresh], layings, index }), {
    objectMode: false,
  })
}

/** A tar of a tree's files alone, from a base in the cache where one is near. */
export async function exportTreeFiles(scratch: Scratch, object: string): Promise<Readable> {
  const laid = await openLaid(scratch, object)
  const base = await findBase(scratch, laid, true)
  const files = async function* () {
    yield* layFiles({ scratch, base, laid })
    yield tarEnd()
  }
  return Readable.from(files(), { objectMode: false })
}

async function openLaid(scratch: Scratch, object: string, prefix = ''): Promise<Laid> {
  const tree = await treeOf(scratch, object)
  return { tree, items: await listItems(scratch, tree), prefix }
}

interface Laying {
  scratch: Scratch
  base: Base | null
  laid: Laid
}

async function openSubmodules(laid: Laid, submodules: readonly LaidSubmodule[]): Promise<Laying[]> {
  const layings = []
  for (const { path, scratch, tree } of submodules) {
    if (!laid.items.some((item) => item.path === path && item.mode === GITLINK_MODE))
      throw new GitError('failed', `tree ${laid.tree} has no submodule at ${path} to lay files of ${scratch.name} in`)
    const inner = await openLaid(scratch, tree, `${path}/`)
    const base = (await findBase(scratch, inner, false)) ?? (await makeBase(scratch, inner, false))
    layings.push({ scratch, base, laid: inner })
  }
  return layings
}

/** The index of the committed tree; a file that is laid otherwise is marked as one to look at. */
function indexOf(committed: Laid, laid: Laid, sizeOf: (object: string) => number | null): Buffer {
  const isLaid = new Set(laid === committed ? [] : laid.items.map((item) => itemKey(item, '')))
  return makeIndex(committed.tree, committed.items, (item) => {
    if (item.mode === GITLINK_MODE) return null
    return laid === committed || isLaid.has(itemKey(item, '')) ? sizeOf(item.object) : null
  })
}

async function* archive(
  scratch: Scratch,
  made: { committed: Laid; base: Base; objects: readonly string[]; layings: readonly Laying[]; index: Buffer },
): AsyncGenerator<Buffer> {
  const { committed, base, objects, layings, index } = made
  const pack = openPack(scratch, { tree: committed.tree, base, objects })
  pack.catch(() => {})
  try {
    for (const laying of layings) yield* layFiles(laying)
    yield header('.git', 'directory')
    for (const { path, content } of freshRepositoryFiles(committed.tree)) {
      if (content === null) yield header(`.git/${path}`, 'directory')
      else yield* [header(`.git/${path}`, 'file', content.length), content, tarPadding(content.length)]
    }
    const { name, pack: packFile, idx } = await pack
    yield* archiveFile(`.git/objects/pack/${name}.idx`, idx)
    yield* archiveFile(`.git/objects/pack/${name}.pack`, packFile)
    // Later than the files, or git would take each of them for one changed in the moment that the index was written.
    yield header('.git/index', 'file', index.length, MTIME_SECONDS + 1)
    yield* [index, tarPadding(index.length)]
    yield tarEnd()
  } finally {
    const opened = await pack.catch(() => null)
    await opened?.pack.close()
    await opened?.idx.close()
  }
}

interface OpenPack {
  name: string
  pack: FileHandle
  idx: FileHandle
}

/** The pack of exactly these objects, open: the base's own, or one made from it, whose files have no name any more. */
async function openPack(
  scratch: Scratch,
  { tree, base, objects }: { tree: string; base: Base; objects: readonly string[] },
): Promise<OpenPack> {
  const from = base.pack!
  if (base.tree === tree) return openBoth(from.objectsDir, from.name)
  return withAside(scratch.cacheDir, async (objectsDir) =>
    openBoth(objectsDir, await makePack(scratch, { objects, objectsDir, from })),
  )
}

async function openBoth(objectsDir: string, name: string): Promise<OpenPack> {
  const pack = await open(join(objectsDir, 'pack', `${name}.pack`))
  try {
    return { name, pack, idx: await open(join(objectsDir, 'pack', `${name}.idx`)) }
  } catch (error) {
    await pack.close()
    throw error
  }
}

/** Runs of items that the base's tar has one after the other are copied as one; the others are read from git. */
async function* layFiles({ scratch, base, laid }: Laying): AsyncGenerator<Buffer> {
  const segments = laid.items.map((item) => base?.segments.get(itemKey(item, laid.prefix)))
  const others = fileSegments(
    scratch,
    laid.items.filter((_, index) => !segments[index]),
    laid.prefix,
  )
  const tar = base ? await open(base.tarFile) : null
  try {
    let run = { offset: 0, sizeBytes: 0 }
    let held = await others.next()
    for (const [index, item] of laid.items.entries()) {
      const segment = segments[index]
      if (segment && run.offset + run.sizeBytes === segment.offset) {
        run.sizeBytes += segment.sizeBytes
        continue
      }
      if (run.sizeBytes > 0) yield* readRange(tar!, run)
      run = segment ? { ...segment } : { offset: 0, sizeBytes: 0 }
      if (segment) continue
      for (; !held.done && held.value.item === item; held = await others.next()) yield held.value.bytes
    }
    if (run.sizeBytes > 0) yield* readRange(tar!, run)
  } finally {
    await others.return(undefined)
    await tar?.close()
  }
}

async function* archiveFile(name: string, file: FileHandle): AsyncGenerator<Buffer> {
  const sizeBytes = (await file.stat()).size
  yield header(name, 'file', sizeBytes)
  yield* readRange(file, { offset: 0, sizeBytes })
  yield tarPadding(sizeBytes)
}

async function* readRange(file: FileHandle, range: { offset: number; sizeBytes: number }): AsyncGenerator<Buffer> {
  for (let { offset, sizeBytes } = range; sizeBytes > 0;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(sizeBytes, READ_BYTES)), {
      position: offset,
    })
    if (bytesRead === 0) throw new Error(`a file of the cache ended ${sizeBytes} bytes early`)
    yield buffer.subarray(0, bytesRead)
    offset += bytesRead
    sizeBytes -= bytesRead
  }
}

function header(path: string, type: 'file' | 'directory', sizeBytes = 0, mtimeSeconds = MTIME_SECONDS): Buffer {
  return tarHeader({ name: pathToBytes(path), type, mode: type === 'file' ? 0o644 : 0o755, sizeBytes, mtimeSeconds })
}
