import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { startBlobImport, type BlobImport } from './blobImport.ts'
import { createIgnoreRules } from './ignoreRules.ts'
import { comparePaths, foldersAbove } from './path.ts'
import { GitError, type LeftOut } from './port.ts'
import { inScratch, type Scratch } from './scratch.ts'
import { entryPath, readTar, type TarEntry } from './tarEntry.ts'
import { GITLINK_MODE, listTree, makeTree, type TreeEntry } from './trees.ts'

const LINK_MODE = '120000'

/** A captured file: its mode and its content, by object name or by its number in the import. */
interface Captured {
  mode: string
  content: { object: string } | { number: number }
}

/** What is known of the initial tree, for deciding what a path of the work tree means. */
interface Initial {
  entries: Map<string, TreeEntry>
  folders: Set<string>
  isIgnored: (path: string) => boolean
}

/**
 * The tree of an agent's work tree, from a tar of it whose names are relative to it. Contents go into objects one by
 * one; nothing is laid out as files and no name reaches a shell or an option. What is left out is named once: a whole
 * folder by its name and `/`. A tracked file that cannot be taken (too large and changed) stays as it was.
 */
export async function captureWorkTree(
  scratch: Scratch,
  tar: Readable,
  options: { initialTree: string; limitBytes: number },
): Promise<{ tree: string; leftOut: LeftOut[] }> {
  const initial = await readInitial(scratch, options.initialTree)
  const files = new Map<string, Captured>()
  const leftOut = new Map<string, LeftOut>()
  const blobs = await startBlobImport(scratch)
  try {
    for await (const entry of readTar(tar)) {
      const taken = await takeEntry(entry, { initial, files, blobs, limitBytes: options.limitBytes })
      if (taken.kind === 'nothing') continue
      if (taken.kind === 'left-out' || taken.leftOut) {
        const left = taken.kind === 'left-out' ? taken : taken.leftOut!
        leftOut.set(left.path, { path: left.path, reason: left.reason })
      }
      if (taken.kind === 'file') {
        // Set anew, so that of `a` and `a/b` the later one comes later.
        files.delete(taken.path)
        files.set(taken.path, taken.file)
      }
    }
    const names = await blobs.finish()
    const entries = [...files].map(([path, { mode, content }]) => ({
      path,
      mode,
      object: 'object' in content ? content.object : names.get(content.number)!,
    }))
    const tree = await makeTree(scratch, [...submodulesKept(initial, files), ...entries])
    return { tree, leftOut: [...leftOut.values()].sort((a, b) => comparePaths(a.path, b.path)) }
  } catch (cause) {
    if (cause instanceof GitError) throw cause
    throw new GitError(
      'failed',
      `the work tree of ${scratch.name} could not be captured: ${(cause as Error).message}`,
      { cause },
    )
  } finally {
    tar.destroy()
    await blobs.dispose()
  }
}

type Left = { path: string; reason: LeftOut['reason'] }
type Taken =
  | { kind: 'nothing' }
  | ({ kind: 'left-out' } & Left)
  | { kind: 'file'; path: string; file: Captured; leftOut: Left | null }

