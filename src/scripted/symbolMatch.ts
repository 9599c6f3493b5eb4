import { pathOf, type FilePatch } from './gitPatch.ts'
import { isKeyword, normaliseLine, tokensOf } from './language.ts'
import { definedSymbols } from './symbols.ts'

/**
 * Which of the agent's new symbols stands for which of the reference's: the same name where both have it, else the one
 * that stands most often in its place in lines that are the same but for new symbols.
 */
export function matchSymbols(reference: readonly FilePatch[], agent: readonly FilePatch[]): Map<string, string> {
  const theirs = definedSymbols(reference)
  const own = definedSymbols(agent)
  const onlyTheirs = new Set([...theirs].filter((name) => !own.has(name)))
  const onlyOwn = new Set([...own].filter((name) => !theirs.has(name)))
  if (onlyTheirs.size === 0 || onlyOwn.size === 0) return new Map()

  const shapes = new Map<string, string[][]>()
  forEachAdded(agent, (path, tokens) => {
    const shape = shapeOf(path, tokens, onlyOwn)
    if (shape) shapes.set(shape.key, [...(shapes.get(shape.key) ?? []), shape.names])
  })
  const votes = new Map<string, number>()
  forEachAdded(reference, (path, tokens) => {
    const shape = shapeOf(path, tokens, onlyTheirs)
    for (const names of (shape && shapes.get(shape.key)) ?? []) {
      for (const [index, name] of shape!.names.entries()) {
        const pair = `${name} ${names[index]}`
        votes.set(pair, (votes.get(pair) ?? 0) + 1)
      }
    }
  })
  const matched = new Map<string, string>()
  const taken = new Set<string>()
  for (const [pair] of [...votes].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))) {
    const [name, other] = pair.split(' ') as [string, string]
    if (matched.has(name) || taken.has(other)) continue
    matched.set(name, other)
    taken.add(other)
  }
  return matched
}

function forEachAdded(files: readonly FilePatch[], visit: (path: string, tokens: string[]) => void): void {
  for (const file of files) {
    const path = pathOf(file)
    for (const { mark, text } of file.hunks.flatMap((hunk) => hunk.lines)) {
      if (mark === '+') visit(path, tokensOf(normaliseLine(path, text)))
    }
  }
}

/** A line with its new symbols left open, and these in order; null where it has none. */
function shapeOf(
  path: string,
  tokens: readonly string[],
  symbols: ReadonlySet<string>,
): { key: string; names: string[] } | null {
  const names = tokens.filter((token) => symbols.has(token) && !isKeyword(token))
  if (names.length === 0) return null
  return { key: `${path} ${tokens.map((token) => (symbols.has(token) ? '§' : token)).join(' ')}`, names }
}
