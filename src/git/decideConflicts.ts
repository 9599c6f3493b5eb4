import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { withAside } from './aside.ts'
import { contestedPath, isText } from './conflicts.ts'
import { readBlobs } from './objectReader.ts'
import type { Conflict } from './port.ts'
import { inScratch, type Scratch } from './scratch.ts'
import { listTree, makeTree, type TreeEntry } from './trees.ts'

type Side = 'ours' | 'theirs'

/**
 * A conflict's tree with every conflict decided for one side. In text files the conflicting hunks are that side's and
 * all else is merged; another file is that side's whole, or gone where that side has none. Where a file met a folder,
 * the side's own stays. Nothing that git laid aside is left. The same tree each time.
 */
export async function decideConflicts(
  scratch: Scratch,
  merged: { tree: string; conflicts: readonly Conflict[] },
  side: Side,
): Promise<string> {
  const entries = new Map((await listTree(scratch, merged.tree)).map((entry) => [entry.path, entry]))
  const isTaken = (path: string) => entries.has(path) || [...entries.keys()].some((name) => name.startsWith(`${path}/`))
  const contested = merged.conflicts.map((conflict) => ({ conflict, path: contestedPath(conflict, isTaken) }))
  for (const { conflict } of contested) entries.delete(conflict.path)
  for (const { conflict, path } of contested) {
    const decided = await decideOne(scratch, { conflict, path, side })
    if (!decided) continue
    // What the other side has in the place of this side's file.
    for (const name of path === conflict.path ? [] : entries.keys())
      if (name === path || name.startsWith(`${path}/`)) entries.delete(name)
    entries.set(path, decided)
  }
  return makeTree(scratch, [...entries.values()])
}

async function decideOne(
  scratch: Scratch,
  { conflict, path, side }: { conflict: Conflict; path: string; side: Side },
): Promise<TreeEntry | null> {
  const chosen = conflict[side]
  const { base, ours, theirs } = conflict
  if (!chosen) return null
  if (!isText(conflict) || !ours || !theirs) return { path, ...chosen }
  const mode = base && chosen.mode === base.mode ? (side === 'ours' ? theirs : ours).mode : chosen.mode
  return { path, mode, object: await mergeText(scratch, [ours.object, base?.object ?? null, theirs.object], side) }
}

/** The object of a file whose conflicting hunks are one side's. */
async function mergeText(
  scratch: Scratch,
  [ours, base, theirs]: [string, string | null, string],
  side: Side,
): Promise<string> {
  return withAside(scratch.cacheDir, async (aside) => {
    const files = []
    for (const [index, object] of [ours, base, theirs].entries()) {
      const file = join(aside, `${index}`)
      await writeBlob(scratch, object, file)
      files.push(file)
    }
    const { stdout } = await scratch.git.run(['merge-file', '-p', '-q', `--${side}`, ...files], inScratch(scratch))
    const command = { ...inScratch(scratch), input: stdout }
    const written = await scratch.git.run(['hash-object', '-w', '--no-filters', '--stdin'], command)
    return written.stdout.toString('latin1').trim()
  })
}

async function writeBlob(scratch: Scratch, object: string | null, path: string): Promise<void> {
  const file = await open(path, 'w')
  try {
    for await (const { content } of readBlobs(scratch, object === null ? [] : [object]))
      for await (const chunk of content) await file.write(chunk)
  } finally {
    await file.close()
  }
}
