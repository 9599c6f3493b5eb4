import { pathFromBytes } from './path.ts'
import { GitError } from './port.ts'
import { describeObjects } from './objectReader.ts'
import { inScratch, type Scratch } from './scratch.ts'
import { findMissingObjects, GITLINK_MODE, type TreeEntry } from './trees.ts'

/** The mode of a folder's entry. */
export const FOLDER_MODE = '040000'

/**
 * Everything that a tree holds, folders before what is in them, in git's order. The tree itself is not among it. Throws
 * {@link GitError} `missing` when the mirror lacks a folder's tree.
 */
export async function listItems(scratch: Scratch, tree: string): Promise<TreeEntry[]> {
  const command = { ...inScratch(scratch), okCodes: [0, 1, 128] }
  const { code, stdout } = await scratch.git.run(['ls-tree', '-r', '-t', '-z', '--full-tree', tree], command)
  if (code !== 0) throw incomplete(scratch, tree, await findMissingObjects(scratch, tree))
  const items: TreeEntry[] = []
  for (let start = 0, end = stdout.indexOf(0); end >= 0; start = end + 1, end = stdout.indexOf(0, start)) {
    const tab = stdout.indexOf(9, start)
    const [mode = '', , object = ''] = stdout.toString('latin1', start, tab).split(' ')
    items.push({ mode, object, path: pathFromBytes(stdout.subarray(tab + 1, end)) })
  }
  return items
}

/** The names of a tree's objects, the tree's own last, each once. A submodule's commit is none of them. */
export function objectsOf(tree: string, items: readonly TreeEntry[]): string[] {
  const objects = items.flatMap(({ mode, object }) => (mode === GITLINK_MODE ? [] : [object]))
  return [...new Set([...objects, tree])]
}

/** Sizes of files and links by object. Throws {@link GitError} `missing` when the mirror lacks one of the objects. */
export async function sizesOf(
  scratch: Scratch,
  tree: string,
  objects: readonly string[],
): Promise<Map<string, number>> {
  const described = await describeObjects(scratch, objects)
  const missing = objects.filter((_, index) => described[index] === null)
  if (missing.length > 0) throw incomplete(scratch, tree, missing)
  return new Map(objects.map((object, index) => [object, described[index]!.sizeBytes]))
}

function incomplete(scratch: Scratch, tree: string, missing: readonly string[]): GitError {
  const which = `${missing.length} objects of tree ${tree}, such as ${missing[0] ?? tree}`
  return new GitError(
    'missing',
    `the mirror of ${scratch.name} at ${scratch.mirror.dir} is incomplete: it lacks ${which}`,
  )
}
