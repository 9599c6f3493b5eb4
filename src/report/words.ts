/** A count for people: `61,810`. */
export function count(n: number): string {
  return n.toLocaleString('en-US')
}

/** A count with its noun: `1 chain`, `2,100 chains`. */
export function countOf(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`
}

/** A share for people: `62%`; what is not zero and not all never shows as either. Empty for a share of nothing. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return ''
  const share = (100 * part) / whole
  if (part !== 0 && share < 1) return '<1%'
  if (part !== whole && share > 99) return '>99%'
  return `${Math.round(share)}%`
}

/** How many there are for each hundred: `2.9`; a dash for a hundred of nothing. */
export function perHundred(part: number, whole: number): string {
  return whole === 0 ? '–' : ((100 * part) / whole).toFixed(1)
}

/** The day of an instant, in UTC: `2026-01-05`. */
export function day(instant: string): string {
  return instant.slice(0, 10)
}
