import { pathOf, type FilePatch, type Hunk } from './gitPatch.ts'
import { normaliseLine, tokensOf } from './language.ts'
import { renameWords } from './symbols.ts'

const ENOUGH = 0.8
const ALIKE = 0.75

/** The changed lines of one file in a patch, each with how often it is still to be had. */
export interface LinePool {
  added: Map<string, number>
  removed: Map<string, number>
}

/** The lines of weight that a hunk adds and removes, in the form in which they are compared. */
export interface WantedLines {
  added: string[]
  removed: string[]
}

/** How a hunk fares against a pool. `altered`: it is there and says something else. */
export type HunkState = 'covered' | 'missing' | 'altered'

/** The changed lines of a patch by path; a renamed file's lines stand under both of its paths. */
export function createPools(files: readonly FilePatch[]): Map<string, LinePool> {
  const pools = new Map<string, LinePool>()
  for (const file of files) {
    for (const path of new Set([file.oldPath, file.newPath])) {
      if (path === null) continue
      const pool = pools.get(path) ?? { added: new Map(), removed: new Map() }
      pools.set(path, pool)
      for (const { mark, text } of file.hunks.flatMap((hunk) => hunk.lines)) {
        const line = mark === ' ' ? '' : comparable(path, text)
        const lines = mark === '+' ? pool.added : pool.removed
        if (line !== '') lines.set(line, (lines.get(line) ?? 0) + 1)
      }
    }
  }
  return pools
}

/** The lines of weight of a hunk, with the new symbols' names as the other patch has them. */
export function wantedLines(file: FilePatch, hunk: Hunk, names: ReadonlyMap<string, string>): WantedLines {
  const of = (mark: string) =>
    hunk.lines
      .filter((line) => line.mark === mark)
      .map((line) => comparable(pathOf(file), line.text, names))
      .filter((line) => line !== '')
  return { added: of('+'), removed: of('-') }
}

/**
 * Takes the lines of a file's hunks from its pool. The hunk of which most is there takes first, so that a line that two
 * hunks share is not taken by one that is missing. Null for a hunk without a line of weight.
 */
export function coverHunks(pool: LinePool, hunks: readonly WantedLines[]): (HunkState | null)[] {
  const shares = hunks.map((hunk) => shareIn(pool, hunk))
  const order = [...hunks.keys()].sort((a, b) => shares[b]! - shares[a]! || a - b)
  const states: (HunkState | null)[] = hunks.map(() => null)
  for (const index of order) states[index] = coverHunk(pool, hunks[index]!)
  return states
}

/** How many lines with weight a pool still has that a patch added. */
export function countAdded(pool: LinePool): number {
  return [...pool.added.values()].reduce((sum, count) => sum + count, 0)
}

function shareIn(pool: LinePool, { added, removed }: WantedLines): number {
  const found =
    added.filter((line) => pool.added.has(line)).length + removed.filter((line) => pool.removed.has(line)).length
  return found / Math.max(1, added.length + removed.length)
}

function coverHunk(pool: LinePool, { added, removed }: WantedLines): HunkState | null {
  if (added.length + removed.length === 0) return null
  const missing = added.filter((line) => !takeLine(pool.added, line))
  const kept = removed
    .filter((line) => !takeLine(pool.removed, line))
    .filter((line) => !takeLikeLine(pool.removed, line))
  const left = new Set([...pool.added.keys()].map(skeletonOf))
  if (missing.some((line) => skeletonOf(line) !== '' && left.has(skeletonOf(line)))) return 'altered'
  const isEnough = (all: readonly string[], open: readonly string[]) =>
    all.length === 0 || 1 - open.length / all.length >= ENOUGH
  return isEnough(added, missing) && isEnough(removed, kept) ? 'covered' : 'missing'
}

function takeLine(lines: Map<string, number>, line: string): boolean {
  const count = lines.get(line) ?? 0
  if (count === 0) return false
  if (count === 1) lines.delete(line)
  else lines.set(line, count - 1)
  return true
}

/** Takes a line that says nearly the same: after earlier work of its own the agent has other lines to remove. */
function takeLikeLine(lines: Map<string, number>, line: string): boolean {
  const words = new Set(line.split(' '))
  const alike = [...lines.keys()].find((other) => {
    const others = new Set(other.split(' '))
    const common = [...words].filter((word) => others.has(word)).length
    return (2 * common) / (words.size + others.size) >= ALIKE
  })
  return alike !== undefined && takeLine(lines, alike)
}

/** A line as it is compared: tokens without white space and comments; empty where nothing of weight is left. */
function comparable(path: string, text: string, names?: ReadonlyMap<string, string>): string {
  const line = normaliseLine(path, text)
  if (!/[A-Za-z\d]/.test(line)) return ''
  return tokensOf(names ? renameWords(line, names) : line).join(' ')
}

/** The words of a line, without what a wrong condition or constant changes. */
function skeletonOf(line: string): string {
  return tokensOf(line)
    .filter((token) => /^[A-Za-z_$]/.test(token) && !/^(not|and|or|is|in|true|false|True|False)$/.test(token))
    .join(' ')
}
