import { pathFromBytes } from './path.ts'
import type { ChangeRange } from './port.ts'
import { checkName, inScratch, type Scratch } from './scratch.ts'

const COMPARE = [
  ...['diff-tree', '--stdin', '--always', '-r', '-M', '-p', '-U0', '--inter-hunk-context=0', '--no-color'],
  ...['--diff-algorithm=myers', '--no-ext-diff', '--no-textconv', '--src-prefix=a/', '--dst-prefix=b/'],
]

/** One run of changed lines. */
export interface Hunk {
  /** First line that went, counted from 1, and how many; with none, the line after which the new ones stand. */
  oldStart: number
  oldCount: number
  newStart: number
  newCount: number
  /** What git shows of the code around: the line that begins the function or section, often empty. */
  around: string
  removed: string[]
  added: string[]
}

/** The changed lines of one text file. */
export interface FileHunks {
  /** Before; null for a new file. */
  oldPath: string | null
  /** After; null for a deleted one. */
  newPath: string | null
  hunks: Hunk[]
}

/** The changed lines of each of some ranges, in one git process. Binary files have no hunks. Throws {@link GitError}. */
export async function readHunks(scratch: Scratch, ranges: readonly ChangeRange[]): Promise<FileHunks[][]> {
  const { stdout } = await scratch.git.run(COMPARE, {
    ...inScratch(scratch),
    input: ranges
      .map(({ baseSha, resultSha }) => `${checkName(scratch, resultSha)} ${checkName(scratch, baseSha)}\n`)
      .join(''),
  })
  return parseHunks(stdout)
}

/** Reads patches without context, each after a line with its commit. */
function parseHunks(output: Buffer): FileHunks[][] {
  const changes: FileHunks[][] = []
  let file: FileHunks | null = null
  let hunk: Hunk | null = null
  let left = 0
  for (let start = 0; start < output.length;) {
    const end = output.indexOf(0x0a, start)
    const line = output.subarray(start, end === -1 ? output.length : end)
    start = end === -1 ? output.length : end + 1
    if (hunk && left > 0) {
      // Within a hunk its counts alone say what a line is: content may look like anything.
      const text = line.toString('utf8', 1)
      if (line[0] === 0x2d) hunk.removed.push(text)
      else if (line[0] === 0x2b) hunk.added.push(text)
      else continue
      left -= 1
      continue
    }
    const text = line.toString('latin1')
    if (/^[0-9a-f]{40}$/.test(text)) changes.push([])
    else if (text.startsWith('diff --git ')) changes.at(-1)!.push((file = { oldPath: null, newPath: null, hunks: [] }))
    else if (file && text.startsWith('rename from ')) file.oldPath = pathOf(line.subarray(12), '')
    else if (file && text.startsWith('rename to ')) file.newPath = pathOf(line.subarray(10), '')
    else if (file && text.startsWith('--- ')) file.oldPath = pathOf(line.subarray(4), 'a/')
    else if (file && text.startsWith('+++ ')) file.newPath = pathOf(line.subarray(4), 'b/')
    else {
      const header = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?/.exec(text)
      if (!header || !file) continue
      const [oldStart = 0, oldCount = 1, newStart = 0, newCount = 1] = header
        .slice(1)
        .map((n) => (n === undefined ? undefined : Number(n)))
      hunk = {
        oldStart,
        oldCount,
        newStart,
        newCount,
        around: line.toString('utf8', header[0].length),
        removed: [],
        added: [],
      }
      file.hunks.push(hunk)
      left = oldCount + newCount
    }
  }
  return changes
}

/** A path as a patch has it: quoted where it holds special characters, else up to the tab that follows one with blanks. */
function pathOf(bytes: Buffer, prefix: 'a/' | 'b/' | ''): string | null {
  const tab = bytes.indexOf(0x09)
  const plain = tab === -1 ? bytes : bytes.subarray(0, tab)
  if (plain.equals(Buffer.from('/dev/null'))) return null
  return pathFromBytes((plain[0] === 0x22 ? unquote(plain) : plain).subarray(prefix.length))
}

/** The bytes of a path that git wrote as a C string. */
function unquote(path: Buffer): Buffer {
  const inside = path.subarray(1, -1).toString('latin1')
  return Buffer.from(
    [...inside.matchAll(/\\([0-7]{3})|\\(.)|([^\\])/gs)].map(([, octal, escape, other]) =>
      octal === undefined ? (other ?? ESCAPES[escape!] ?? escape!).charCodeAt(0) : Number.parseInt(octal, 8),
    ),
  )
}

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' }
