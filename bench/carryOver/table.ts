import { DEGRADATIONS } from './degradations.ts'
import type { Row } from './measurePair.ts'

const KINDS = ['content', 'deleted-upstream', 'deleted-by-agent', 'added-twice', 'binary', 'other'] as const

/** A Markdown table of one policy's rows, a line for each degradation. */
export function renderTable(rows: readonly Row[], policy: Row['policy']): string {
  const head = [
    ...['A(t−1) beside H(t−1)', 'pairs', 'clean', 'conflict', 'reconciled', 'for agent', 'for upstream', 'refused'],
    ...['conflicting paths by kind', 'lines kept, clean', 'lines kept, conflict: agent / upstream', 'merge p50 / p95'],
    ...(policy === 'overlay' ? ['applied as it is'] : []),
  ]
  const lines = DEGRADATIONS.flatMap(({ name }) => {
    const own = rows.filter((row) => row.policy === policy && row.degradation === name)
    return own.length === 0 ? [] : [renderLine(name, own, policy)]
  })
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function renderLine(name: string, rows: readonly Row[], policy: Row['policy']): string[] {
  const clean = rows.filter(({ outcome }) => outcome === 'clean')
  const conflicted = rows.filter(({ outcome }) => outcome !== 'clean')
  const share = (some: readonly Row[]) => `${some.length} (${percent(some.length / rows.length)})`
  const decidedFor = (side: 'agent' | 'upstream') => conflicted.filter((row) => row.reconciledFor.includes(side)).length
  const kept = (some: readonly Row[], side: 'agent' | 'upstream') =>
    some.length === 0 ? '–' : percent(mean(some.map((row) => row.survivingShare[side])))
  const times = rows.flatMap(({ mergeMs }) => (mergeMs === null ? [] : [mergeMs]))
  const paths = conflicted.flatMap(({ conflicts }) => conflicts)
  const kinds = KINDS.map((kind) => [kind, paths.filter((path) => path.kind === kind).length] as const)
  return [
    ...[name, `${rows.length}`, share(clean), share(conflicted)],
    share(conflicted.filter(({ outcome }) => outcome === 'reconciled')),
    ...[`${decidedFor('agent')}`, `${decidedFor('upstream')}`],
    share(conflicted.filter(({ outcome }) => outcome === 'refused')),
    kinds.flatMap(([kind, count]) => (count === 0 ? [] : [`${kind} ${count}`])).join(', ') || '–',
    kept(clean, 'agent'),
    conflicted.length === 0 ? '–' : `${kept(conflicted, 'agent')} / ${kept(conflicted, 'upstream')}`,
    times.length === 0 ? '–' : `${quantile(times, 0.5).toFixed(0)} / ${quantile(times, 0.95).toFixed(0)} ms`,
    ...(policy === 'overlay' ? [share(rows.filter(({ isLiteral }) => isLiteral))] : []),
  ]
}

/** A share as a whole percentage; below 1 % and above 99 % with one digit more, so that none reads as none or all. */
export function percent(share: number): string {
  const isNearEnd = share !== 0 && share !== 1 && (share < 0.01 || share > 0.99)
  return `${(100 * share).toFixed(isNearEnd ? 1 : 0)} %`
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length
}

function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
}
