/** Marks of line comments by file ending. Files of other endings have no comments that we know of. */
const COMMENT_MARKS: Record<string, string> = Object.fromEntries([
  ...['py', 'pyi', 'rb', 'sh', 'bash', 'yml', 'yaml', 'toml', 'cfg', 'pl', 'r', 'jl', 'ex', 'exs', 'cmake'].map(
    (end) => [end, '#'],
  ),
  ...['js', 'mjs', 'cjs', 'jsx', 'ts', 'mts', 'cts', 'tsx', 'java', 'kt', 'go', 'rs', 'c', 'h', 'cc', 'cpp', 'hpp'].map(
    (end) => [end, '//'],
  ),
  ...['cs', 'swift', 'scala', 'php', 'dart', 'zig', 'groovy', 'scss'].map((end) => [end, '//']),
  ...['sql', 'lua', 'hs'].map((end) => [end, '--']),
])

const KEYWORDS = new Set(
  `abstract and any as assert async await bool boolean break case catch char class const continue def default del delete do
double elif else end enum except export extends extern false False final finally float fn for from func function global
goto if impl implements import in instanceof int interface is lambda let long loop match mod module mut namespace new nil
none None nonlocal not null number object of or override package pass private protected pub public raise return self short
signed static str string struct super switch this throw throws trait true True try type typeof undefined union unsigned use
using val var void volatile where while with yield`.split(/\s+/),
)

/** The mark of a line comment in a file, or null where none is known. */
export function commentMarkOf(path: string): string | null {
  return COMMENT_MARKS[/\.([A-Za-z]+)$/.exec(path)?.[1]?.toLowerCase() ?? ''] ?? null
}

/** Whether a word is a keyword or a plain type in some common language. */
export function isKeyword(word: string): boolean {
  return KEYWORDS.has(word)
}

/** A line of a file without its comment and without white space that does not matter; empty for a comment alone. */
export function normaliseLine(path: string, line: string): string {
  const mark = commentMarkOf(path)
  let text = line.trim()
  if (mark) {
    if (text.startsWith(mark)) return ''
    if (mark === '//' && /^(\/\*|\*\/|\*(\s|$))/.test(text)) return ''
    const at = text.search(mark === '#' ? /\s#\s/ : mark === '--' ? /\s--\s/ : /\s\/\/\s/)
    if (at > 0 && hasClosedQuotes(text.slice(0, at))) text = text.slice(0, at).trim()
  }
  return text.replace(/\s+/g, ' ')
}

function hasClosedQuotes(text: string): boolean {
  return ['"', "'", '`'].every((quote) => (text.split(quote).length - 1) % 2 === 0)
}

/** The tokens of a line of code: words, numbers, quoted texts, operators. */
export function tokensOf(line: string): string[] {
  return line.match(TOKEN) ?? []
}

const TOKEN =
  /[A-Za-z_$][\w$]*|\d[\w.]*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|===|!==|==|!=|<=|>=|=>|->|&&|\|\||\?\?|[^\s\w]/g
