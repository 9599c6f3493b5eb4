import { applyDelta, gitObjectName } from './binaryPatch.ts'
import { isFailure, makeMove, type Bench, type Playing } from './bench.ts'
import { pathOf, type FilePatch, type Hunk, type PatchLine } from './gitPatch.ts'
import { LARGEST_READ_BYTES, lookAt, readBytes } from './looking.ts'
import { placeHunk } from './placement.ts'
import { renderHunkPatch } from './hunkPatch.ts'
import { makeTextEdit, splitLines } from './textEdit.ts'
import { quote, wrapBase64 } from './toolbox.ts'
import { isLinewise, newTexts } from './work.ts'

const WRITTEN_BYTES = 45_000

/** One file's change as the agent carries it out. */
export interface Change {
  reference: FilePatch
  /** For each hunk of the reference the lines to play, or null to leave it out. */
  hunks: readonly (readonly PatchLine[] | null)[]
  /** What may stand in a hunk's place instead of its old lines: what an earlier round wrote. */
  variants?: (hunk: number) => readonly string[][]
}

/** The paths that the agent reads before it changes a file. */
export function pathsToRead(file: FilePatch): string[] {
  const paths =
    file.newPath === null
      ? [file.oldPath]
      : [file.oldPath, file.isRename || file.oldPath === null ? file.newPath : null]
  return file.oldMode === '120000' || file.newMode === '160000' ? [] : paths.filter((path) => path !== null)
}

/** Makes one file what the change says, by the agent's tools, from what the bench has seen of it. */
export function* changeFile(bench: Bench, change: Change): Playing<void> {
  const { reference } = change
  const path = pathOf(reference)
  if ([reference.oldMode, reference.newMode].includes('160000')) return
  if (reference.newPath === null) return yield* removeFile(bench, path, reference.oldMode)
  if (reference.isRename) yield* moveFile(bench, reference.oldPath!, path)

  if (reference.newMode === '120000')
    return yield* linkFile(bench, path, newTexts(reference.hunks[0]?.lines ?? []).join(''))
  if (reference.isBinary) yield* changeBinary(bench, reference)
  else if (isLinewise(reference)) yield* changeLines(bench, change)
  else if (reference.oldPath === null) yield* writeFile(bench, change)
  const wasExecutable = reference.oldMode === '100755'
  const isExecutable = reference.newMode === '100755'
  if (wasExecutable !== isExecutable && reference.newMode !== null) {
    yield* arrange(bench, path, `chmod ${isExecutable ? 755 : 644} ${quote(path)}`)
  }
}

function* arrange(bench: Bench, path: string, command: string): Playing<void> {
  yield* makeMove(bench, 'move', path, bench.toolbox.run(command))
}

function* removeFile(bench: Bench, path: string, mode: string | null): Playing<void> {
  // A look at a link to nowhere finds nothing.
  if (mode !== '120000' && bench.seen.get(path)?.kind === 'absent') return
  yield* arrange(bench, path, `rm -f -- ${quote(path)}`)
  bench.seen.set(path, { kind: 'absent' })
}

function* moveFile(bench: Bench, from: string, to: string): Playing<void> {
  const seen = bench.seen.get(from)
  if (!seen || seen.kind === 'absent') return
  yield* arrange(bench, to, `${makeFolder(to)} && mv -- ${quote(from)} ${quote(to)}`)
  bench.seen.set(to, seen)
  bench.seen.set(from, { kind: 'absent' })
}

function* linkFile(bench: Bench, path: string, target: string): Playing<void> {
  yield* arrange(bench, path, `${makeFolder(path)} && ln -sfn -- ${quote(target)} ${quote(path)}`)
}

function makeFolder(path: string): string {
  return `mkdir -p -- "$(dirname -- ${quote(path)})"`
}

/** Writes a new text file as a whole, unless it stands there already. */
function* writeFile(bench: Bench, { reference, hunks }: Change): Playing<void> {
  const path = pathOf(reference)
  if (reference.hunks.length > 0 && !hunks[0]) return
  const lines = newTexts(hunks[0] ?? [])
  if (reference.encoding === 'latin1') return yield* writeBytes(bench, path, Buffer.from(lines.join(''), 'latin1'))
  const seen = bench.seen.get(path)
  if (seen?.kind === 'text' && seen.lines.join('') === lines.join('')) return
  yield* makeMove(bench, 'write', path, bench.toolbox.write(path, lines.join('')))
  bench.seen.set(path, { kind: 'text', lines })
}

function* changeLines(bench: Bench, change: Change): Playing<void> {
  const path = pathOf(change.reference)
  const seen = bench.seen.get(path)
  if (!seen || seen.kind === 'absent') return
  if (seen.kind === 'text' && change.reference.encoding === 'utf8') yield* editLines(bench, change, seen.lines)
  else if (seen.kind === 'bytes' && seen.sizeBytes > LARGEST_READ_BYTES) yield* patchLines(bench, change)
  else
    yield* rewriteBytes(bench, change, seen.kind === 'bytes' ? seen.sizeBytes : Buffer.byteLength(seen.lines.join('')))
}

