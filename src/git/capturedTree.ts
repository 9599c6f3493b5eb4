import type { InitialTree } from './initialTree.ts'
import { foldersAbove } from './path.ts'
import type { Scratch } from './scratch.ts'
import { changeTree, makeTree, type TreeEntry } from './trees.ts'

/** A captured file: its mode and the name of its content. */
export interface CapturedFile {
  mode: string
  object: string
}

/**
 * The tree of captured files, made from the initial one by what changed. Submodules stay, unless a file is in their
 * place. Of two files that cannot both be, such as `a` and `a/b`, the later one stays.
 */
export async function buildCapturedTree(
  scratch: Scratch,
  initial: InitialTree,
  files: ReadonlyMap<string, CapturedFile>,
): Promise<string> {
  const kept = [...initial.submodules].filter((path) => !files.has(path)).map((path) => initial.entries.get(path)!)
  const entries: TreeEntry[] = [...files].map(([path, file]) => ({ path, ...file }))
  if (hasCollision([...kept, ...entries])) return makeTree(scratch, [...kept, ...entries])
  const keptPaths = new Set(kept.map(({ path }) => path))
  const deleted = [...initial.entries.keys()].filter((path) => !files.has(path) && !keptPaths.has(path))
  const changed = entries.filter(({ path, mode, object }) => {
    const before = initial.entries.get(path)
    return before?.object !== object || before.mode !== mode
  })
  return changeTree(scratch, initial.tree, { deleted, changed })
}

function hasCollision(entries: readonly TreeEntry[]): boolean {
  const folders = new Set(entries.flatMap(({ path }) => foldersAbove(path)))
  return entries.some(({ path }) => folders.has(path))
}
