import type { PatchLine } from './gitPatch.ts'
import { newTexts, oldTexts } from './work.ts'

/** Where some patch lines belong in a file as it was seen, or that they are there already, or that no place was found. */
export type Placement =
  | { status: 'placed'; start: number; end: number; lines: string[] }
  | { status: 'present' }
  | { status: 'lost' }

const LEAST_LIKENESS = 0.55
const MOST_LINES_BETWEEN = 12

/**
 * Finds the place of a hunk in a file's lines, nearest to where it is expected: by its old lines or a flawed version of
 * its new ones, then with less context, then between its context lines, then by likeness.
 *
 * @param around the index at which the hunk is expected
 * @param variants what may stand there instead of the old lines
 */
export function placeHunk(
  seen: readonly string[],
  hunk: readonly PatchLine[],
  { around, variants = [] }: { around: number; variants?: readonly (readonly string[])[] },
): Placement {
  const old = oldTexts(hunk)
  const made = newTexts(hunk)
  if (old.length === 0 && seen.length === 0) return { status: 'placed', start: 0, end: 0, lines: made }

  const atNew = findBlock(seen, made, around)
  const open = [old, ...variants].flatMap((block) => {
    const at = findBlock(seen, block, around)
    return at === null ? [] : [{ at, size: block.length }]
  })
  const [nearest] = open.sort((a, b) => Math.abs(a.at - around) - Math.abs(b.at - around))
  if (atNew !== null && (!nearest || isPresent(hunk, atNew, nearest.at, around))) return { status: 'present' }
  if (nearest) return { status: 'placed', start: nearest.at, end: nearest.at + nearest.size, lines: made }
  return (
    placeWithLessContext(seen, hunk, around, variants) ??
    placeBetweenContext(seen, hunk, around) ??
    placeByLikeness(seen, hunk, around) ?? { status: 'lost' }
  )
}

/** The new lines and others were found: the nearer stand there; in doubt the new ones, unless the hunk only removes. */
function isPresent(hunk: readonly PatchLine[], atNew: number, atOpen: number, around: number): boolean {
  const isGrowing = hunk.some((line) => line.mark === '+')
  const nearer = Math.abs(atNew - around) - Math.abs(atOpen - around)
  return isGrowing ? nearer <= 0 : nearer < 0
}

/** The index nearest to `around` where the block stands in the lines, or null. */
function findBlock(lines: readonly string[], block: readonly string[], around: number): number | null {
  if (block.length === 0 || block.length > lines.length) return null
  let best: number | null = null
  for (
    let at = lines.indexOf(block[0]!);
    at >= 0 && at + block.length <= lines.length;
    at = lines.indexOf(block[0]!, at + 1)
  ) {
    if (best !== null && Math.abs(at - around) >= Math.abs(best - around)) {
      if (at > around) break
      continue
    }
    if (block.every((line, index) => lines[at + index] === line)) best = at
  }
  return best
}

/** Drops context lines from both ends, one by one, as long as something is left to know the place by. */
function placeWithLessContext(
  seen: readonly string[],
  hunk: readonly PatchLine[],
  around: number,
  variants: readonly (readonly string[])[],
): Placement | null {
  const leading = countLeading(hunk)
  const trailing = countLeading([...hunk].reverse())
  for (let dropped = 1; dropped <= Math.max(leading, trailing); dropped++) {
    const head = Math.min(dropped, leading)
    const tail = Math.min(dropped, trailing)
    const part = hunk.slice(head, hunk.length - tail)
    const old = oldTexts(part)
    const made = newTexts(part)
    const hasPlace = old.some((line) => /\w{3}/.test(line))
    const inserts = part.filter((line) => line.mark === '+').length
    if (inserts > 0 && findBlock(seen, made, around + head) !== null && /\w{3}/.test(made.join('')))
      return { status: 'present' }
    if (!hasPlace) return null
    const at = findBlock(seen, old, around + head)
    if (at !== null) return { status: 'placed', start: at, end: at + old.length, lines: made }
    for (const variant of variants) {
      const block = variant.slice(head, variant.length - tail)
      const found = block.some((line) => /\w{3}/.test(line)) ? findBlock(seen, block, around + head) : null
      if (found !== null) return { status: 'placed', start: found, end: found + block.length, lines: made }
    }
  }
  return null
}

