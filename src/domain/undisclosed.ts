import type { TestReport } from '../formats/environment.ts'

/** A failing test and the names for want of which it fails. */
export interface Undisclosed {
  id: string
  names: string[]
}

/**
 * The tests of a report that fail only for names that no query disclosed: the code does not have them, and each was
 * brought in by a humans' pull request that the agent did in its own way. No other implementation could pass them.
 */
export function findUndisclosed(report: TestReport, isUndisclosed: (name: string) => boolean): Undisclosed[] {
  return report.tests.flatMap(({ id, reason, missing = [] }) =>
    reason === 'missing-name' && missing.length > 0 && missing.every(isUndisclosed) ? [{ id, names: missing }] : [],
  )
}

/** All names that some tests of a report lack, each once. */
export function missingNames(report: TestReport): string[] {
  return [...new Set(report.tests.flatMap((test) => (test.reason === 'missing-name' ? (test.missing ?? []) : [])))]
}

/**
 * Of some test files those whose every test fails only for undisclosed names: they cannot even be loaded by another
 * implementation. A test belongs to the file that its id begins with.
 */
export function undisclosedFiles(
  report: TestReport,
  options: { paths: readonly string[]; undisclosed: readonly Undisclosed[] },
): { path: string; names: string[] }[] {
  const names = new Map(options.undisclosed.map((test) => [test.id, test.names]))
  return options.paths.flatMap((path) => {
    const own = report.tests.filter(({ id }) => belongsTo(id, path))
    if (own.length === 0 || !own.every(({ id }) => names.has(id))) return []
    return [{ path, names: [...new Set(own.flatMap(({ id }) => names.get(id)!))].sort() }]
  })
}

/** A file that could not be loaded is reported under its module's name, without a file or an ending. */
function belongsTo(id: string, path: string): boolean {
  const module = path.replace(/\.\w+$/, '').replaceAll('/', '.')
  return id === path || id.startsWith(`${path}::`) || id === module || id === `::${module}`
}
