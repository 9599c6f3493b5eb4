import { createIgnoreRules } from './ignoreRules.ts'
import { contentOf, readBlobs } from './objectReader.ts'
import { foldersAbove } from './path.ts'
import { treeOf, type Scratch } from './scratch.ts'
import { GITLINK_MODE, listTree, type TreeEntry } from './trees.ts'

/** What is known of S_init's tree, for deciding what a path of the work tree means. */
export interface InitialTree {
  tree: string
  entries: ReadonlyMap<string, TreeEntry>
  folders: ReadonlySet<string>
  /** Names of its files' contents. */
  objects: ReadonlySet<string>
  submodules: ReadonlySet<string>
  /** Whether its `.gitignore` files ignore an untracked path, a folder's ending with `/`. */
  isIgnored: (path: string) => boolean
}

/** Reads a tree or commit as the initial tree of a capture. */
export async function readInitialTree(scratch: Scratch, object: string): Promise<InitialTree> {
  const tree = await treeOf(scratch, object)
  const list = await listTree(scratch, tree)
  const ignoreFiles = list.flatMap(({ path, mode, object: blob }) => {
    const match = /^(?:(.*)\/)?\.gitignore$/s.exec(path)
    return match && mode.startsWith('100') ? [{ folder: match[1] ?? '', blob }] : []
  })
  const rules = []
  const blobs = readBlobs(
    scratch,
    ignoreFiles.map(({ blob }) => blob),
  )
  for await (const blob of blobs)
    rules.push({ folder: ignoreFiles[rules.length]!.folder, text: (await contentOf(blob)).toString('utf8') })
  return {
    tree,
    entries: new Map(list.map((entry) => [entry.path, entry])),
    folders: new Set(list.flatMap(({ path }) => foldersAbove(path))),
    objects: new Set(list.map((entry) => entry.object)),
    submodules: new Set(list.flatMap(({ path, mode }) => (mode === GITLINK_MODE ? [path] : []))),
    isIgnored: createIgnoreRules(rules),
  }
}
