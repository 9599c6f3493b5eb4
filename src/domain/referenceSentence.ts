/** A sentence of a text by its offsets. */
export interface Sentence {
  start: number
  end: number
  /** The sentence ending in ":" that leads the list in which this one stands, or null. */
  leadIn: { start: number; end: number } | null
}

interface Block {
  start: number
  end: number
  isItem: boolean
  indent: number
}

/**
 * The sentences of a text. Blocks (paragraphs, list items, headings, table rows) end them, so does a full stop, and so
 * does a line break after a short line when the next begins with a capital, since commit messages are wrapped by hand
 * and comments are not. `written` is the text before anything was blanked in it, of the same length: blanked code may
 * begin a sentence.
 */
export function splitSentences(text: string, written: string = text): Sentence[] {
  const sentences: Sentence[] = []
  let leadIn: Sentence['leadIn'] = null
  let isInList = false
  for (const block of splitBlocks(text)) {
    if (block.isItem) isInList = true
    // An indented paragraph below a list item is still the item; any other ends the list.
    else if (!(isInList && block.indent > 0)) [leadIn, isInList] = [null, false]
    const parts = splitBlock(text, written, block).map((part) => ({ ...part, leadIn }))
    sentences.push(...parts)
    const last = parts.at(-1)
    if (!isInList && last && /:[*_]*\s*$/.test(text.slice(last.start, last.end))) leadIn = last
  }
  return sentences.map(({ start, end, leadIn: lead }) => ({
    start,
    end,
    leadIn: lead && { start: lead.start, end: lead.end },
  }))
}

/**
 * Clauses of a sentence by their offsets: its parts between commas, brackets, dashes and words such as "but". The brackets
 * of a call, as in "the metric() fix", part nothing.
 */
export function splitClauses(sentence: string): { start: number; end: number }[] {
  const clauses: { start: number; end: number }[] = []
  let start = 0
  for (const mark of sentence.matchAll(
    /[,;]|\((?!\))|(?<!\()\)|\s[–—-]+\s|[–—]|\b(?:but|while|whereas|although|though)\b/gi,
  )) {
    clauses.push({ start, end: mark.index })
    start = mark.index + mark[0].length
  }
  return [...clauses, { start, end: sentence.length }]
}

function splitBlocks(text: string): Block[] {
  const blocks: Block[] = []
  let open: Block | null = null
  let start = 0
  for (const line of text.split('\n')) {
    const end = start + line.length
    const isItem = /^\s*(?:[-*+]|\d{1,9}[.)])\s/.test(line)
    const isAlone = /^\s*(?:#{1,6}\s|\|)/.test(line)
    if (line.trim() === '') open = null
    else if (open && !isItem && !isAlone) open.end = end
    else {
      const block: Block = { start, end, isItem, indent: line.length - line.trimStart().length }
      blocks.push(block)
      open = isAlone ? null : block
    }
    start = end + 1
  }
  return blocks
}

const SHORT_LINE = 50
const ABBREVIATION = /(?:^|[\s(])(?:e\.g|i\.e|cf|vs|etc|approx|fig|no|resp|incl|ref)\.$/i

function splitBlock(text: string, written: string, block: Block): { start: number; end: number }[] {
  const body = text.slice(block.start, block.end)
  const parts: { start: number; end: number }[] = []
  let start = 0
  const cut = (at: number) => {
    if (body.slice(start, at).trim() !== '') parts.push({ start: block.start + start, end: block.start + at })
    start = at
  }
  for (const mark of body.matchAll(/(?<![.!?])[.!?]+[)"'*_]*(?=\s)|\n/g)) {
    const end = mark.index + mark[0].length
    const next = written.slice(block.start + end, block.end).trimStart()[0] ?? ''
    if (mark[0] === '\n') {
      const line = body.slice(body.lastIndexOf('\n', mark.index - 1) + 1, mark.index)
      if (line.trim().length < SHORT_LINE && /\p{Lu}/u.test(next)) cut(end)
    } else if (!/\p{Ll}/u.test(next) && !ABBREVIATION.test(body.slice(start, end))) cut(end)
  }
  cut(body.length)
  return parts
}
