import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { withAside } from './aside.ts'
import { pathFromBytes } from './path.ts'
import type { Conflict, ConflictSide } from './port.ts'
import { inScratch, type Scratch } from './scratch.ts'
import { listTree, makeTree, type TreeEntry } from './trees.ts'

const FILE_MODES = new Set(['100644', '100755'])

/** Reads the conflicted entries that `git merge-tree -z` prints after the tree: mode, object, stage, path. */
export async function readConflicts(scratch: Scratch, fields: readonly Buffer[]): Promise<Conflict[]> {
  const byPath = new Map<string, Partial<Record<'1' | '2' | '3', ConflictSide>>>()
  for (const field of fields) {
    const tab = field.indexOf(9)
    const [mode = '', object = '', stage = ''] = field.subarray(0, tab).toString('latin1').split(' ')
    const path = pathFromBytes(field.subarray(tab + 1))
    const sides = byPath.get(path) ?? {}
    sides[stage as '1' | '2' | '3'] = { mode, object }
    byPath.set(path, sides)
  }
  const conflicts: Conflict[] = []
  for (const [path, sides] of byPath) {
    const versions = { base: sides[1] ?? null, ours: sides[2] ?? null, theirs: sides[3] ?? null }
    conflicts.push({ path, kind: await kindOf(scratch, versions), ...versions })
  }
  return conflicts.sort((a, b) => (a.path < b.path ? -1 : 1))
}

async function kindOf(scratch: Scratch, sides: Pick<Conflict, 'base' | 'ours' | 'theirs'>): Promise<Conflict['kind']> {
  const { base, ours, theirs } = sides
  if (!ours && !theirs) return 'other'
  const present = [base, ours, theirs].filter((side) => side !== null)
  if (!present.every(({ mode }) => FILE_MODES.has(mode))) return 'other'
  if (!ours) return base ? 'deleted-upstream' : 'other'
  if (!theirs) return base ? 'deleted-by-agent' : 'other'
  if ((await isBinary(scratch, ours.object)) || (await isBinary(scratch, theirs.object))) return 'binary'
  return base ? 'content' : 'added-twice'
}

async function isBinary(scratch: Scratch, object: string): Promise<boolean> {
  const { stdout } = await scratch.git.run(['cat-file', 'blob', object], inScratch(scratch))
  return stdout.subarray(0, 8_000).includes(0)
}

/** A conflict's tree with every conflict decided for one side. */
export async function decideConflicts(
  scratch: Scratch,
  merged: { tree: string; conflicts: Conflict[] },
  side: 'ours' | 'theirs',
): Promise<string> {
  const entries = new Map((await listTree(scratch, merged.tree)).map((entry) => [entry.path, entry]))
  for (const { path } of [...entries.values()]) {
    // What git lays beside a path whose name collides.
    if (merged.conflicts.some((conflict) => path === `${conflict.path}~upstream` || path === `${conflict.path}~yours`))
      entries.delete(path)
  }
  for (const conflict of merged.conflicts) {
    const decided = await decideOne(scratch, conflict, side)
    entries.delete(conflict.path)
    if (decided) entries.set(conflict.path, decided)
  }
  return makeTree(scratch, [...entries.values()])
}

async function decideOne(scratch: Scratch, conflict: Conflict, side: 'ours' | 'theirs'): Promise<TreeEntry | null> {
  const { path, kind, base, ours, theirs } = conflict
  const chosen = conflict[side]
  if (!chosen) return null
  if ((kind !== 'content' && kind !== 'added-twice') || !ours || !theirs) return { path, ...chosen }
  return withAside(scratch.cacheDir, async (aside) => {
    for (const [name, version] of [
      ['ours', ours],
      ['base', base],
      ['theirs', theirs],
    ] as const) {
      const content = version
        ? (await scratch.git.run(['cat-file', 'blob', version.object], inScratch(scratch))).stdout
        : Buffer.alloc(0)
      await writeFile(join(aside, name), content)
    }
    const files = ['ours', 'base', 'theirs'].map((name) => join(aside, name))
    const { stdout } = await scratch.git.run(['merge-file', '-p', '-q', `--${side}`, ...files], inScratch(scratch))
    const written = await scratch.git.run(['hash-object', '-w', '--no-filters', '--stdin'], {
      ...inScratch(scratch),
      input: stdout,
    })
    return { path, mode: chosen.mode, object: written.stdout.toString('latin1').trim() }
  })
}