function countLeading(lines: readonly PatchLine[]): number {
  const first = lines.findIndex((line) => line.mark !== ' ')
  return first < 0 ? lines.length : first
}

/** Replaces what stands between the hunk's own leading and trailing context: of several ends the one that takes in most of what goes. */
function placeBetweenContext(seen: readonly string[], hunk: readonly PatchLine[], around: number): Placement | null {
  const leading = countLeading(hunk)
  const trailing = countLeading([...hunk].reverse())
  const middle = hunk.slice(leading, hunk.length - trailing)
  const before = hunk.slice(Math.max(0, leading - 2), leading).map((line) => line.text)
  const after = hunk.slice(hunk.length - trailing, hunk.length - trailing + 2).map((line) => line.text)
  if (before.length === 0 || after.length === 0 || !/\w{3}/.test(before.join('')) || !/\w{3}/.test(after.join('')))
    return null
  const start = findBlock(seen, before, around + leading - before.length)
  if (start === null) return null
  const from = start + before.length
  const removed = oldTexts(middle)
  const rest = seen.slice(from, from + middle.length + MOST_LINES_BETWEEN + after.length)
  const [best] = [...rest.keys()]
    .filter((gap) => after.every((line, index) => rest[gap + index] === line))
    .map((gap) => ({ gap, likeness: shareInCommon(rest.slice(0, gap), removed) }))
    .sort((a, b) => b.likeness - a.likeness || a.gap - b.gap)
  return best ? { status: 'placed', start: from, end: from + best.gap, lines: newTexts(middle) } : null
}

/** How many lines two passages have in common, from 0 to 1; two empty ones are alike. */
function shareInCommon(a: readonly string[], b: readonly string[]): number {
  if (a.length + b.length === 0) return 1
  const left = [...b]
  let common = 0
  for (const line of a) {
    const at = left.indexOf(line)
    if (at < 0) continue
    left.splice(at, 1)
    common++
  }
  return (2 * common) / (a.length + b.length)
}

/** The window most like the old lines; there only the changed lines change, and what was seen around them stays. */
function placeByLikeness(seen: readonly string[], hunk: readonly PatchLine[], around: number): Placement | null {
  const old = hunk.filter((line) => line.mark !== '+')
  if (old.length === 0 || seen.length < old.length) return null
  const oldWords = old.map((line) => wordSet(line.text))
  const seenWords = seen.map(wordSet)
  let best = { at: -1, likeness: 0 }
  for (let at = 0; at + old.length <= seen.length; at++) {
    let sum = 0
    for (const [index, words] of oldWords.entries()) sum += likeness(words, seenWords[at + index]!)
    const mean = sum / old.length
    const isNearer = mean === best.likeness && Math.abs(at - around) < Math.abs(best.at - around)
    if (mean > best.likeness || isNearer) best = { at, likeness: mean }
  }
  if (best.likeness < LEAST_LIKENESS) return null
  const lines: string[] = []
  let at = best.at
  for (const line of hunk) {
    if (line.mark === '+') lines.push(line.text)
    else if (line.mark === ' ') lines.push(seen[at++]!)
    else at++
  }
  const isSame = lines.every((line, index) => seen[best.at + index] === line) && lines.length === old.length
  return isSame ? { status: 'present' } : { status: 'placed', start: best.at, end: best.at + old.length, lines }
}

function wordSet(line: string): Set<string> {
  return new Set(line.match(/\w+|[^\s\w]/g) ?? [])
}

/** How much two sets of words have in common, from 0 to 1; empty lines are alike. */
function likeness(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size + b.size === 0) return 1
  let common = 0
  for (const word of a) if (b.has(word)) common++
  return (2 * common) / (a.size + b.size)
}
