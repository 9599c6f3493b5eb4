import type { TestResult } from '../../formats/environment.ts'

/** Why a test failed: a name that the code does not have, a check that did not hold, or something else. */
export type FailureReason = NonNullable<TestResult['reason']>

/** What a failure says of itself. */
export interface Failure {
  /** The error's own line and type, where the report has them. */
  head: string
  /** The rest: traceback, compiler's output. */
  text: string
}

/** Patterns whose first group is a name that is missing. */
const MISSING = [
  // Python
  /cannot import name ['"]([\w.]+)['"]/g,
  /ModuleNotFoundError: No module named ['"]?([\w.]+)/g,
  /AttributeError: (?:module|type object|'?[\w.]+'? object|<module) ?.*has no attribute ['"](\w+)['"]/g,
  /NameError: (?:free variable|name) ['"](\w+)['"]/g,
  /TypeError: .*got an unexpected keyword argument ['"](\w+)['"]/g,
  /fixture ['"](\w+)['"] not found/g,
  // JavaScript and TypeScript
  /does not provide an export named ['"]([\w$]+)['"]/g,
  /ReferenceError: ([\w$]+) is not defined/g,
  /(?:^|[\s(,.])(?:[\w$]+\??\.)*([\w$]+)\)? is not a (?:function|constructor)/gm,
  /Cannot find (?:module|package) ['"]([^'"]+)['"]/g,
  /Failed to (?:resolve import|load url) "?([^\s"]+)/g,
  /TS2(?:305|339|304|552|614|551)[^']*'([^']+)'/g,
  // Go
  /undefined: (?:\w+\.)?(\w+)/g,
  /undefined \(type .* has no field or method (\w+)/g,
  /unknown field (\w+) in struct literal/g,
  // Rust
  /error\[E0(?:026|027|405|407|412|422|423|424|425|432|433|437|438|531|559|560|574|599|609)\][^`\n]*`([^`]+)`/g,
  // Java
  /symbol: +(?:class|method|variable|static|constructor)\s+(\w+)/g,
  /error: package ([\w.]+) does not exist/g,
  /(?:NoSuchMethodError|NoSuchFieldError|NoClassDefFoundError|ClassNotFoundException): ([\w./$]+)/g,
  // C and C++
  /implicit declaration of function [‘'`"](\w+)/g,
  /[‘'`](\w+)['’] (?:undeclared|was not declared)/g,
  /undefined reference to [‘'`"]([\w:]+)/g,
  /has no member named [‘'`"](\w+)/g,
  /unknown type name [‘'`"](\w+)/g,
  /fatal error: ([\w./-]+\.h\w*): No such file/g,
]

const ASSERTION =
  /\bAssertionError\b|\bERR_ASSERTION\b|\bAssertionFailedError\b|\bComparisonFailure\b|\bDID NOT RAISE\b|\bDID NOT WARN\b|assertion (?:`|failed|left)|panicked at 'assert|^E +assert\b|^assert\b|\bexpect\(.*\)\.|^(?:Error: )?expected .* to /im

/**
 * Tells a failure's reason. The error's own line decides where it says anything, since a traceback quotes source lines;
 * the missing names are those of the whole text, each once, in their order.
 */
export function tellFailure({ head, text }: Failure): { reason: FailureReason; missing?: string[] } {
  for (const part of [head, text]) {
    if (ASSERTION.test(part)) return { reason: 'assertion' }
    const missing = missingIn(part)
    if (missing.length > 0) return { reason: 'missing-name', missing }
  }
  return { reason: 'other' }
}

/** The names that a text says are missing. */
export function missingIn(text: string): string[] {
  const found = MISSING.flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => ({ name: match[1]!, index: match.index })),
  )
  return [...new Set(found.sort((a, b) => a.index - b.index).map(({ name }) => name))]
}
