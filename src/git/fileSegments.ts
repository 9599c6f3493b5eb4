import { contentOf, readBlobs } from './objectReader.ts'
import { pathToBytes } from './path.ts'
import type { Scratch } from './scratch.ts'
import { tarHeader, tarPadding } from './tarHeader.ts'
import { FOLDER_MODE } from './treeItems.ts'
import { GITLINK_MODE, type TreeEntry } from './trees.ts'

/**
 * What a tar says of items, in their order, piece by piece with the item that each belongs to: folders, files by the
 * bytes that git holds, links as links, submodules as empty folders. `prefix` goes before every path.
 */
export async function* fileSegments(
  scratch: Scratch,
  items: readonly TreeEntry[],
  prefix: string,
): AsyncGenerator<{ item: TreeEntry; bytes: Buffer }> {
  const blobs = readBlobs(
    scratch,
    items.filter((item) => !isFolder(item)).map(({ object }) => object),
  )
  try {
    for (const item of items) {
      const name = pathToBytes(`${prefix}${item.path}`)
      if (isFolder(item)) {
        yield { item, bytes: tarHeader({ name, type: 'directory', mode: 0o755, sizeBytes: 0 }) }
        continue
      }
      const { value: blob } = await blobs.next()
      if (item.mode === '120000') {
        const target = await contentOf(blob!)
        yield { item, bytes: tarHeader({ name, type: 'symlink', mode: 0o777, sizeBytes: 0, target }) }
        continue
      }
      const { sizeBytes, content } = blob!
      const mode = item.mode === '100755' ? 0o755 : 0o644
      yield { item, bytes: tarHeader({ name, type: 'file', mode, sizeBytes }) }
      for await (const bytes of content) yield { item, bytes }
      yield { item, bytes: tarPadding(sizeBytes) }
    }
    // Only now is it known that git has ended well.
    await blobs.next()
  } finally {
    await blobs.return(undefined)
  }
}

function isFolder({ mode }: TreeEntry): boolean {
  return mode === FOLDER_MODE || mode === GITLINK_MODE
}
