import { normaliseLine } from './language.ts'

/** Ways to get a line wrong, best first: each a pattern and what is put in its place. */
const WAYS: readonly [RegExp, (found: string, ...groups: string[]) => string][] = [
  [/(?<=\s)(===|!==|==|!=|<=|>=|<|>)(?=\s)/, (found) => OPPOSITES[found]!],
  [/(?<![-=<>!+*/%&|^])(===|!==|==|!=|<=|>=)(?![=>])/, (found) => OPPOSITES[found]!],
  [/\bis not\b/, () => 'is'],
  [/\bnot in\b/, () => 'in'],
  [/&&|\|\|/, (found) => (found === '&&' ? '||' : '&&')],
  [/(?<=\s)(and|or)(?=\s)/, (found) => (found === 'and' ? 'or' : 'and')],
  [/\b(if|while|elif)( \(?)(not |!)(?![=])/, (_, word, gap) => `${word}${gap}`],
  [/\b(if|while|elif) (?=[A-Za-z_])(?!let\b)(?=.*:\s*$)/, (_, word) => `${word} not `],
  [/\b(if|while) \((?=[A-Za-z_])/, (_, word) => `${word} (!`],
  [/\b(True|False|true|false)\b/, (found) => BOOLEANS[found]!],
  [/(?<![\w.])\d+(?![\w.])/, (found) => String(Number(found) + 1)],
]

const OPPOSITES: Record<string, string> = {
  '===': '!==',
  '!==': '===',
  '==': '!=',
  '!=': '==',
  '<=': '>',
  '>=': '<',
  '<': '>=',
  '>': '<=',
}
const BOOLEANS: Record<string, string> = { True: 'False', False: 'True', true: 'false', false: 'true' }

/** The line with one comparison, condition or constant wrong, and how far down the list of ways that was; null when none fits. */
export function alterLine(path: string, line: string): { text: string; rank: number } | null {
  const code = normaliseLine(path, line)
  if (code === '' || /^(import|from|export \*|use|#include|package|require)\b/.test(code) || /^["'`]/.test(code))
    return null
  for (const [rank, [pattern, change]] of WAYS.entries()) {
    // White space at both ends is outside of what may change, and so is what stands in quotes.
    const match = pattern.exec(hideQuoted(line))
    if (!match) continue
    const [found, ...groups] = match
    const text = `${line.slice(0, match.index)}${change(found, ...groups)}${line.slice(match.index + found.length)}`
    if (normaliseLine(path, text) !== code) return { text, rank }
  }
  return null
}

function hideQuoted(line: string): string {
  return line.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`/g, (quoted) => '_'.repeat(quoted.length))
}
