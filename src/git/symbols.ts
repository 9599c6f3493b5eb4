import type { FileHunks } from './hunks.ts'

/** The names in a change's lines. */
export interface ChangeNames {
  /** Defined in the changed lines, or in what git shows around them: the functions and classes that it works on. */
  defined: Set<string>
  /** All that stand in the changed lines, the defined ones included. */
  named: Set<string>
}

/** A file so long changed is generated or data: its names say nothing. */
const MOST_LINES = 5_000
const NAME = /[\p{L}_$][\p{L}\p{N}_$]*/gu
const DEFINED = [
  // Word, then name: most languages. A receiver or type parameters may stand between.
  /\b(?:def|class|function|fn|func|fun|struct|enum|trait|interface|type|union|module|mod|namespace|const|let|var|val|static|macro_rules!|impl|package|protocol|object|record|sub|method|data|newtype|#define)\s+(?:\([^)]*\)\s*|<[^>]*>\s*|mut\s+)*([\p{L}_$][\p{L}\p{N}_$]*)/gu,
  // A name that gets a value at the start of a line, or a key.
  /^\s*(?:export\s+|public\s+|private\s+|self\.|this\.|cls\.)*([\p{L}_$][\p{L}\p{N}_$]*)\s*(?::[^=:()]{1,60})?[:+]?=(?!=)/gu,
  // A function as C and its kin write it: type, name, parameters, brace.
  /^(?!\s*(?:return|await|yield|raise|throw|if|elif|else|while|for|print|assert|not|case|del|new)\b)[\w:*&<>,\s]+?[\s*&]([\p{L}_$][\p{L}\p{N}_$]*)\s*\([^;]*\)\s*(?:const\s*)?\{?\s*$/gu,
  // A method of a JavaScript class.
  /^\s+(?:async\s+|static\s+|get\s+|set\s+|\*\s*)*([\p{L}_$][\p{L}\p{N}_$]*)\s*\([^;]*\)\s*(?::[^;]*)?\{\s*$/gu,
]

/** Words of programming languages and of everyday code, which two changes share for no reason. */
const COMMON = new Set(
  [
    'abstract and any args array assert async auto await base bool boolean break bytes callable case cast catch char',
    'class cls cmp code config const continue copy count data debug def default defer del delete dict double dtype each',
    'echo elif else elseif end endif enum error eval event except exception exit export expect extends extern false file',
    'filter final finally float fmt for foreach format from func function get getattr global goto group hasattr hash',
    'head help hidden hint id idx if impl implements import in index info init inline input insert instance instanceof',
    'int interface into is isinstance item items iter iterable join json key keys kind kwargs label lambda last left len',
    'length let level line lines list log long loop main map match max message method min mod module msg mut name',
    'namespace new next nil none nonlocal not null num number obj object of offset ok one open operator option optional',
    'options or order other out output override package param params parent parse parser pass path pattern payload point',
    'pop pos position print private prop props protected pub public push put raise range raw read ref register reject',
    'rename repeat replace repr request require resolve response result return reverse right root row run runtime save',
    'scope self send sequence set setattr short signed size sizeof slice some sort source spec split src start state',
    'static std step stop str string struct sub sum super switch symbol sync table tag target template temp test tests',
    'text then this throw throws time title tmp to token tokens total trait true try tuple type typedef typename typeof',
    'types typing undefined union unit unsafe unsigned unwrap update url use used user using utf val value values var',
    'vec vector version view virtual void volatile when where while width with without word write yield zip',
    'assertEqual assertTrue describe pytest vitest jest TypeError ValueError Error None True False String Option Vec',
    'Promise Array Object Map Set Result Self Some Ok Err Any Dict List Optional Union Callable Sequence Iterable',
  ]
    .join(' ')
    .split(' '),
)

/** Reads the names of a change's lines; in no language in particular. */
export function readNames(files: readonly FileHunks[]): ChangeNames {
  const names: ChangeNames = { defined: new Set(), named: new Set() }
  for (const { hunks } of files) {
    if (hunks.reduce((sum, { oldCount, newCount }) => sum + oldCount + newCount, 0) > MOST_LINES) continue
    for (const { around, removed, added } of hunks) {
      for (const name of definedIn(around)) names.defined.add(name)
      for (const line of [...removed, ...added]) {
        if (line.length > 1_000) continue
        for (const name of definedIn(line)) names.defined.add(name)
        for (const [name] of line.matchAll(NAME)) if (isTelling(name)) names.named.add(name)
      }
    }
  }
  for (const name of names.defined) names.named.add(name)
  return names
}

/** The names that both have and one of them defines, or works on, at least; sorted. */
export function sharedNames(a: ChangeNames, b: ChangeNames): string[] {
  return [...a.named]
    .filter((name) => b.named.has(name) && (a.defined.has(name) || b.defined.has(name)))
    .sort((x, y) => (x < y ? -1 : 1))
}

function definedIn(line: string): string[] {
  return DEFINED.flatMap((pattern) => [...line.matchAll(pattern)].map(([, name]) => name!)).filter(isTelling)
}

/** Long enough to be chosen by somebody, and no word that any code has. */
function isTelling(name: string): boolean {
  return name.length >= 3 && !COMMON.has(name) && !COMMON.has(name.toLowerCase()) && !/^_+$/.test(name)
}
