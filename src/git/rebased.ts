import { listOwn, type CommitGraph, type Mainline } from './commitGraph.ts'
import { readCommitTexts } from './commitTexts.ts'
import { findDifferences } from './fileDifferences.ts'
import type { CommitText } from './history.ts'
import { comparePairs } from './pairChanges.ts'
import type { Judged } from './prove.ts'
import type { Scratch } from './scratch.ts'

/** GitHub rebases at most so many commits. */
const MOST_REBASED = 100

/** A pull request whose commits are on the target one by one, and that no text names. */
type Landed = Pick<Judged, 'own' | 'landed' | 'isProven' | 'flags'> & { number: number; head: number }

/**
 * The pull requests of which no text on the default branch speaks: their head is on it, or their commits are, with
 * the author, date and subject that a rebase leaves as they are and with the same lines in the same files. Only
 * commits that are no other pull request's count.
 */
export async function findRebased(
  scratch: Scratch,
  given: {
    graph: CommitGraph
    main: Mainline
    texts: ReadonlyMap<string, CommitText>
    /** Heads of the pull requests that are still to be found. */
    heads: ReadonlyMap<number, string>
    /** Commits of the main line that pull requests have. */
    isTaken: (commit: number) => boolean
  },
): Promise<Judged[]> {
  const { graph, main, texts, heads, isTaken } = given
  const landed = new Set<number>()
  const isFree = (commit: number) => graph.parents[commit]!.length === 1 && !isTaken(commit) && !landed.has(commit)
  const free = new Map<string, number>()
  for (const commit of main.chain) if (isFree(commit)) free.set(markOf(texts.get(graph.shas[commit]!)!), commit)
  const tips = new Map([...heads].map(([number, sha]) => [number, graph.find(sha)]))
  const tipTexts = await readCommitTexts(scratch, heads.values())

  const found: Landed[] = []
  const forwarded: { number: number; head: number }[] = []
  const rebased: (Landed & { pairs: { base: string; result: string }[] })[] = []
  for (const [number, head] of tips) {
    if (head === null) continue
    if (main.isOn(head)) {
      forwarded.push({ number, head })
      continue
    }
    const tip = tipTexts.get(heads.get(number)!)
    const last = tip && free.get(markOf(tip))
    // A head that a merge brought to the main line is not rebased, though a copy of it may be there.
    if (last === undefined || graph.parents[head]!.length !== 1 || main.positionOf(head) !== -1) continue
    const own = listOwn(graph, main, { tip: head, base: main.chain.length, most: MOST_REBASED * 2 })
    const commits = own.commits.filter((commit) => graph.parents[commit]!.length === 1)
    const position = main.positionOf(last)
    const onto = main.chain.slice(Math.max(0, position - commits.length + 1), position + 1)
    if (own.isCut || commits.length > MOST_REBASED || onto.length !== commits.length || !onto.every(isFree)) continue
    const pairs = [...onto, ...commits].map((commit) => ({
      base: graph.shas[graph.parents[commit]![0]!]!,
      result: graph.shas[commit]!,
    }))
    rebased.push({ number, head, own: own.commits, landed: onto, isProven: true, flags: [], pairs })
  }
  await keepEqual()
  for (const commit of found.flatMap((one) => one.landed)) landed.add(commit)
  for (const { number, head } of forwarded) if (isFree(head)) found.push(forward(number, head))
  return withoutRivals(found).map(complete)

  async function keepEqual(): Promise<void> {
    const marks = await readCommitTexts(
      scratch,
      rebased.flatMap(({ pairs }) => pairs.map(({ result }) => result)),
    )
    const changes = (
      await comparePairs(
        scratch,
        rebased.flatMap(({ pairs }) => pairs),
        { hasCounts: true },
      )
    ).values()
    for (const { pairs, ...one } of rebased) {
      const all = pairs.map(({ result }) => ({ mark: markOf(marks.get(result)!), files: changes.next().value!.files }))
      const isEqual = one.landed.every((_, index) => {
        const [target, own] = [all[index]!, all[index + one.landed.length]!]
        return target.mark === own.mark && findDifferences(own.files, target.files).length === 0
      })
      if (isEqual) found.push(one)
    }
  }

  /** A head that is on the main line itself. Git does not say where its branch began. */
  function forward(number: number, head: number): Landed {
    const before = graph.parents[head]![0]!
    const author = (commit: number) => texts.get(graph.shas[commit]!)!.author
    const isClear = !isFree(before) || author(before) !== author(head)
    const flags = ['its head is on the target branch itself, and git does not say where its branch began']
    return { number, head, own: [head], landed: [head], isProven: isClear, flags: isClear ? [] : flags }
  }

  function complete({ number, head, own, landed: onto, isProven, flags }: Landed): Judged {
    const result = onto.at(-1)!
    const commit = texts.get(graph.shas[result]!)!
    const [title = ''] = commit.message.split('\n')
    return {
      ...{ number, head, own, landed: onto, isProven, flags, result, commit },
      ...{ line: main, position: main.positionOf(result), isMerge: false, known: null },
      text: { number: null, title, body: '' },
      style: 'rebase',
      base: graph.parents[onto[0]!]![0]!,
      changes: { files: [], print: '', lacksContent: false },
    }
  }
}

/** Of several pull requests with the same commits the last opened is taken, and not proven. */
function withoutRivals(found: readonly Landed[]): Landed[] {
  return [...Map.groupBy(found, ({ landed }) => landed.at(-1)!).values()].map((rivals) => {
    const [last, ...others] = rivals.toSorted((a, b) => b.number - a.number)
    if (others.length === 0) return last!
    const flag = `${others.map(({ number }) => `#${number}`).join(', ')} had the same commits`
    return { ...last!, isProven: false, flags: [...last!.flags, flag] }
  })
}

/** What a rebase leaves of a commit. */
function markOf({ authored, message }: CommitText): string {
  return `${authored}\n${message.split('\n', 1)[0]}`
}
