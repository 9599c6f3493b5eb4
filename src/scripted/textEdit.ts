/** A passage of a file that occurs once, and what shall stand there. */
export interface TextEdit {
  old: string
  new: string
}

/** The lines of a text, each with its line end. */
export function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

/**
 * The edit that puts `lines` where `start` to `end` stand, with as many lines around it as it takes for the passage to
 * occur once; null when not even the whole file would do (it is empty).
 */
export function makeTextEdit(
  seen: readonly string[],
  change: { start: number; end: number; lines: readonly string[] },
): TextEdit | null {
  const text = seen.join('')
  let { start, end } = change
  for (;;) {
    const old = seen.slice(start, end).join('')
    if (old !== '' && occursOnce(text, old)) {
      const before = seen.slice(start, change.start).join('')
      const after = seen.slice(change.end, end).join('')
      return { old, new: `${before}${change.lines.join('')}${after}` }
    }
    if (start === 0 && end === seen.length) return null
    start = Math.max(0, start - 1)
    end = Math.min(seen.length, end + 1)
  }
}

function occursOnce(text: string, passage: string): boolean {
  const at = text.indexOf(passage)
  return at >= 0 && text.indexOf(passage, at + 1) < 0
}
