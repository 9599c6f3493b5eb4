import { isFailure, moveFor, makeMove, type Bench, type Playing, type Seen } from './bench.ts'
import { splitLines } from './textEdit.ts'
import { quote } from './toolbox.ts'

/** Files over this size are not read whole. */
export const LARGEST_READ_BYTES = 300_000

const LARGEST_VIEW_BYTES = 15_000
/** In base64 less than 10,000 characters, which is what mini-swe-agent shows of an output. */
const CHUNK_BYTES = 7_200
const PATHS_IN_A_SURVEY = 100
const CUT = /\n\[… \d+ bytes in all; [^\n]*…\]\n/
const BEYOND = / has \d+ lines?; there is no line \d+\.$/
const SHOWN = /\n\[lines \d+-(\d+) of (\d+)[^\n]*\]$/

interface Size {
  lines: number
  bytes: number
}

interface View {
  path: string
  /** Lines from 1, or null for the whole file. */
  range: { start: number; end: number } | null
}

/** Searches for what speaks of the first of some files, where there is a tool for it. */
export function* searchFor(bench: Bench, paths: readonly string[]): Playing<void> {
  const name = paths[0]?.split('/').at(-1) ?? ''
  const stem = name.replace(/\.[^.]*$/, '') || name
  if (stem === '') return
  yield* makeMove(bench, 'search', stem, bench.toolbox.search(stem.replaceAll(/[^\w-]/g, '.')))
}

/** Looks around and reads files, so that the bench knows each of the paths. */
export function* lookAt(bench: Bench, paths: readonly string[]): Playing<void> {
  const sizes = yield* survey(bench, paths)
  const views: View[] = []
  for (const path of paths) {
    const size = sizes?.get(path)
    if (sizes && !size) bench.seen.set(path, { kind: 'absent' })
    else if (size?.bytes === 0) bench.seen.set(path, { kind: 'text', lines: [] })
    else if (size && size.bytes > LARGEST_READ_BYTES) bench.seen.set(path, { kind: 'bytes', sizeBytes: size.bytes })
    else views.push(...planViews(path, size))
  }
  const pieces = yield* readViews(bench, views, sizes)
  for (const [path, found] of pieces) bench.seen.set(path, assemble(found, sizes?.get(path)))
}

/** The sizes of the files that are there; null when there is no shell to ask. */
function* survey(bench: Bench, paths: readonly string[]): Playing<Map<string, Size> | null> {
  const sizes = new Map<string, Size>()
  for (let at = 0; at === 0 || at < paths.length; at += PATHS_IN_A_SURVEY) {
    const some = paths.slice(at, at + PATHS_IN_A_SURVEY)
    const count = some.length > 0 ? `wc -lc -- ${some.map(quote).join(' ')}` : ':'
    const list = bench.toolbox.run('ls -A | head -n 60')
    const uses = [list, bench.toolbox.run(at === 0 && !bench.isParallel ? `ls -A | head -n 60; ${count}` : count)]
    const asked = uses.filter((use) => use !== null).slice(at === 0 && bench.isParallel ? 0 : 1)
    if (asked.length === 0) return null
    const observation = (yield moveFor(bench, 'survey', '', asked)).at(-1) ?? ''
    const lines = observation.split('\n')
    for (const path of some) {
      const line = lines.map((text) => /^\s*(\d+)\s+(\d+)\s(.*)$/.exec(text)).find((match) => match?.[3] === path)
      if (line) sizes.set(path, { lines: Number(line[1]), bytes: Number(line[2]) })
    }
  }
  return sizes
}

function planViews(path: string, size: Size | undefined): View[] {
  if (!size || size.bytes <= LARGEST_VIEW_BYTES) return [{ path, range: null }]
  const total = size.lines + 1
  const each = Math.max(1, Math.floor((total * LARGEST_VIEW_BYTES * 0.8) / size.bytes))
  return Array.from({ length: Math.ceil(total / each) }, (_, n) => ({
    path,
    range: { start: n * each + 1, end: Math.min(total, (n + 1) * each) },
  }))
}

interface Piece {
  start: number
  text: string
}

