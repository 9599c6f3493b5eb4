import { stripVTControlCharacters } from 'node:util'

/** The narrowest terminal that is laid out for; below it lines are as long as here. */
const NARROWEST = 40
const GAP = 2

/**
 * Text from outside as one line for a terminal: escape sequences, control characters and those that turn the direction
 * of writing are gone, runs of white space are one space.
 */
export function plain(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu, '')
    .trim()
}

/** A line that is not wider than `width`, cut with an ellipsis; whole when there is no width. */
export function cut(line: string, width: number | null): string {
  if (width === null || widthOf(line) <= width) return line
  let kept = ''
  let taken = 0
  for (const { segment } of SEGMENTS.segment(line)) {
    taken += widthOf(segment)
    if (taken > width - 1) break
    kept += segment
  }
  return `${kept.trimEnd()}…`
}

/** Words on lines that are not wider than `width`, each after the first begun by `hang` spaces; one line without a width. */
export function wrap(text: string, { width, hang }: { width: number | null; hang: number }): string[] {
  if (width === null) return [text]
  const room = Math.max(width, NARROWEST)
  const lead = ' '.repeat(hang)
  const indent = /^ */.exec(text)![0]
  const lines: string[] = []
  let line = indent
  for (const word of text.trim().split(' ')) {
    const isFirst = line.trim() === ''
    if (!isFirst && widthOf(line) + 1 + widthOf(word) > room) {
      lines.push(line)
      line = lead + word
    } else line += isFirst ? word : ` ${word}`
  }
  return [...lines, line]
}

/**
 * Rows as columns, the first of them the heading. A table that is wider than the terminal loses its last columns to a cut
 * of the last one; where not even the others fit, each row becomes lines of `heading: cell`, an empty line between rows.
 */
export function table(rows: readonly (readonly string[])[], width: number | null): string[] {
  const [heading = [], ...body] = rows
  const widths = heading.map((_, index) => Math.max(...rows.map((row) => widthOf(row[index] ?? ''))))
  const fixed = widths.slice(0, -1).reduce((sum, one) => sum + one + GAP, 0)
  const room = width === null ? null : Math.max(width, NARROWEST)
  if (room !== null && fixed + Math.min(widths.at(-1) ?? 0, LEAST_LAST) > room)
    return body.flatMap((row, index) => [...(index === 0 ? [] : ['']), ...stack(heading, row, room)])
  return rows.map((row) =>
    cut(row.map((cell, index) => (index === row.length - 1 ? cell : pad(cell, widths[index]!))).join('  '), room),
  )
}

/** The last column of a table is not cut to less than this. */
const LEAST_LAST = 24
const SEGMENTS = new Intl.Segmenter('en', { granularity: 'grapheme' })
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]/u

function stack(heading: readonly string[], row: readonly string[], width: number): string[] {
  return row.flatMap((cell, index) => (cell === '' ? [] : wrap(`${heading[index]}: ${cell}`, { width, hang: 2 })))
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - widthOf(cell)))
}

/** Columns that a text takes in a terminal: wide characters two, marks upon others none. */
function widthOf(text: string): number {
  if (/^[\x20-\x7E]*$/.test(text)) return text.length
  let width = 0
  for (const { segment } of SEGMENTS.segment(text)) width += WIDE.test(segment) ? 2 : 1
  return width
}
