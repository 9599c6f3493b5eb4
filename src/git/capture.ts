import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { startBlobImport, type BlobImport } from './blobImport.ts'
import { buildCapturedTree, type CapturedFile } from './capturedTree.ts'
import { isGitName } from './gitName.ts'
import { readInitialTree, type InitialTree } from './initialTree.ts'
import { findLeftover, isCoreDump, type WorkTreeSight } from './leftovers.ts'
import { comparePaths, foldersAbove } from './path.ts'
import { GitError, type LeftOut } from './port.ts'
import type { Scratch } from './scratch.ts'
import { entryPath, readTar, type TarEntry } from './tarEntry.ts'
import { GITLINK_MODE } from './trees.ts'

const LINK_MODE = '120000'
/** Files up to this size are compared with the initial tree's before git is given them. */
const COMPARED_BYTES = 4 * 1024 * 1024
/** More than any sandbox's disk has room for by default: files of holes take none, and all are read. */
const MOST_BYTES = 8 * 2 ** 30

/** One capture under way. */
interface Capturing {
  initial: InitialTree
  files: Map<string, CapturedFile>
  leftOut: Map<string, LeftOut>
  sight: WorkTreeSight
  limitBytes: number
  /** Contents that need not be given to git: the initial tree's, and those given already. */
  known: Set<string>
  /** Git's import of contents, started by the first that is new. */
  imports: () => Promise<BlobImport>
}

/**
 * The tree of an agent's work tree, from a tar of it whose names are relative to it. Contents go into objects one by
 * one; nothing is laid out as files and no name reaches a shell or an option. What is left out is named once: a whole
 * folder by its name and `/`. A tracked file that cannot be taken (too large and changed) stays as it was.
 *
 * A nested repository's files are taken as any others, without its `.git`. What lies in a submodule's folder is the
 * submodule's and left out, as git does.
 */
export async function captureWorkTree(
  scratch: Scratch,
  tar: Readable,
  options: { initialTree: string; limitBytes: number; mostBytes?: number | undefined },
): Promise<{ tree: string; leftOut: LeftOut[] }> {
  let importing: Promise<BlobImport> | null = null
  try {
    const initial = await readInitialTree(scratch, options.initialTree)
    const files = new Map<string, CapturedFile>()
    const capturing: Capturing = {
      initial,
      files,
      leftOut: new Map(),
      sight: {
        isTrackedFolder: (folder) => initial.folders.has(folder),
        hasFile: (path) => initial.entries.has(path) || files.has(path),
      },
      limitBytes: options.limitBytes,
      known: new Set(initial.objects),
      imports: () => (importing ??= startBlobImport(scratch)),
    }
    const { mostBytes = MOST_BYTES } = options
    let sizeBytes = 0
    for await (const entry of readTar(tar)) {
      sizeBytes += entry.sizeBytes
      if (sizeBytes > mostBytes) {
        const most = `${mostBytes / 2 ** 20} MiB, holes in sparse files counted`
        throw new GitError('failed', `the work tree of ${scratch.name} holds more than ${most}; it is not captured`)
      }
      await takeEntry(entry, capturing)
    }
    await (await (importing as Promise<BlobImport> | null))?.finish()
    leaveOutLeftovers(capturing)
    const tree = await buildCapturedTree(scratch, initial, files)
    const leftOut = [...capturing.leftOut.values()].sort((a, b) => comparePaths(a.path, b.path))
    return { tree, leftOut }
  } catch (cause) {
    if (cause instanceof GitError) throw cause
    const said = (cause as Error).message
    throw new GitError('failed', `the work tree of ${scratch.name} could not be captured: ${said}`, { cause })
  } finally {
    tar.destroy()
    await (await (importing as Promise<BlobImport> | null)?.catch(() => null))?.dispose()
  }
}

