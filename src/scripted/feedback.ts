import { pathOf, type FilePatch } from './gitPatch.ts'
import { changeLine } from './work.ts'

/** A file that feedback names, and the hunks it points at: those near the lines it names, or all where it names none. */
export interface Locus {
  file: FilePatch
  hunks: Set<number>
}

/** Paths that feedback names and the reference does not have. */
export interface FeedbackReading {
  loci: Locus[]
  otherPaths: string[]
}

const NEAR = 3

/** Reads which files of the reference, and where in them, some feedback names. A masked part of a path (`[…]`) fits anything. */
export function readFeedback(feedback: string, files: readonly FilePatch[]): FeedbackReading {
  const mentions = findPaths(feedback)
  const names = new Map<string, number>()
  for (const file of files) {
    const base = baseName(pathOf(file))
    names.set(base, (names.get(base) ?? 0) + 1)
  }
  const isOf = (file: FilePatch, path: string) =>
    [pathOf(file), file.oldPath].some((own) => own !== null && fits(own, path)) ||
    (names.get(baseName(pathOf(file))) === 1 && fits(baseName(pathOf(file)), path))

  const loci = files.flatMap((file): Locus[] => {
    const own = mentions.filter((mention) => isOf(file, mention.path))
    if (own.length === 0) return []
    const ranges = own.flatMap((mention) => mention.ranges)
    const near = [...file.hunks.keys()].filter((hunk) => ranges.some((range) => isNear(file, hunk, range)))
    return [{ file, hunks: new Set(near.length > 0 ? near : file.hunks.keys()) }]
  })
  const otherPaths = mentions.map((mention) => mention.path).filter((path) => !files.some((file) => isOf(file, path)))
  return { loci, otherPaths: [...new Set(otherPaths)] }
}

interface Mention {
  path: string
  ranges: { from: number; to: number }[]
}

/** The words that look like paths, each with the lines named between it and the next. */
function findPaths(feedback: string): Mention[] {
  const found = [...feedback.matchAll(/(?:[\w@+~-]|\[…\]|\.(?=[\w/])|[/](?=[\w.[]))+(?:[ ](?=[^\s]*\/))?/g)]
    .map((match) => ({ path: match[0].trim(), at: match.index, end: match.index + match[0].length }))
    .filter(({ path }) => /[./]/.test(path) && /[A-Za-z[]/.test(path) && !/^[./]+$/.test(path))
  return found.map(({ path, end }, index) => ({
    path: path.replace(/^\.\//, ''),
    ranges: findRanges(feedback.slice(end, found[index + 1]?.at)),
  }))
}

function findRanges(text: string): { from: number; to: number }[] {
  return [...text.matchAll(/\blines?\s+((?:\d+(?:\s*(?:[-–]|to)\s*\d+)?(?:\s*,\s*|\s+and\s+|\s*,\s*and\s+)?)+)/gi)].flatMap((match) =>
    [...match[1]!.matchAll(/(\d+)(?:\s*(?:[-–]|to)\s*(\d+))?/g)].map(([, from, to]) => ({
      from: Number(from),
      to: Number(to ?? from),
    })),
  )
}

function isNear(file: FilePatch, index: number, range: { from: number; to: number }): boolean {
  const hunk = file.hunks[index]!
  const first = changeLine(hunk)
  let last = hunk.oldStart
  let at = hunk.oldStart
  for (const line of hunk.lines) {
    if (line.mark !== ' ') last = at
    if (line.mark !== '+') at++
  }
  return range.to >= first - NEAR && range.from <= Math.max(first, last) + NEAR
}

function fits(own: string, mentioned: string): boolean {
  if (own === mentioned) return true
  if (!mentioned.includes('[…]')) return false
  const pattern = mentioned
    .split('[…]')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*')
  return new RegExp(`^${pattern}$`).test(own)
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
