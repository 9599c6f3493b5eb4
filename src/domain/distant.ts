import type { Link } from '../formats/chain.ts'

/** A change that wrote fewer of the lines which a later one replaces, or a smaller share of them, is no distant link's. */
const LEAST_LINES = 5
const LEAST_SHARE = 0.3
const NAMES_SHOWN = 5

/** The earlier pull request whose lines a change replaces most. */
export interface Origin {
  number: number
  lines: number
  /** Of all lines that the later change replaces or deletes. */
  share: number
}

/**
 * The pull request that wrote most of the lines which a later one replaces or deletes, if that is enough to speak of:
 * five lines and 30 % of them. `writerOf` says whose a commit is; lines of nobody count in the share alone.
 */
export function findOrigin(
  commits: readonly { sha: string; lines: number }[],
  writerOf: (sha: string) => number | null,
): Origin | null {
  const linesOf = new Map<number, number>()
  let all = 0
  for (const { sha, lines } of commits) {
    all += lines
    const writer = writerOf(sha)
    if (writer !== null) linesOf.set(writer, (linesOf.get(writer) ?? 0) + lines)
  }
  const [most] = [...linesOf].sort(([a, linesA], [b, linesB]) => linesB - linesA || b - a)
  if (!most || most[1] < LEAST_LINES || most[1] / all < LEAST_SHARE) return null
  return { number: most[0], lines: most[1], share: most[1] / all }
}

/**
 * A link that no text states: the later change replaces lines that the earlier one wrote, and both change the same
 * names. Null when they share no name. Its score, from 0 to 0.9: 0.3, 0.4 of the share, 0.05 for each name, 0.2 at most.
 */
export function distantLink(from: number, origin: Origin, overlap: NonNullable<Link['overlap']>): Link | null {
  const { number: to, lines, share } = origin
  const { symbols } = overlap
  if (symbols.length === 0) return null
  const score = Math.round((0.3 + 0.4 * share + Math.min(0.2, 0.05 * symbols.length)) * 100) / 100
  const names = symbols.slice(0, NAMES_SHOWN).join(', ') + (symbols.length > NAMES_SHOWN ? ', …' : '')
  const text = `replaces ${lines} line(s) that #${to} wrote, ${Math.round(share * 100)} % of what it replaces; both change ${names}`
  const unsaid = { viaIssue: null, viaText: null, isClosing: false, url: null, author: null, isBot: false }
  return {
    from,
    to,
    score,
    kind: 'distant',
    references: [{ from, to, source: 'diff', cue: 'mentions', ...unsaid, text: text.slice(0, 400) }],
    overlap,
    judgement: null,
  }
}
