import type { GitRepository } from '../../src/git/port.ts'
import type { Edit } from './degradations.ts'
import { describeFile, readHunks, splitLines, type HumanFile } from './humanPatch.ts'

/** The files that the humans' patch from `base` to `result` changed, with their texts. Submodules and links have none. */
export async function readHumanFiles(
  repository: GitRepository,
  { base, result }: { base: string; result: string },
): Promise<HumanFile[]> {
  const hunks = readHunks((await repository.patch(base, result)).toString('latin1'))
  const files: HumanFile[] = []
  for (const change of await repository.changes(base, result)) {
    const { path, oldPath, oldMode, newMode } = change
    const before = oldMode.startsWith('100') ? await repository.readFile(base, oldPath ?? path) : null
    const after = newMode.startsWith('100') ? await repository.readFile(result, path) : null
    const isText = change.additions !== null && (before ?? after) !== null
    files.push(
      describeFile(change, {
        before: isText ? (before?.toString('latin1') ?? null) : null,
        after: isText ? (after?.toString('latin1') ?? null) : null,
        // What is or was a link or a submodule is no text, and one that became a file is two files to a patch.
        hunks: isText && change.kind !== 'type-changed' ? (hunks.get(path) ?? []) : [],
      }),
    )
  }
  return files
}

/** A(t−1): the tree of `result` with edits, their paths as they were in `base` where an edit says so. */
export async function makeAgentTree(
  repository: GitRepository,
  { base, result, edits }: { base: string; result: string; edits: readonly Edit[] },
): Promise<string> {
  const before = edits.filter(({ kind }) => kind === 'as-before').map(({ path }) => path)
  const tree = await repository.withPathsFrom(result, base, before)
  const pieces: string[] = []
  for (const edit of edits) {
    if (edit.kind === 'as-before') continue
    const current = await repository.readFile(tree, edit.path)
    pieces.push(replaceFile(edit.path, current?.toString('latin1') ?? null, edit.text))
  }
  return pieces.length === 0 ? tree : repository.applyPatch(tree, Buffer.from(pieces.join(''), 'latin1'))
}

/** A patch that takes a file's every line out and puts other ones in. */
function replaceFile(path: string, current: string | null, text: string): string {
  const [from, to] = ['a', 'b'].map((side) => quote(`${side}/${path}`))
  const old = splitLines(current ?? '')
  const now = splitLines(text)
  const count = (lines: string[]) => (lines.length === 0 ? '0,0' : `1,${lines.length}`)
  return [
    `diff --git ${from} ${to}\n`,
    current === null ? `new file mode 100644\n--- /dev/null\n` : `--- ${from}\n`,
    `+++ ${to}\n@@ -${count(old)} +${count(now)} @@\n`,
    ...old.map((line) => mark('-', line)),
    ...now.map((line) => mark('+', line)),
  ].join('')
}

function mark(sign: string, line: string): string {
  return line.endsWith('\n') ? sign + line : `${sign}${line}\n\\ No newline at end of file\n`
}

function quote(path: string): string {
  const bytes = [...Buffer.from(path)].map((byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c
      ? `\\${byte.toString(8).padStart(3, '0')}`
      : String.fromCharCode(byte),
  )
  return `"${bytes.join('')}"`
}
