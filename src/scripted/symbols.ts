import type { FilePatch } from './gitPatch.ts'
import { isKeyword } from './language.ts'

const NAME = '[A-Za-z_$][\\w$]*'
const DEFINITIONS = [
  new RegExp(
    `\\b(?:function\\*?|class|def|fn|func|interface|type|struct|enum|trait|const|let|var|val|mod)\\s+(${NAME})`,
    'g',
  ),
  new RegExp(
    `^\\s*(?:self\\.|this\\.|export\\s+|static\\s+|readonly\\s+|private\\s+|public\\s+)*(${NAME})\\s*(?::[^=]+)?=(?![=>])`,
    'g',
  ),
  new RegExp(`^\\s*(?:async\\s+|static\\s+|get\\s+|set\\s+)*(${NAME})\\s*\\([^()]*\\)\\s*(?::[^{]+)?\\{`, 'g'),
  new RegExp(`\\bfor\\s*\\(?\\s*(?:const\\s+|let\\s+|var\\s+)?(${NAME})\\s+(?:in|of)\\b`, 'g'),
  new RegExp(`(${NAME})\\s*:=`, 'g'),
  new RegExp(`\\bas\\s+(${NAME})\\s*:`, 'g'),
]
const PARAMETERS = /\b(?:def|function|fn|func)\s*[\w$]*\s*\(([^()]*)\)?/g

/** The names that the added lines of a patch define and that none of its other lines has. */
export function definedSymbols(files: readonly FilePatch[]): Set<string> {
  const lines = files.flatMap((file) => file.hunks.flatMap((hunk) => hunk.lines))
  const known = new Set(lines.filter((line) => line.mark !== '+').flatMap((line) => wordsIn(line.text)))
  const defined = new Set<string>()
  for (const { mark, text } of lines) {
    if (mark !== '+') continue
    for (const name of definedIn(text)) if (!known.has(name) && !isKeyword(name)) defined.add(name)
  }
  return defined
}

/** The words of a text that could be names. */
export function wordsIn(text: string): string[] {
  return text.match(/[A-Za-z_$][\w$]*/g) ?? []
}

function definedIn(line: string): string[] {
  const names = DEFINITIONS.flatMap((pattern) => [...line.matchAll(pattern)].map((match) => match[1]!))
  const parameters = [...line.matchAll(PARAMETERS)].flatMap((match) =>
    match[1]!.split(',').flatMap((part) => new RegExp(`^\\s*(${NAME})`).exec(part)?.[1] ?? []),
  )
  return [...names, ...parameters]
}

/** A text in which whole words have other names; words in plain quotes or in a path or a file's name keep theirs. */
export function renameWords(text: string, names: ReadonlyMap<string, string>): string {
  if (names.size === 0) return text
  return text.replace(
    /"(?:[^"\\\n{]|\\.)*"|'(?:[^'\\\n{]|\\.)*'|(?<![\w$/])[A-Za-z_$][\w$]*(?![\w$]|\/|\.(?:js|ts|py|go|rs|json|md)\b)/g,
    (part) => names.get(part) ?? part,
  )
}
