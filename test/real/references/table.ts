import type { Cue } from '../../../src/formats/chain.ts'
import { STRENGTH, type Unit } from './score.ts'

/** The kinds that make links; the others are only shown. */
const LINKS: ReadonlySet<Cue> = new Set(['extends', 'fixes', 'sibling'])

/** Precision and recall over all references apart from their kind, then of each kind. */
export function formatTable(units: readonly Unit[], texts: number): string {
  const expected = units.filter((unit) => unit.expected !== null)
  const found = units.filter((unit) => unit.found !== null)
  const both = expected.filter((unit) => unit.found !== null)
  const direct = (some: readonly Unit[]) => some.filter(({ viaIssue }) => viaIssue === null)
  const linked = both.filter((unit) => LINKS.has(unit.expected!) && LINKS.has(unit.found!))
  const kinds = STRENGTH.map((kind) => {
    const expectedOf = expected.filter((unit) => unit.expected === kind)
    const foundOf = found.filter((unit) => unit.found === kind)
    const right = expectedOf.filter((unit) => unit.found === kind)
    const atAll = expectedOf.filter((unit) => unit.found !== null)
    return [kind, ratio(right, foundOf), ratio(right, expectedOf), ratio(atAll, expectedOf)]
  })
  const rows = [
    ['', 'precision', 'recall', 'found as any kind'],
    ['any kind', ratio(both, found), ratio(both, expected), ''],
    ['any kind, direct', ratio(direct(both), direct(found)), ratio(direct(both), direct(expected)), ''],
    [
      'makes a link',
      ratio(
        linked,
        found.filter(({ found: kind }) => LINKS.has(kind!)),
      ),
      ratio(
        linked,
        expected.filter(({ expected: kind }) => LINKS.has(kind!)),
      ),
      '',
    ],
    ['right kind', ratio(both.filter(isRight), found), ratio(both.filter(isRight), expected), ''],
    ...kinds,
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: readonly string[]) => `| ${row.map((cell, at) => cell.padEnd(widths[at]!)).join(' | ')} |`
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  const [head, ...body] = rows.map(line)
  return [`${texts} texts, ${expected.length} references`, '', head, rule, ...body, ''].join('\n')
}

/** One line for each reference that was not found, found and not there, or taken for another kind. */
export function formatMisses(units: readonly Unit[]): string {
  const misses = units.filter((unit) => !isRight(unit)).toSorted((a, b) => group(a).localeCompare(group(b)))
  return misses
    .map((unit) => `${group(unit)}: ${place(unit)}${unit.reason ? ` (label: ${unit.reason})` : ''}`)
    .join('\n')
}

function isRight({ expected, found }: Unit): boolean {
  return expected === found
}

function group({ expected, found }: Unit): string {
  if (found === null) return `missed ${expected}`
  return expected === null ? `false ${found}` : `${expected} taken for ${found}`
}

function place({ text, target, viaIssue }: Unit): string {
  const where = /^[0-9a-f]{40}$/.test(text.where) ? text.where.slice(0, 10) : text.where
  const via = viaIssue === null ? '' : ` by issue ${viaIssue}`
  return `${text.repository} ${text.pullRequest} → ${target}${via}, ${text.source} ${where}`
}

function ratio(part: readonly unknown[], whole: readonly unknown[]): string {
  const percent = whole.length === 0 ? '' : ` ${((100 * part.length) / whole.length).toFixed(1)}%`
  return `${part.length}/${whole.length}${percent}`
}
