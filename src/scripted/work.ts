import type { FilePatch, Hunk, PatchLine } from './gitPatch.ts'

/** One file of the reference patch and what the agent means to do of it in round 0. */
export interface PlannedFile {
  reference: FilePatch
  /** Whether the file is touched at all. */
  isPlayed: boolean
  /** For each hunk of the reference the lines to play, or null to leave it out. */
  hunks: (PatchLine[] | null)[]
}

/** What the agent means to do in round 0 of a stage. */
export interface Work {
  files: PlannedFile[]
  /** New names by those of the reference, for the flaw `renamed`. */
  names: ReadonlyMap<string, string>
  /** Whether something that was not asked for is done. */
  isUnrelated: boolean
  /** Whether the agent submits without a look. */
  isIdle: boolean
}

/** A change that can be left out alone: a hunk of a text file, or a file as a whole (`hunk` is null). */
export interface Unit {
  file: PlannedFile
  hunk: number | null
}

/** The whole of a reference patch as work without a flaw. */
export function planWhole(files: readonly FilePatch[]): Work {
  return {
    files: files.map((reference) => ({ reference, isPlayed: true, hunks: reference.hunks.map((hunk) => hunk.lines) })),
    names: new Map(),
    isUnrelated: false,
    isIdle: false,
  }
}

/** Whether a file's change is made line by line, and not by writing, removing or linking a whole file. */
export function isLinewise(file: FilePatch): boolean {
  return (
    file.oldPath !== null &&
    file.newPath !== null &&
    file.hunks.length > 0 &&
    !file.isBinary &&
    file.newMode !== '120000'
  )
}

/** The changes of some work: the hunks in the order of the patch, then the files that change as a whole. */
export function unitsOf(work: Work): Unit[] {
  const isByLines = (file: PlannedFile) => isLinewise(file.reference)
  const hunks = work.files.filter(isByLines).flatMap((file) => file.hunks.map((_, hunk): Unit => ({ file, hunk })))
  const whole = work.files.filter((file) => !isByLines(file)).map((file): Unit => ({ file, hunk: null }))
  return [...hunks, ...whole]
}

/** The lines that stand in the old file where some patch lines apply. */
export function oldTexts(lines: readonly PatchLine[]): string[] {
  return lines.filter((line) => line.mark !== '+').map((line) => line.text)
}

/** The lines that stand in the new file where some patch lines applied. */
export function newTexts(lines: readonly PatchLine[]): string[] {
  return lines.filter((line) => line.mark !== '-').map((line) => line.text)
}

/** The place of a hunk's first change in the old file, as a line number from 1. */
export function changeLine(hunk: Hunk): number {
  const before = hunk.lines.findIndex((line) => line.mark !== ' ')
  return Math.max(1, hunk.oldStart + Math.max(0, before))
}
