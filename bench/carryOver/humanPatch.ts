import { parsePatch } from 'diff'
import { isSourcePath, isTestPath } from '../../src/domain/testPath.ts'
import type { FileChange } from '../../src/formats/chain.ts'

/** One place of a text file that a patch changes. Lines carry their mark (`+`, `-` or space) and their own line end. */
export interface Hunk {
  /** The first line of the old file that the hunk speaks of, from 0. */
  start: number
  lines: string[]
}

/** A file that the humans' patch changed. Texts are latin1, a character a byte, so that any bytes come back as they are. */
export interface HumanFile {
  path: string
  /** Null unless renamed. */
  oldPath: string | null
  isTest: boolean
  isSource: boolean
  /** The file at B(t−1); null when it was not there, or is no text. */
  before: string | null
  /** The file at H(t−1); null when it is not there, or is no text. */
  after: string | null
  /** None for a binary file, a link, or a mode alone. */
  hunks: Hunk[]
}

/** Lines with their line ends; the last one may have none. */
export function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

/** The hunks of a git patch by new path (the old one for a deleted file). */
export function readHunks(patch: string): Map<string, Hunk[]> {
  const files = parsePatch(patch).map(({ oldFileName, newFileName, hunks }) => {
    const path = newFileName === '/dev/null' ? oldFileName : newFileName
    return [(path ?? '').replace(/^[ab]\//, ''), hunks.map(toHunk)] as const
  })
  return new Map(files.filter(([, hunks]) => hunks.length > 0))
}

/** A text with some of a patch's hunks, each at its own place. Throws when a hunk does not fit. */
export function applyHunks(before: string, hunks: readonly Hunk[]): string {
  const old = splitLines(before)
  const made: string[] = []
  let next = 0
  for (const { start, lines } of hunks) {
    made.push(...old.slice(next, start))
    next = start
    for (const line of lines) {
      const words = line.slice(1)
      if (line[0] !== '+' && old[next++] !== words) throw new Error(`a hunk does not fit at line ${next}: ${line}`)
      if (line[0] !== '-') made.push(words)
    }
  }
  return [...made, ...old.slice(next)].join('')
}

/** Joins how a file changed, its two texts and its hunks. Hunks that do not make one text of the other are left out. */
export function describeFile(
  { path, oldPath }: FileChange,
  given: { before: string | null; after: string | null; hunks: Hunk[] },
): HumanFile {
  const { before, after, hunks } = given
  const isWhole = hunks.length > 0 && applyHunks(before ?? '', hunks) === (after ?? '')
  return {
    path,
    oldPath,
    isTest: isTestPath(path),
    isSource: isSourcePath(path),
    ...given,
    hunks: isWhole ? hunks : [],
  }
}

function toHunk({ oldStart, oldLines, lines }: { oldStart: number; oldLines: number; lines: string[] }): Hunk {
  const marked: string[] = []
  for (const line of lines) {
    if (line.startsWith('\\')) marked.push(marked.pop()!.slice(0, -1))
    else marked.push(`${line}\n`)
  }
  return { start: oldLines === 0 ? oldStart : oldStart - 1, lines: marked }
}
