import { distantLink, findOrigin } from '../domain/distant.ts'
import { compareLinks } from '../domain/link.ts'
import type { Link } from '../formats/chain.ts'
import type { GitPull } from '../git/port.ts'
import type { Scope } from './edge.ts'
import { askInTurn, type GitWitness } from './gitEvidence.ts'

/**
 * Links that no text states, at most one from each of `kept`: to the earlier one of them that wrote most of the lines
 * which it replaces, when both change the same names. Pairs with a stated link are left out. In order of the numbers.
 */
export async function findDistantLinks(options: {
  /** The pull requests that can be a stage, as git has them, in merge order. */
  kept: readonly GitPull[]
  stated: readonly Link[]
  witness: GitWitness
  scope: Scope
}): Promise<Link[]> {
  const { kept, stated, witness, scope } = options
  const place = new Map(kept.map(({ number }, index) => [number, index]))
  const byNumber = new Map(kept.map((pull) => [pull.number, pull]))
  const pairs = new Set(stated.map(({ from, to }) => `${from}>${to}`))
  const writers = new Map(
    kept.flatMap(({ number, resultSha, commits }) =>
      [resultSha, ...commits.map(({ sha }) => sha)].map((sha) => [sha, number] as const),
    ),
  )
  const found: Link[] = []
  let asked = 0
  await askInTurn(kept, async (later) => {
    scope.signal.throwIfAborted()
    scope.report({ 'looked for distant links of': asked++, of: kept.length, found: found.length })
    const isEarlier = (number: number) => place.get(number)! < place.get(later.number)!
    const { commits } = await witness.replaced(later)
    const origin = findOrigin(commits, (sha) => {
      const writer = writers.get(sha)
      return writer !== undefined && isEarlier(writer) ? writer : null
    })
    if (!origin || pairs.has(`${later.number}>${origin.number}`)) return
    const overlap = await witness.overlap(byNumber.get(origin.number)!, later)
    const link = overlap && distantLink(later.number, origin, overlap)
    if (link) found.push(link)
  })
  await witness.flush()
  return found.sort(compareLinks)
}
