import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createByteReader } from './byteReader.ts'
import { makeFreshRepository } from './freshRepository.ts'
import { foldersAbove, pathToBytes } from './path.ts'
import { GitError, type GitRepository } from './port.ts'
import { inScratch, treeOf, type Scratch } from './scratch.ts'
import { tarEnd, tarHeader, tarPadding } from './tarHeader.ts'
import { GITLINK_MODE, listTree, type TreeEntry } from './trees.ts'

/**
 * A tar of a tree's files, their bytes as git holds them, and a `.git` with this one state. The same bytes each time
 * while the cache lasts. Throws {@link GitError} `missing` when the mirror is incomplete.
 */
export async function exportWorkTree(
  scratch: Scratch,
  object: string,
  options: { workTree?: string; submodules?: { path: string; repository: GitRepository; tree: string }[] } = {},
): Promise<Readable> {
  const tree = await treeOf(scratch, object)
  const gitDir = await makeFreshRepository(scratch, tree)
  const laid = options.workTree === undefined ? tree : await treeOf(scratch, options.workTree)
  return Readable.from(archive(scratch, await listTree(scratch, laid), gitDir), { objectMode: false })
}

/** A tar of a tree's files alone. */
export async function exportTreeFiles(scratch: Scratch, object: string): Promise<Readable> {
  const entries = await listTree(scratch, await treeOf(scratch, object))
  return Readable.from(
    (async function* () {
      yield* archiveFiles(scratch, entries)
      yield tarEnd()
    })(),
    { objectMode: false },
  )
}

async function* archive(scratch: Scratch, entries: readonly TreeEntry[], gitDir: string): AsyncGenerator<Buffer> {
  yield* archiveFiles(scratch, entries)
  yield folderHeader('.git')
  const found = await readdir(gitDir, { recursive: true, withFileTypes: true })
  const paths = found.map((entry) => ({ path: join(entry.parentPath, entry.name), isFolder: entry.isDirectory() }))
  for (const { path, isFolder } of paths.sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const name = `.git${path.slice(gitDir.length)}`
    if (isFolder) yield folderHeader(name)
    else yield* archiveFile(name, path)
  }
  yield tarEnd()
}

async function* archiveFiles(scratch: Scratch, entries: readonly TreeEntry[]): AsyncGenerator<Buffer> {
  const { child, ended } = scratch.git.start(['cat-file', '--batch'], inScratch(scratch))
  try {
    child.stdin.end(
      entries
        .filter(({ mode }) => mode !== GITLINK_MODE)
        .map(({ object }) => `${object}\n`)
        .join(''),
    )
    const reader = createByteReader(child.stdout)
    const made = new Set<string>()
    for (const { path, mode, object } of entries) {
      for (const folder of mode === GITLINK_MODE ? [...foldersAbove(path), path] : foldersAbove(path)) {
        if (made.has(folder)) continue
        made.add(folder)
        yield folderHeader(folder)
      }
      if (mode === GITLINK_MODE) continue
      const head = (await reader.line())?.toString('latin1') ?? ''
      const [, size] = /^[0-9a-f]{40} blob (\d+)$/.exec(head) ?? []
      if (size === undefined)
        throw new GitError('missing', `object ${object} (${path}) of ${scratch.name} cannot be read: ${head}`)
      yield* archiveBlob({ name: pathToBytes(path), mode, sizeBytes: Number(size) }, reader.bytes(Number(size)))
      await reader.line()
    }
    await ended
  } finally {
    child.kill('SIGKILL')
  }
}

async function* archiveBlob(
  entry: { name: Buffer; mode: string; sizeBytes: number },
  content: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const { name, mode, sizeBytes } = entry
  if (mode === '120000') {
    const chunks: Buffer[] = []
    for await (const chunk of content) chunks.push(chunk)
    yield tarHeader({ name, type: 'symlink', mode: 0o777, sizeBytes: 0, target: Buffer.concat(chunks) })
    return
  }
  yield tarHeader({ name, type: 'file', mode: mode === '100755' ? 0o755 : 0o644, sizeBytes })
  yield* content
  yield tarPadding(sizeBytes)
}

async function* archiveFile(name: string, path: string): AsyncGenerator<Buffer> {
  const file = await open(path, 'r')
  try {
    const sizeBytes = (await file.stat()).size
    yield tarHeader({ name: Buffer.from(name), type: 'file', mode: 0o644, sizeBytes })
    yield* file.createReadStream({ autoClose: false })
    yield tarPadding(sizeBytes)
  } finally {
    await file.close()
  }
}

function folderHeader(path: string): Buffer {
  return tarHeader({ name: pathToBytes(path), type: 'directory', mode: 0o755, sizeBytes: 0 })
}
