import { decodeBase85Lines } from './binaryPatch.ts'
import { inflateSync } from 'node:zlib'

/** A line of a hunk. `text` has its line end; the last line of a file without one has none. */
export interface PatchLine {
  mark: ' ' | '+' | '-'
  text: string
}

/** A hunk of a patch. `oldStart` counts from 1 and is 0 where nothing was. */
export interface Hunk {
  oldStart: number
  newStart: number
  lines: PatchLine[]
}

/** A binary file's new content, or how it is made of the old one. */
export type BinaryChange = { method: 'literal' | 'delta'; data: Buffer }

/** What a git patch says of one file. Paths are decoded; `null` where the file is not. */
export interface FilePatch {
  oldPath: string | null
  newPath: string | null
  oldMode: string | null
  newMode: string | null
  isRename: boolean
  /** The object names of the old and the new content as the patch gives them, or null. */
  oldObject: string | null
  newObject: string | null
  hunks: Hunk[]
  isBinary: boolean
  /** Null for a text file, and for a binary one whose patch leaves the content out. */
  binary: BinaryChange | null
  /** What the texts of the hunks are: UTF-8 text, or one character for each byte of a file that is not UTF-8. */
  encoding: 'utf8' | 'latin1'
  /** The section of the patch as text. */
  raw: string
}

/** The path under which people know the file: the new one, or the old one of a deleted file. */
export function pathOf(file: FilePatch): string {
  return file.newPath ?? file.oldPath ?? ''
}

/** Reads a patch made with `git diff --binary --full-index -M`, whose last blank lines may be gone. */
export function readGitPatch(patch: Uint8Array): FilePatch[] {
  const lines = Buffer.from(patch).toString('latin1').split('\n')
  const files: FilePatch[] = []
  let at = 0
  while (at < lines.length) {
    if (!lines[at]!.startsWith('diff --git ')) {
      at++
      continue
    }
    const start = at
    const file: FilePatch = { ...headerPaths(lines[at]!), ...EMPTY, hunks: [] }
    at = readHeader(lines, at + 1, file)
    while (at < lines.length && lines[at]!.startsWith('@@ ')) at = readHunk(lines, at, file)
    if (lines[at]?.startsWith('GIT binary patch')) at = readBinary(lines, at + 1, file)
    while (at < lines.length && !lines[at]!.startsWith('diff --git ')) at++
    file.raw = `${Buffer.from(lines.slice(start, at).join('\n'), 'latin1').toString('utf8').replace(/\n+$/, '')}\n`
    if (file.isBinary) file.raw += '\n'
    files.push(decodeTexts(file))
  }
  return files
}

const EMPTY = {
  oldMode: null,
  newMode: null,
  isRename: false,
  oldObject: null,
  newObject: null,
  isBinary: false,
  binary: null,
  encoding: 'utf8',
  raw: '',
} as const

/** Both paths of `diff --git a/P b/P`; where they differ, later lines of the header say so. */
function headerPaths(line: string): { oldPath: string; newPath: string } {
  const rest = line.slice('diff --git '.length)
  const first = rest.slice(0, (rest.length - 1) / 2)
  const path = unquote(first).replace(/^a\//, '')
  return { oldPath: path, newPath: path }
}

function readHeader(lines: readonly string[], from: number, file: FilePatch): number {
  let at = from
  for (; at < lines.length; at++) {
    const line = lines[at]!
    const [, key = '', value = ''] =
      /^(old mode|new mode|new file mode|deleted file mode|rename from|rename to|copy from|copy to|index|---|\+\+\+) (.*)$/.exec(
        line,
      ) ?? []
    if (key === 'old mode') file.oldMode = value
    else if (key === 'new mode') file.newMode = value
    else if (key === 'new file mode') Object.assign(file, { newMode: value, oldPath: null })
    else if (key === 'deleted file mode') Object.assign(file, { oldMode: value, newPath: null })
    else if (key === 'rename from') Object.assign(file, { oldPath: unquote(value), isRename: true })
    else if (key === 'rename to') file.newPath = unquote(value)
    else if (key === 'index') readIndex(value, file)
    else if (key === '---') file.oldPath = sidePath(value)
    else if (key === '+++') file.newPath = sidePath(value)
    else if (line.startsWith('Binary files ')) file.isBinary = true
    else if (/^(@@ |GIT binary patch|diff --git )/.test(line)) break
  }
  return at
}

function readIndex(value: string, file: FilePatch): void {
  const [, oldObject = null, newObject = null, mode = null] =
    /^([0-9a-f]+)\.\.([0-9a-f]+)(?: (\d+))?$/.exec(value) ?? []
  Object.assign(file, { oldObject, newObject })
  if (mode) Object.assign(file, { oldMode: mode, newMode: mode })
}

function sidePath(value: string): string | null {
  const path = unquote(value.replace(/\t$/, ''))
  return path === '/dev/null' ? null : path.replace(/^[ab]\//, '')
}

function readHunk(lines: readonly string[], from: number, file: FilePatch): number {
  const [, oldStart, oldCount = '1', newStart, newCount = '1'] =
    /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(lines[from]!) ?? []
  const hunk: Hunk = { oldStart: Number(oldStart), newStart: Number(newStart), lines: [] }
  let oldLeft = Number(oldCount)
  let newLeft = Number(newCount)
  let at = from + 1
  for (; at < lines.length; at++) {
    const line = lines[at]!
    if (line.startsWith('\\')) {
      const last = hunk.lines.at(-1)
      if (last) last.text = last.text.slice(0, -1)
      continue
    }
    if (oldLeft <= 0 && newLeft <= 0) break
    // Some tools drop the blank of an empty context line.
    const mark = (line === '' && at < lines.length - 1 ? ' ' : line[0]) as PatchLine['mark'] | undefined
    if (mark !== ' ' && mark !== '+' && mark !== '-') break
    hunk.lines.push({ mark, text: `${line.slice(1)}\n` })
    if (mark !== '+') oldLeft--
    if (mark !== '-') newLeft--
  }
  file.hunks.push(hunk)
  return at
}

function readBinary(lines: readonly string[], from: number, file: FilePatch): number {
  file.isBinary = true
  const [, method, size] = /^(literal|delta) (\d+)$/.exec(lines[from] ?? '') ?? []
  if (!method) return from
  let at = from + 1
  while (at < lines.length && lines[at] !== '') at++
  const packed = decodeBase85Lines(lines.slice(from + 1, at))
  const data = inflateSync(packed)
  if (data.length !== Number(size)) {
    throw new Error(`the binary patch of ${pathOf(file)} has ${data.length} bytes where it says ${size}`)
  }
  file.binary = { method: method as BinaryChange['method'], data }
  return at
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeTexts(file: FilePatch): FilePatch {
  const lines = file.hunks.flatMap((hunk) => hunk.lines)
  try {
    const texts = lines.map((line) => utf8.decode(Buffer.from(line.text, 'latin1')))
    for (const [index, line] of lines.entries()) line.text = texts[index]!
  } catch {
    file.encoding = 'latin1'
  }
  return file
}

/** Undoes git's C-style quoting of a path, which is bytes in UTF-8. */
function unquote(quoted: string): string {
  const bytes = quoted.startsWith('"')
    ? quoted
        .slice(1, -1)
        .replace(/\\([0-7]{3}|.)/g, (_, code: string) =>
          code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (ESCAPES[code] ?? code),
        )
    : quoted
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

const ESCAPES: Record<string, string> = { a: '\x07', b: '\b', t: '\t', n: '\n', v: '\v', f: '\f', r: '\r' }
