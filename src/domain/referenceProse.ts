/**
 * The part of a Markdown text that its author says as prose: code blocks, indented code, inline code, HTML comments,
 * quoted lines, unchecked boxes and sections that list changes are replaced by spaces. The result has the length and the line breaks of `text`,
 * so an offset into one is an offset into the other.
 */
export function maskMarkup(text: string): string {
  return maskLists(maskSpans(maskBlocks(text)))
}

const CHANGES =
  /^(#{1,6})\s+(?:the\s+)?(?:change\s?log|changes? since|what'?s changed|new contributors|full changelog)\b/i

/** Blanks what stands under a heading such as "Changelog" or "What's Changed": a release's list, which its author did not write. */
function maskLists(text: string): string {
  let level = 0
  return text
    .split('\n')
    .map((line) => {
      const depth = /^(#{1,6})\s/.exec(line)?.[1]!.length ?? 0
      if (depth > 0 && (level === 0 || depth <= level)) level = CHANGES.test(line) ? depth : 0
      return level === 0 ? line : blank(line)
    })
    .join('\n')
}

/** Spaces in place of every character but line breaks. */
export function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}

interface Fence {
  mark: string
  length: number
}

function maskBlocks(text: string): string {
  let fence: Fence | null = null
  let isInComment = false
  let isAfterBlank = true
  let isInCode = false
  let isInCallout = false
  let listIndent: number | null = null

  const maskLine = (line: string): string => {
    if (fence) {
      if (closesFence(line, fence)) fence = null
      return blank(line)
    }
    const comment = maskComments(line, isInComment)
    const wasInComment = isInComment
    isInComment = comment.isOpen
    const visible = comment.line
    if (visible.trim() === '') {
      isInCallout = false
      // A comment is no blank line: what follows it is still the same paragraph or list.
      isAfterBlank = isAfterBlank || (!wasInComment && line.trim() === '')
      return visible
    }
    // A callout is its author's own prose, written as a quotation.
    if (/^\s*>/.test(visible)) {
      const isCallout = /^\s*>\s*\[!(?:note|tip|important|warning|caution)\]/i.test(visible)
      isInCallout ||= isCallout
      if (isInCallout) return isCallout ? blank(line) : visible.replace('>', ' ')
    } else isInCallout = false
    const opened = openFence(visible)
    // What a comment left of its line is not indented by it.
    const indent = wasInComment ? 0 : widthOf(line)
    const item = /^\s*(?:[-*+]|\d{1,9}[.)])(?:\s+|$)/.exec(visible)
    if (listIndent !== null && indent < listIndent && isAfterBlank && !item) listIndent = null
    const isCode = indent >= (listIndent ?? 0) + 4 && (isAfterBlank || isInCode)
    isInCode = isCode && !opened
    isAfterBlank = false
    if (opened) {
      fence = opened
      return blank(line)
    }
    if (isCode || /^\s*>/.test(visible) || /^\s*[-*+]\s+\[ \]\s/.test(visible)) return blank(line)
    if (item) listIndent = indent + item[0].trimStart().length
    return visible
  }
  return text.split('\n').map(maskLine).join('\n')
}

function openFence(line: string): Fence | null {
  const run = /^\s*(?:[-*+]\s+)?(`{3,}(?=[^`]*$)|~{3,})/.exec(line)?.[1]
  return run ? { mark: run[0]!, length: run.length } : null
}

function closesFence(line: string, fence: Fence): boolean {
  const run = line.trim()
  return run.length >= fence.length && run === fence.mark.repeat(run.length)
}

/** Blanks HTML comments of one line, leaving `<!--` inside inline code alone. */
function maskComments(line: string, isInComment: boolean): { line: string; isOpen: boolean } {
  let visible = ''
  let at = 0
  let isOpen = isInComment
  while (at < line.length) {
    if (isOpen) {
      const end = line.indexOf('-->', at)
      if (end === -1) return { line: visible + blank(line.slice(at)), isOpen }
      visible += blank(line.slice(at, end + 3))
      at = end + 3
      isOpen = false
      continue
    }
    const next = /<!--|`+/g
    next.lastIndex = at
    const found = next.exec(line)
    if (!found) return { line: visible + line.slice(at), isOpen }
    const code = found[0].startsWith('`') ? endOfCode(line, found.index, found[0].length) : null
    const end = code ?? found.index + (found[0].startsWith('`') ? found[0].length : 0)
    visible += line.slice(at, end)
    at = end
    isOpen = found[0] === '<!--'
  }
  return { line: visible, isOpen }
}

/** Blanks inline code, which may run over a line break but not over a blank line, and `<code>` and `<pre>`. */
function maskSpans(text: string): string {
  let masked = ''
  let at = 0
  const runs = /`+/g
  for (let run = runs.exec(text); run; run = runs.exec(text)) {
    if (run.index < at || text[run.index - 1] === '\\') continue
    const end = endOfCode(text, run.index, run[0].length)
    if (end === null) continue
    masked += text.slice(at, run.index) + blank(text.slice(run.index, end))
    at = end
    runs.lastIndex = end
  }
  return (masked + text.slice(at)).replace(/<(pre|code)\b[^<>]*>[^]*?<\/\1>/gi, blank)
}

/** The end of the inline code whose opening run of backticks is at `start`, or null when nothing closes it. */
function endOfCode(text: string, start: number, length: number): number | null {
  const runs = /`+|\n[^\S\n]*\n/g
  runs.lastIndex = start + length
  for (let run = runs.exec(text); run; run = runs.exec(text)) {
    if (run[0].startsWith('\n')) return null
    if (run[0].length === length) return run.index + length
  }
  return null
}

function widthOf(line: string): number {
  return /^[ \t]*/.exec(line)![0].replaceAll('\t', '    ').length
}