/** Reads views one by one, or two at a time; what came cut is read again in halves. A file that cannot be read has null. */
function* readViews(
  bench: Bench,
  views: readonly View[],
  sizes: ReadonlyMap<string, Size> | null,
): Playing<Map<string, Piece[] | null>> {
  const pieces = new Map<string, Piece[] | null>(views.map((view) => [view.path, []]))
  const open = [...views]
  while (open.length > 0) {
    const some = open.splice(0, bench.isParallel ? 2 : 1)
    const uses = some.map((view) => bench.toolbox.view(view.path, view.range ?? undefined))
    if (uses.includes(null)) return new Map(views.map((view) => [view.path, null]))
    const asked = uses.filter((use) => use !== null)
    const observations = yield moveFor(
      bench,
      'look',
      some
        .map((view) => view.path)
        .filter(isFirst)
        .join(' and '),
      asked,
    )
    for (const [index, view] of some.entries()) {
      const found = pieces.get(view.path)
      const { text, next } = readView(observations[index] ?? '', asked[index]!.name, view)
      const range = view.range ?? rangeOf(sizes?.get(view.path))
      if (text === null) pieces.set(view.path, null)
      else if (!CUT.test(text)) {
        found?.push({ start: view.range?.start ?? 1, text })
        if (next) open.unshift(next)
      } else if (range && range.start < range.end) open.unshift(...halve(view.path, range))
      else pieces.set(view.path, null)
    }
  }
  return pieces
}

function isFirst(path: string, index: number, all: readonly string[]): boolean {
  return all.indexOf(path) === index
}

/** All lines of a file, with one more for a last one without an end. */
function rangeOf(size: Size | undefined): View['range'] {
  return size ? { start: 1, end: size.lines + 1 } : null
}

function halve(path: string, { start, end }: { start: number; end: number }): View[] {
  const middle = Math.floor((start + end) / 2)
  return [
    { path, range: { start, end: middle } },
    { path, range: { start: middle + 1, end } },
  ]
}

/** What a view has shown, null when it has shown nothing of a text, and the view that goes on from there. */
function readView(observation: string, tool: string, { path, range }: View): { text: string | null; next?: View } {
  const seen = withoutExitCode(observation, tool)
  if (seen === null || tool !== 'view') return { text: seen }
  if (seen === `${path} is not a text file.`) return { text: null }
  if (BEYOND.test(seen)) return { text: '' }
  const shown = SHOWN.exec(seen)
  if (!shown) return { text: seen }
  const [last, lines] = [Number(shown[1]), Number(shown[2])]
  const end = Math.min(range?.end ?? lines, lines)
  const text = seen.slice(0, shown.index + 1)
  return last < end ? { text, next: { path, range: { start: last + 1, end } } } : { text }
}

/** An observation as the file's text; null for a command that failed. A shell's observation ends with its exit code. */
function withoutExitCode(observation: string, tool: string): string | null {
  if (isFailure(observation)) return null
  return tool !== 'view' && tool !== 'read_file' ? observation.replace(/\[exit code 0\]$/, '') : observation
}

function assemble(pieces: readonly Piece[] | null, size: Size | undefined): Seen {
  if (pieces === null) return size ? { kind: 'bytes', sizeBytes: size.bytes } : { kind: 'absent' }
  let text = [...pieces]
    .sort((a, b) => a.start - b.start)
    .map((piece) => piece.text)
    .join('')
  const sizeBytes = Buffer.byteLength(text)
  // A shell's observation has a line end more where the file has none at its end.
  if (size && sizeBytes === size.bytes + 1 && text.endsWith('\n')) text = text.slice(0, -1)
  else if (size && sizeBytes !== size.bytes) return { kind: 'bytes', sizeBytes: size.bytes }
  return { kind: 'text', lines: splitLines(text) }
}

/** Reads a file's bytes through base64; null when that does not work. */
export function* readBytes(bench: Bench, path: string, sizeBytes: number): Playing<Buffer | null> {
  const chunks: Buffer[] = []
  for (let at = 0; at < sizeBytes; at += CHUNK_BYTES) {
    const command = `tail -c +${at + 1} -- ${quote(path)} | head -c ${CHUNK_BYTES} | base64 | tr -d '\\n'`
    const observation = yield* makeMove(bench, 'look', path, bench.toolbox.run(command))
    if (observation === null) return null
    chunks.push(Buffer.from(observation.replace(/\n?\[exit code 0\]$/, ''), 'base64'))
  }
  const bytes = Buffer.concat(chunks)
  return bytes.length === sizeBytes ? bytes : null
}