async function takeEntry(
  entry: TarEntry,
  context: { initial: Initial; files: ReadonlyMap<string, Captured>; blobs: BlobImport; limitBytes: number },
): Promise<Taken> {
  const { initial, files, blobs, limitBytes } = context
  const path = entryPath(entry.name)
  const leave = (reason: LeftOut['reason'], named = path): Taken => {
    entry.skipContent()
    return { kind: 'left-out', path: named ?? entry.name.toString('utf8'), reason }
  }
  const take = (file: Captured): Taken => ({ kind: 'file', path: path!, file, leftOut: null })

  if (path === null) return leave('special-file')
  const gitFolder = findGitFolder(path, entry.type === 'directory')
  if (gitFolder !== null) return leave('git-directory', gitFolder)
  if (path === '' || entry.type === 'directory') {
    entry.skipContent()
    return { kind: 'nothing' }
  }
  const tracked = initial.entries.get(path)
  if (!tracked && initial.isIgnored(path)) return leave('ignored', ignoredName(initial, path))

  switch (entry.type) {
    case 'symlink': {
      entry.skipContent()
      // No index takes a link of this name.
      if (/(^|\/)\.gitmodules$/i.test(path)) return leave('special-file')
      return take({ mode: LINK_MODE, content: { number: await blobs.add(entry.target.length, [entry.target]) } })
    }
    case 'link': {
      entry.skipContent()
      const shared = files.get(entryPath(entry.target) ?? '')
      if (shared) return take(shared)
      return stay(leave('special-file'), path, tracked)
    }
    case 'file': {
      const mode = entry.isExecutable ? '100755' : '100644'
      if (entry.sizeBytes <= limitBytes)
        return take({ mode, content: { number: await blobs.add(entry.sizeBytes, entry.content) } })
      if (tracked && (await blobName(entry)) === tracked.object)
        return take({ mode, content: { object: tracked.object } })
      return stay(leave('too-large'), path, tracked)
    }
    case 'other':
      return leave('special-file')
    default:
      return entry.type satisfies never
  }
}

/** A tracked path whose new content cannot be had keeps the old one: it is not deleted. */
function stay(left: Taken, path: string, tracked: TreeEntry | undefined): Taken {
  if (left.kind !== 'left-out' || !tracked || tracked.mode === GITLINK_MODE) return left
  const { mode, object } = tracked
  return { kind: 'file', path, file: { mode, content: { object } }, leftOut: left }
}

async function blobName(entry: TarEntry): Promise<string> {
  const hash = createHash('sha1').update(`blob ${entry.sizeBytes}\0`)
  for await (const chunk of entry.content) hash.update(chunk)
  return hash.digest('hex')
}

async function readInitial(scratch: Scratch, tree: string): Promise<Initial> {
  const list = await listTree(scratch, tree)
  const ignoreFiles = []
  for (const { path, mode, object } of list) {
    const [, folder] = /^(?:(.*)\/)?\.gitignore$/s.exec(path) ?? [null, null]
    if (folder === null || !mode.startsWith('100')) continue
    const { stdout } = await scratch.git.run(['cat-file', 'blob', object], inScratch(scratch))
    ignoreFiles.push({ folder: folder ?? '', text: stdout.toString('utf8') })
  }
  return {
    entries: new Map(list.map((entry) => [entry.path, entry])),
    folders: new Set(list.flatMap(({ path }) => foldersAbove(path))),
    isIgnored: createIgnoreRules(ignoreFiles),
  }
}

/** The name under which an ignored path is left out: that of the outermost ignored folder with nothing tracked in it. */
function ignoredName(initial: Initial, path: string): string {
  const folder = foldersAbove(path).find((above) => !initial.folders.has(above) && initial.isIgnored(`${above}/`))
  return folder === undefined ? path : `${folder}/`
}

/** The outermost part of a path that is named `.git`, in any case, with `/` when it is a folder; or null. */
function findGitFolder(path: string, isFolder: boolean): string | null {
  const parts = path.split('/')
  const index = parts.findIndex((part) => part.toLowerCase() === '.git')
  if (index < 0) return null
  return `${parts.slice(0, index + 1).join('/')}${isFolder || index < parts.length - 1 ? '/' : ''}`
}

/** Submodules are empty folders in a sandbox: they stay, unless the work tree has something in their place. */
function submodulesKept(initial: Initial, files: ReadonlyMap<string, Captured>): TreeEntry[] {
  const folders = new Set([...files.keys()].flatMap(foldersAbove))
  return [...initial.entries.values()].filter(
    ({ mode, path }) => mode === GITLINK_MODE && !files.has(path) && !folders.has(path),
  )
}
