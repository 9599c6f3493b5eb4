import { pathOf, type PatchLine } from './gitPatch.ts'
import { commentMarkOf } from './language.ts'
import { definedSymbols, renameWords, wordsIn } from './symbols.ts'
import { isLinewise, type PlannedFile, type Work } from './work.ts'

const IMPORT = /^(import\s.+|from\s+\S+\s+import\s.+[^(\\])$/

/**
 * The same work another way: a comment more in each file, neighbouring added imports in another order, local variables
 * by other names. Only files whose comments we know are varied.
 */
export function varyWork(work: Work): Work {
  const symbols = definedSymbols(work.files.map((file) => file.reference))
  return { ...work, files: work.files.map((file) => varyFile(file, symbols)) }
}

function varyFile(file: PlannedFile, symbols: ReadonlySet<string>): PlannedFile {
  const { reference } = file
  const mark = commentMarkOf(pathOf(reference))
  if (!mark || reference.encoding !== 'utf8' || reference.isBinary || reference.newMode === '120000') return file
  const locals = findLocals(file, symbols)
  let isTold = false
  const hunks = file.hunks.map((lines) => {
    if (!lines) return null
    const turned = turnImports(
      lines.map((line) => (line.mark === '+' ? { ...line, text: renameWords(line.text, locals) } : line)),
    )
    const at = isTold ? -1 : findPlaceForComment(turned, !isLinewise(reference))
    if (at < 0) return turned
    isTold = true
    const indent = /^[ \t]*/.exec(turned[at]!.text)![0]
    return turned.toSpliced(at, 0, { mark: '+', text: `${indent}${mark} Same effect, told another way.\n` })
  })
  return { ...file, hunks }
}

/** The first added line that does not go on with the one before; -1 when there is none. */
function findPlaceForComment(lines: readonly PatchLine[], isNewFile: boolean): number {
  const at = lines.findIndex(
    (line, index) => line.mark === '+' && line.text.trim() !== '' && !isContinuation(lines[index - 1]?.text),
  )
  // The first line of a file may be an interpreter line or a coding mark.
  return isNewFile && at === 0 && /^(#!|["'])/.test(lines[0]!.text) ? -1 : at
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