async function takeEntry(entry: TarEntry, capturing: Capturing): Promise<void> {
  const { initial, files, limitBytes } = capturing
  const path = entryPath(entry.name)
  const leave = (reason: LeftOut['reason'], named: string) => {
    entry.skipContent()
    capturing.leftOut.set(named, { path: named, reason })
  }
  /** What a tracked path becomes whose new content cannot be had: it stays, and is not deleted. */
  const stay = (reason: LeftOut['reason']) => {
    leave(reason, path!)
    if (tracked && tracked.mode !== GITLINK_MODE) put(path!, { mode: tracked.mode, object: tracked.object })
  }
  const put = (at: string, file: CapturedFile) => {
    // Set anew, so that of `a` and `a/b` the later one comes later.
    files.delete(at)
    files.set(at, file)
  }

  if (path === null) return leave('special-file', entry.name.toString('utf8'))
  const tracked = initial.entries.get(path)
  const gitFolder = findGitFolder(path, { isFolder: entry.type === 'directory', isTracked: tracked !== undefined })
  if (gitFolder !== null) return leave('git-directory', gitFolder)
  if (path === '' || entry.type === 'directory') return entry.skipContent()
  if (!tracked) {
    const left = findUntracked(path, capturing)
    if (left) return leave(left.reason, left.path)
  }

  switch (entry.type) {
    case 'symlink': {
      entry.skipContent()
      // No index takes a link of this name.
      if (/(^|\/)\.gitmodules$/i.test(path)) return leave('special-file', path)
      return put(path, { mode: LINK_MODE, object: await takeBytes(capturing, entry.target) })
    }
    case 'link': {
      entry.skipContent()
      const shared = files.get(entryPath(entry.target) ?? '')
      return shared ? put(path, shared) : stay('special-file')
    }
    case 'file': {
      const mode = entry.isExecutable ? '100755' : '100644'
      if (entry.sizeBytes > limitBytes) {
        if (!tracked || (await hashOf(entry)) !== tracked.object) return stay('too-large')
        return put(path, { mode, object: tracked.object })
      }
      const object = await takeContent(capturing, entry, (head) => !tracked && isCoreDump(path, head))
      return object === null ? leave('junk', path) : put(path, { mode, object })
    }
    case 'other':
      return leave('special-file', path)
    default:
      return entry.type satisfies never
  }
}

/** Why an untracked path is left out, or null. */
function findUntracked(path: string, { initial, sight }: Capturing): LeftOut | null {
  const submodule = initial.submodules.size > 0 && foldersAbove(path).find((above) => initial.submodules.has(above))
  if (submodule) return { path: `${submodule}/`, reason: 'submodule' }
  if (initial.isIgnored(path)) return { path: ignoredName(initial, path), reason: 'ignored' }
  return findLeftover(path, sight)
}

/** What shows itself as a leftover only by a file that came later. */
function leaveOutLeftovers({ initial, files, leftOut, sight }: Capturing): void {
  for (const path of files.keys()) {
    const left = initial.entries.has(path) ? null : findLeftover(path, sight)
    if (!left) continue
    files.delete(path)
    leftOut.set(left.path, left)
  }
}

/** The name of a file's content, which git is given if it is new; null, and nothing given, for what `isUnwanted`. */
async function takeContent(
  capturing: Capturing,
  entry: TarEntry,
  isUnwanted: (head: Buffer) => boolean,
): Promise<string | null> {
  const chunks: Buffer[] = []
  if (entry.sizeBytes <= COMPARED_BYTES) {
    for await (const chunk of entry.content) chunks.push(chunk)
    const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    return isUnwanted(bytes) ? null : takeBytes(capturing, bytes)
  }
  const hash = createHash('sha1').update(`blob ${entry.sizeBytes}\0`)
  const content = entry.content[Symbol.asyncIterator]()
  const first = await content.next()
  const isLeft = !first.done && isUnwanted(first.value)
  const rest = async function* (): AsyncGenerator<Buffer> {
    for (let next = first; !next.done; next = await content.next()) {
      hash.update(next.value)
      yield next.value
    }
  }
  if (isLeft) for await (const _ of rest());
  else await (await capturing.imports()).add(entry.sizeBytes, rest())
  return isLeft ? null : hash.digest('hex')
}

async function takeBytes(capturing: Capturing, bytes: Buffer): Promise<string> {
  const object = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
  if (!capturing.known.has(object)) {
    await (await capturing.imports()).add(bytes.length, [bytes])
    capturing.known.add(object)
  }
  return object
}

async function hashOf(entry: TarEntry): Promise<string> {
  const hash = createHash('sha1').update(`blob ${entry.sizeBytes}\0`)
  for await (const chunk of entry.content) hash.update(chunk)
  return hash.digest('hex')
}

/** The name under which an ignored path is left out: that of the outermost ignored folder with nothing tracked in it. */
function ignoredName(initial: InitialTree, path: string): string {
  const folder = foldersAbove(path).find((above) => !initial.folders.has(above) && initial.isIgnored(`${above}/`))
  return folder === undefined ? path : `${folder}/`
}

/**
 * The outermost part of a path that git, or a git elsewhere, takes for its own folder, with `/` when it is a folder; or
 * null. A tracked path is one only by the name `.git` itself.
 */
function findGitFolder(
  path: string,
  { isFolder, isTracked }: { isFolder: boolean; isTracked: boolean },
): string | null {
  if (/^[\x20-\x7e]*$/.test(path) && !/git/i.test(path)) return null
  const parts = path.split('/')
  const index = parts.findIndex((part) => (isTracked ? part.toLowerCase() === '.git' : isGitName(part)))
  if (index < 0) return null
  return `${parts.slice(0, index + 1).join('/')}${isFolder || index < parts.length - 1 ? '/' : ''}`
}
