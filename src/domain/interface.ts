import type { StageInterface } from '../formats/rollout.ts'

const WORD = /[A-Za-z_$][\w$]{2,}/g
const LITERAL = /(["'`])((?:(?!\1|\\|\n).){6,200})\1/g

/** The identifiers in some lines of code, each once, in order of appearance. */
export function wordsOf(lines: readonly string[]): string[] {
  return [...new Set(lines.flatMap((line) => line.match(WORD) ?? []))]
}

/**
 * Names and literals that a stage's tests demand and the repository does not have yet: what stands in the added lines
 * of the tests and of the source, and nowhere in the base. Without them no other implementation could pass.
 */
export function deriveInterface(options: {
  addedTestLines: readonly string[]
  addedSourceLines: readonly string[]
  /** Those of the added source's words that the base tree has. */
  knownWords: ReadonlySet<string>
}): StageInterface {
  const { addedTestLines, addedSourceLines, knownWords } = options
  const inTests = new Set(wordsOf(addedTestLines))
  const names = wordsOf(addedSourceLines).filter(
    (word) => inTests.has(word) && !knownWords.has(word) && isIdentifier(word),
  )
  const source = addedSourceLines.join('\n')
  const literals = [...new Set(addedTestLines.flatMap((line) => [...line.matchAll(LITERAL)].map((match) => match[2]!)))]
  return { names, literals: literals.filter((literal) => /\s/.test(literal) && source.includes(literal)) }
}

/** The names that a patch brings into the repository. */
export function introducedNames(addedSourceLines: readonly string[], knownWords: ReadonlySet<string>): string[] {
  return wordsOf(addedSourceLines).filter((word) => !knownWords.has(word) && isIdentifier(word))
}

/** Whether a word looks like code rather than English: an underscore, a digit, or a capital inside. */
function isIdentifier(word: string): boolean {
  return /[_$\d]/.test(word) || /[a-z][A-Z]/.test(word)
}
