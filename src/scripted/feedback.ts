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
  const baseNames = files.map((file) => baseName(pathOf(file)))
  const ownNames = files.map((file, index) => {
    const base = baseNames[index]!
    const isUnique = baseNames.indexOf(base) === baseNames.lastIndexOf(base)
    return [file.newPath, file.oldPath, isUnique ? base : null].filter((name) => name !== null)
  })
  const mentions = findMentions(feedback, ownNames.flat())
  const loci = files.flatMap((file, index): Locus[] => {
    const own = mentions.filter((mention) => ownNames[index]!.some((name) => fits(name, mention.path)))
    if (own.length === 0) return []
    const ranges = own.flatMap((mention) => mention.ranges)
    const near = [...file.hunks.keys()].filter((hunk) => ranges.some((range) => isNear(file, hunk, range)))
    return [{ file, hunks: new Set(near.length > 0 ? near : file.hunks.keys()) }]
  })
  const isOfReference = (path: string) => ownNames.some((names) => names.some((name) => fits(name, path)))
  const otherPaths = mentions.map((mention) => mention.path).filter((path) => !isOfReference(path))
  return { loci, otherPaths: [...new Set(otherPaths)] }
}

interface Mention {
  path: string
  ranges: { from: number; to: number }[]
}

/** The paths in a text, known ones and words that look like some, each with the lines named between it and the next. */
function findMentions(text: string, known: readonly string[]): Mention[] {
  const spots: { path: string; at: number; end: number }[] = []
  const isFree = (at: number, end: number) => spots.every((spot) => end <= spot.at || at >= spot.end)
  for (const path of [...new Set(known)].sort((a, b) => b.length - a.length)) {
    for (let at = text.indexOf(path); at >= 0; at = text.indexOf(path, at + 1)) {
      const end = at + path.length
      const isWhole = !/[\w/.-]/.test(text[at - 1] ?? ' ') && !/^(?:[\w/-]|\.\w)/.test(text.slice(end, end + 2))
      if (isWhole && isFree(at, end)) spots.push({ path, at, end })
    }
  }
  for (const match of text.matchAll(/(?:[\w@+~./-]|\[…\])+/g)) {
    const path = match[0].replace(/[.-]+$/, '')
    const looksLikePath = /[A-Za-z\]]\/|\/[\w[]|[\w\]]\.[A-Za-z]\w*$/.test(path)
    if (looksLikePath && isFree(match.index, match.index + path.length)) {
      spots.push({ path: path.replace(/^\.\//, ''), at: match.index, end: match.index + path.length })
    }
  }
  spots.sort((a, b) => a.at - b.at)
  return spots.map(({ path, end }, index) => ({ path, ranges: findRanges(text.slice(end, spots[index + 1]?.at)) }))
}

function findRanges(text: string): { from: number; to: number }[] {
  return [
    ...text.matchAll(/\blines?\s+((?:\d+(?:\s*(?:[-–]|to)\s*\d+)?(?:\s*,\s*|\s+and\s+|\s*,\s*and\s+)?)+)/gi),
  ].flatMap((match) =>
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