/** Edits hunk by hunk; a refused edit is taken up once more from a fresh look, as a whole file. */
function* editLines(bench: Bench, { reference, hunks, variants }: Change, seen: string[]): Playing<void> {
  const path = pathOf(reference)
  let lines = seen
  let shift = 0
  for (const [index, hunk] of hunks.entries()) {
    if (!hunk) continue
    const place = () =>
      placeHunk(lines, hunk, { around: expectedAt(reference.hunks[index]!) + shift, variants: variants?.(index) ?? [] })
    let placement = place()
    if (placement.status === 'present') shift += growthOf(hunk)
    if (placement.status !== 'placed') continue
    let whole = lines.toSpliced(placement.start, placement.end - placement.start, ...placement.lines)
    const edit = makeTextEdit(lines, placement)
    const { toolbox } = bench
    const use = edit ? toolbox.edit(path, edit, whole.join('')) : toolbox.write(path, whole.join(''))
    const observation = yield* makeMove(bench, 'edit', path, use)
    if (observation === null) return
    if (isFailure(observation)) {
      yield* lookAt(bench, [path])
      const again = bench.seen.get(path)
      if (again?.kind !== 'text') return
      lines = again.lines
      placement = place()
      if (placement.status !== 'placed') continue
      whole = lines.toSpliced(placement.start, placement.end - placement.start, ...placement.lines)
      yield* makeMove(bench, 'write', path, toolbox.write(path, whole.join('')))
    }
    lines = splitLines(whole.join(''))
    shift += placement.lines.length - (placement.end - placement.start)
    bench.seen.set(path, { kind: 'text', lines })
  }
}

function expectedAt(hunk: Hunk): number {
  return Math.max(0, hunk.oldStart - 1)
}

function growthOf(hunk: readonly PatchLine[]): number {
  return hunk.reduce((sum, line) => sum + (line.mark === '+' ? 1 : line.mark === '-' ? -1 : 0), 0)
}

/** For a file that is too large to be read: each hunk as a patch for git, which finds its place. */
function* patchLines(bench: Bench, { reference, hunks }: Change): Playing<void> {
  if (reference.encoding !== 'utf8') return
  for (const [index, hunk] of hunks.entries()) {
    if (hunk)
      yield* applyWithGit(
        bench,
        pathOf(reference),
        renderHunkPatch(reference, { ...reference.hunks[index]!, lines: [...hunk] }),
      )
  }
}

function* applyWithGit(bench: Bench, path: string, patch: string): Playing<void> {
  let end = 'END_OF_PATCH'
  while (patch.includes(end)) end += '_'
  yield* arrange(bench, path, `git apply -C1 --whitespace=nowarn - <<'${end}'\n${patch}${end}`)
}

/** For a file that is not UTF-8: read, changed and written as bytes. */
function* rewriteBytes(bench: Bench, { reference, hunks, variants }: Change, sizeBytes: number): Playing<void> {
  const bytes = yield* readBytes(bench, pathOf(reference), sizeBytes)
  if (!bytes) return
  const asBytes = (text: string) => (reference.encoding === 'latin1' ? text : Buffer.from(text).toString('latin1'))
  let lines = splitLines(bytes.toString('latin1'))
  for (const [index, hunk] of hunks.entries()) {
    if (!hunk) continue
    const placement = placeHunk(
      lines,
      hunk.map((line) => ({ ...line, text: asBytes(line.text) })),
      {
        around: expectedAt(reference.hunks[index]!),
        variants: (variants?.(index) ?? []).map((variant) => variant.map(asBytes)),
      },
    )
    if (placement.status === 'placed')
      lines = lines.toSpliced(placement.start, placement.end - placement.start, ...placement.lines)
  }
  const made = Buffer.from(lines.join(''), 'latin1')
  if (!made.equals(bytes)) yield* writeBytes(bench, pathOf(reference), made)
}

function* changeBinary(bench: Bench, reference: FilePatch): Playing<void> {
  const path = pathOf(reference)
  const { binary } = reference
  if (!binary) return
  if (binary.method === 'literal') return yield* writeBytes(bench, path, binary.data)
  const seen = bench.seen.get(path)
  if (!seen || seen.kind === 'absent') return
  const sizeBytes = seen.kind === 'bytes' ? seen.sizeBytes : Buffer.byteLength(seen.lines.join(''))
  if (sizeBytes > LARGEST_READ_BYTES) return yield* applyWithGit(bench, path, reference.raw)
  const old = yield* readBytes(bench, path, sizeBytes)
  if (old && gitObjectName(old) === reference.oldObject) yield* writeBytes(bench, path, applyDelta(old, binary.data))
}

function* writeBytes(bench: Bench, path: string, bytes: Buffer): Playing<void> {
  if (bytes.length === 0) return yield* arrange(bench, path, `${makeFolder(path)} && : > ${quote(path)}`)
  for (let at = 0; at < bytes.length; at += WRITTEN_BYTES) {
    const data = wrapBase64(bytes.subarray(at, at + WRITTEN_BYTES))
    const target = at === 0 ? `${makeFolder(path)} && base64 -d > ${quote(path)}` : `base64 -d >> ${quote(path)}`
    yield* arrange(bench, path, `${target} <<'END'\n${data}\nEND`)
  }
}
