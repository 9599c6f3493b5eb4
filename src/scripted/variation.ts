import { pathOf, type PatchLine } from './gitPatch.ts'
import { commentMarkOf } from './language.ts'
import { definedSymbols, renameWords, wordsIn } from './symbols.ts'
import { isLinewise, type PlannedFile, type Work } from './work.ts'

const IMPORT = /^(import\s.+|from\s+\S+\s+import\s.+[^(\\])$/

/**
 * The same work another way: comments and blank lines more, neighbouring added imports in another order, local variables
 * by other names. Only files whose comments we know are varied.
 */
export function varyWork(work: Work): Work {
  const symbols = definedSymbols(work.files.map((file) => file.reference))
  return {
    ...work,
    files: work.files.map((file) => {
      const mark = commentMarkOf(pathOf(file.reference))
      if (!mark || file.reference.encoding !== 'utf8' || file.reference.isBinary) return file
      const locals = findLocals(file, symbols)
      return {
        ...file,
        hunks: file.hunks.map(
          (lines) => lines && varyLines(lines, { mark, locals, isNew: !isLinewise(file.reference) }),
        ),
      }
    }),
  }
}

function varyLines(
  lines: readonly PatchLine[],
  { mark, locals, isNew }: { mark: string; locals: ReadonlyMap<string, string>; isNew: boolean },
): PatchLine[] {
  const renamed = lines.map((line) => (line.mark === '+' ? { ...line, text: renameWords(line.text, locals) } : line))
  const turned = turnImports(renamed)
  const at = turned.findIndex(
    (line, index) => line.mark === '+' && line.text.trim() !== '' && !isContinuation(turned[index - 1]?.text),
  )
  // The first line of a file may be an interpreter line or a coding mark.
  if (at < 0 || (isNew && at === 0 && /^(#!|["'])/.test(turned[0]!.text))) return turned
  const indent = /^\s*/.exec(turned[at]!.text)![0].replace(/\n/g, '')
  return [
    ...turned.slice(0, at),
    { mark: '+', text: `${indent}${mark} Same effect, told another way.\n` },
    ...turned.slice(at),
  ]
}

function isContinuation(text: string | undefined): boolean {
  return text !== undefined && /(\\|[([{,"'`])\s*$/.test(text)
}

function turnImports(lines: readonly PatchLine[]): PatchLine[] {
  const turned = [...lines]
  for (let start = 0; start < turned.length; start++) {
    let end = start
    while (turned[end]?.mark === '+' && IMPORT.test(turned[end]!.text.trimEnd())) end++
    if (end - start > 1 && turned.slice(start, end).every((line) => line.text.endsWith('\n'))) {
      turned.splice(start, end - start, ...turned.slice(start, end).reverse())
    }
    start = Math.max(start, end - 1)
  }
  return turned
}

/** New local variables that only one hunk of a file knows, and only as plain words. */
function findLocals(file: PlannedFile, symbols: ReadonlySet<string>): Map<string, string> {
  const locals = new Map<string, string>()
  const texts = file.reference.hunks.map((hunk) => hunk.lines.map((line) => line.text).join(''))
  for (const name of symbols) {
    const inHunks = texts.filter((text) => wordsIn(text).includes(name))
    if (inHunks.length !== 1 || name.length < 3) continue
    const word = name.replace(/\$/g, '\\$')
    const isDeclared = new RegExp(`^\\s+(?:(?:const|let|var)\\s+)?${word} = `, 'm').test(inHunks[0]!)
    const isUsedOtherwise = new RegExp(
      `[.'"\`{$]\\s*${word}\\b|\\b${word}\\s*[:'"\`(}]|\\b${word}=|^${word}\\b`,
      'm',
    ).test(inHunks[0]!)
    if (isDeclared && !isUsedOtherwise) locals.set(name, name.includes('_') ? `${name}_here` : `${name}Here`)
  }
  return locals
}
