import { pathFromBytes } from './path.ts'
import type { Conflict, ConflictSide } from './port.ts'
import { readBlobs } from './objectReader.ts'
import type { Scratch } from './scratch.ts'
import { GITLINK_MODE, listTree } from './trees.ts'

/** Whose side is whose between conflict markers: `ours` is what upstream has, `theirs` what takes base's place in it. */
export const LABELS = { ours: 'upstream', theirs: 'yours' } as const

/** How git names what it lays aside where a name collides: `path~upstream`, or `path~upstream_0` when that is taken. */
const LAID_ASIDE = /^(.+)~(upstream|yours)(_\d+)?$/s

/** How much of a file git looks at for telling text from bytes. */
const HEAD_BYTES = 8_000

type Sides = Pick<Conflict, 'base' | 'ours' | 'theirs'>

/**
 * Reads the conflicted entries that `git merge-tree -z` prints after the tree (mode, object, stage, path), in path
 * order. Where git has put merged content into a side, as it does for two renames to one name, the side's own is given.
 */
export async function readConflicts(
  scratch: Scratch,
  fields: readonly Buffer[],
  trees: { ours: string; theirs: string },
): Promise<Conflict[]> {
  const byPath = new Map<string, Sides>()
  for (const field of fields) {
    const tab = field.indexOf(9)
    const [mode = '', object = '', stage = ''] = field.subarray(0, tab).toString('latin1').split(' ')
    const path = pathFromBytes(field.subarray(tab + 1))
    const sides = byPath.get(path) ?? { base: null, ours: null, theirs: null }
    sides[stage === '1' ? 'base' : stage === '2' ? 'ours' : 'theirs'] = { mode, object }
    byPath.set(path, sides)
  }
  const own = { ours: await sidesOf(scratch, trees.ours), theirs: await sidesOf(scratch, trees.theirs) }
  for (const [path, sides] of byPath) {
    if (sides.base) continue
    for (const side of ['ours', 'theirs'] as const) sides[side] &&= own[side].get(path) ?? sides[side]
  }
  const isLaidAside = (path: string) => LAID_ASIDE.test(path) && !own.ours.has(path) && !own.theirs.has(path)
  const isBinary = await findBinary(scratch, [...byPath.values()])
  const conflicts = [...byPath].map(([path, sides]) => ({
    path,
    kind: isLaidAside(path) ? ('other' as const) : kindOf(sides, isBinary),
    ...sides,
  }))
  return conflicts.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/**
 * The path that a conflict is about: where something was laid aside, the name that it could not have. `isTaken` says
 * whether the merged tree has anything of a name.
 */
export function contestedPath(conflict: Conflict, isTaken: (path: string) => boolean): string {
  const [, path, label] = LAID_ASIDE.exec(conflict.path) ?? []
  if (path === undefined || conflict.kind !== 'other') return conflict.path
  const isOneSided = label === LABELS.ours ? conflict.theirs === null : conflict.ours === null
  return isOneSided && isTaken(path) ? path : conflict.path
}

/** Whether both sides can stand in one file between markers. */
export function isText({ kind }: Conflict): boolean {
  return kind === 'content' || kind === 'added-twice'
}

function kindOf({ base, ours, theirs }: Sides, isBinary: (object: string) => boolean): Conflict['kind'] {
  if (!ours && !theirs) return 'other'
  if (!ours) return base ? 'deleted-upstream' : 'other'
  if (!theirs) return base ? 'deleted-by-agent' : 'other'
  const present = [base, ours, theirs].filter((side) => side !== null)
  if (!present.every(isFile)) return 'other'
  if (present.some(({ object }) => isBinary(object))) return 'binary'
  return base ? 'content' : 'added-twice'
}

function isFile({ mode }: ConflictSide): boolean {
  return mode.startsWith('100')
}

async function sidesOf(scratch: Scratch, tree: string): Promise<Map<string, ConflictSide>> {
  return new Map((await listTree(scratch, tree)).map(({ path, mode, object }) => [path, { mode, object }]))
}

/** Which of the files are bytes and no text, by git's rule: a NUL near the beginning. */
async function findBinary(scratch: Scratch, sides: readonly Sides[]): Promise<(object: string) => boolean> {
  const objects = new Set(
    sides
      .flatMap(({ base, ours, theirs }) => [base, ours, theirs])
      .flatMap((side) => (side && side.mode !== GITLINK_MODE && isFile(side) ? [side.object] : [])),
  )
  const binary = new Set<string>()
  for await (const { object, content } of readBlobs(scratch, [...objects])) {
    let seen = 0
    for await (const chunk of content) {
      if (seen < HEAD_BYTES && chunk.subarray(0, HEAD_BYTES - seen).includes(0)) binary.add(object)
      seen += chunk.length
    }
  }
  return (object) => binary.has(object)
}
