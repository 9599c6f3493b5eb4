import { parsePatch } from 'diff'

/** The lines of one file in a patch, without their leading `+`, `-` or space. */
export interface PatchedFile {
  path: string
  added: string[]
  removed: string[]
}

/** The changed lines of a git patch by file, under the new path (the old one for a deleted file). Binary files have none. */
export function readPatch(patch: string): PatchedFile[] {
  return parsePatch(patch).flatMap((file) => {
    const path = bare(file.newFileName) ?? bare(file.oldFileName)
    if (path === null) return []
    const lines = file.hunks.flatMap((hunk) => hunk.lines)
    const marked = (mark: string) => lines.filter((line) => line.startsWith(mark)).map((line) => line.slice(1))
    return [{ path, added: marked('+'), removed: marked('-') }]
  })
}

/** The lines that a patch adds, in files whose path is or is not among `paths`. */
export function addedLines(patch: string, options: { paths: readonly string[]; isAmong: boolean }): string[] {
  const among = new Set(options.paths)
  return readPatch(patch)
    .filter((file) => among.has(file.path) === options.isAmong)
    .flatMap((file) => file.added)
}

function bare(name: string | undefined): string | null {
  if (!name || name === '/dev/null') return null
  return name.replace(/^[ab]\//, '')
}
