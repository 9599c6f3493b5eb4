import { createHash } from 'node:crypto'
import { pathToBytes } from './path.ts'
import { MTIME_SECONDS } from './tarHeader.ts'
import { FOLDER_MODE } from './treeItems.ts'
import type { TreeEntry } from './trees.ts'

const FIXED_BYTES = 62
const LONGEST_NAME_IN_FLAGS = 0xfff

/**
 * An index (version 2) of a tree, with the names of its folders' trees, so that git need not read the tree, and with
 * date and size of each file that is laid as the tree has it, so that git need not read the files. `items` are those
 * of the tree in git's order; `sizeOf` gives null for a file that is not laid so.
 */
export function makeIndex(
  tree: string,
  items: readonly TreeEntry[],
  sizeOf: (item: TreeEntry) => number | null,
): Buffer {
  const files = items.filter(({ mode }) => mode !== FOLDER_MODE)
  const head = Buffer.alloc(12)
  head.write('DIRC')
  head.writeUInt32BE(2, 4)
  head.writeUInt32BE(files.length, 8)
  const content = Buffer.concat([head, ...files.map((item) => entryOf(item, sizeOf(item))), ...treesOf(tree, items)])
  return Buffer.concat([content, createHash('sha1').update(content).digest()])
}

function entryOf({ path, mode, object }: TreeEntry, sizeBytes: number | null): Buffer {
  const name = pathToBytes(path)
  const entry = Buffer.alloc((FIXED_BYTES + name.length + 8) & ~7)
  if (sizeBytes !== null) {
    entry.writeUInt32BE(MTIME_SECONDS, 8)
    // Git keeps the size's lower 32 bits.
    entry.writeUInt32BE(sizeBytes % 2 ** 32, 36)
  }
  entry.writeUInt32BE(Number.parseInt(mode, 8), 24)
  entry.write(object, 40, 'hex')
  entry.writeUInt16BE(Math.min(name.length, LONGEST_NAME_IN_FLAGS), 60)
  name.copy(entry, FIXED_BYTES)
  return entry
}

/** The index's extension that names the trees of folders; none where an index cannot tell a folder that has no file. */
function treesOf(tree: string, items: readonly TreeEntry[]): Buffer[] {
  interface Folder {
    name: Buffer
    object: string
    files: number
    folders: Folder[]
  }
  const root: Folder = { name: Buffer.alloc(0), object: tree, files: 0, folders: [] }
  const byPath = new Map([['', root]])
  for (const { path, mode, object } of items) {
    const above = path.slice(0, Math.max(path.lastIndexOf('/'), 0))
    if (mode === FOLDER_MODE) {
      const name = pathToBytes(above === '' ? path : path.slice(above.length + 1))
      const folder: Folder = { name, object, files: 0, folders: [] }
      byPath.get(above)!.folders.push(folder)
      byPath.set(path, folder)
      continue
    }
    for (let at = above; ; at = at.slice(0, Math.max(at.lastIndexOf('/'), 0))) {
      byPath.get(at)!.files += 1
      if (at === '') break
    }
  }
  if ([...byPath.values()].some(({ files }) => files === 0)) return []
  const lines: Buffer[] = []
  const write = ({ name, object, files, folders }: Folder) => {
    lines.push(name, Buffer.from(`\0${files} ${folders.length}\n`, 'latin1'), Buffer.from(object, 'hex'))
    folders.forEach(write)
  }
  write(root)
  const content = Buffer.concat(lines)
  const head = Buffer.alloc(8)
  head.write('TREE')
  head.writeUInt32BE(content.length, 4)
  return [head, content]
}
