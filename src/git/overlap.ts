import { isSourcePath } from '../domain/testPath.ts'
import { readHunks, type FileHunks, type Hunk } from './hunks.ts'
import { comparePaths } from './path.ts'
import type { ChangeOverlap, ChangeRange } from './port.ts'
import type { Scratch } from './scratch.ts'
import { readNames, sharedNames } from './symbols.ts'

/** Names that a change defines or works on, in its source files or in the paths given. */
export async function listSymbols(scratch: Scratch, change: ChangeRange, paths?: readonly string[]): Promise<string[]> {
  const [files = []] = await readHunks(scratch, [change])
  const wanted = paths && new Set(paths)
  const { defined } = readNames(wanted ? files.filter((file) => wanted.has(pathOf(file))) : sourceOf(files))
  return [...defined].sort((a, b) => (a < b ? -1 : 1))
}

/**
 * What a later change has in common with an earlier one, in one git process: the lines that the earlier one wrote are
 * followed through what happened between the two, renames included.
 */
export async function findOverlap(scratch: Scratch, earlier: ChangeRange, later: ChangeRange): Promise<ChangeOverlap> {
  const between = { baseSha: earlier.resultSha, resultSha: later.baseSha }
  const [first = [], moved = [], second = []] = await readHunks(scratch, [earlier, between, later])
  const movedBy = new Map(moved.map((file) => [file.oldPath, file]))
  const written = new Map<string, { start: number; count: number }[]>()
  for (const file of sourceOf(first)) {
    if (file.newPath === null) continue
    const lines = file.hunks.map(({ newStart, newCount }) => ({ start: newStart, count: newCount }))
    const move = movedBy.get(file.newPath)
    if (!move) written.set(file.newPath, lines)
    else if (move.newPath !== null)
      written.set(
        move.newPath,
        lines.flatMap((run) => follow(run, move.hunks)),
      )
  }
  const shared = sourceOf(second).filter(({ oldPath }) => oldPath !== null && written.has(oldPath))
  return {
    files: shared.map(pathOf).sort(comparePaths),
    symbols: sharedNames(readNames(sourceOf(first)), readNames(sourceOf(second))),
    lines: shared.reduce((sum, { oldPath, hunks }) => sum + countCommon(written.get(oldPath!)!, hunks), 0),
  }
}

/** Where a run of lines is after some hunks: what they took of it is gone. */
function follow(run: { start: number; count: number }, hunks: readonly Hunk[]): { start: number; count: number }[] {
  const kept: { start: number; count: number }[] = []
  let { start } = run
  const end = run.start + run.count
  let shift = 0
  for (const { oldStart, oldCount, newCount } of hunks) {
    // A hunk that takes nothing stands after its line.
    const from = oldCount === 0 ? oldStart + 1 : oldStart
    if (from >= end) break
    if (from > start) kept.push({ start: start + shift, count: from - start })
    start = Math.max(start, from + oldCount)
    shift += newCount - oldCount
  }
  if (start < end) kept.push({ start: start + shift, count: end - start })
  return kept
}

function countCommon(runs: readonly { start: number; count: number }[], hunks: readonly Hunk[]): number {
  let common = 0
  for (const { start, count } of runs) {
    for (const { oldStart, oldCount } of hunks) {
      common += Math.max(0, Math.min(start + count, oldStart + oldCount) - Math.max(start, oldStart))
    }
  }
  return common
}

/** The source files among them. */
export function sourceOf(files: readonly FileHunks[]): FileHunks[] {
  return files.filter((file) => isSourcePath(pathOf(file)))
}

function pathOf({ oldPath, newPath }: FileHunks): string {
  return newPath ?? oldPath ?? ''
}
