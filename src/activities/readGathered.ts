import { parseLines } from '../domain/jsonLines.ts'
import { mayName } from '../domain/referenceMention.ts'
import type { BlobRef } from '../formats/common.ts'
import type { Gathering } from '../formats/mining.ts'
import type { EvidenceText, IssueThread, PullRequest } from '../formats/pullRequest.ts'
import type { Store } from '../store/port.ts'

/** Parsed shards that are kept at a time: chains are read in merge order, and so are near each other. */
const SHARDS_KEPT = 4

/** A gathering's evidence, as far as linking needs all of it at once. */
export interface Gathered {
  /** All pull requests, of their texts those that can name a number; the rest of their evidence is whole. */
  pulls: PullRequest[]
  /** All issues of which a text can name a number, with those texts. */
  issues: IssueThread[]
  issueCount: number
  /** The numbers of those that another person than the author reviewed or commented. */
  reviewed: ReadonlySet<number>
  /** A pull request with all its texts. Throws RangeError when there is none of that number. */
  read: (number: number) => Promise<PullRequest>
}

/** Reads a gathering a shard at a time, and keeps of each what linking needs of all pull requests at once. */
export async function readGathered(
  store: Pick<Store, 'getBlob'>,
  gathering: Pick<Gathering, 'pulls' | 'issues'>,
  onShard: (read: number, of: number) => void = () => {},
): Promise<Gathered> {
  const pulls: PullRequest[] = []
  const issues: IssueThread[] = []
  const reviewed = new Set<number>()
  const shardOf = new Map<number, BlobRef>()
  let issueCount = 0
  for (const [index, shard] of gathering.pulls.entries()) {
    onShard(index, gathering.pulls.length)
    for (const pull of parseLines<PullRequest>(await store.getBlob(shard))) {
      shardOf.set(pull.number, shard)
      if (isReviewed(pull)) reviewed.add(pull.number)
      pulls.push({ ...pull, texts: pull.texts.filter(isNaming), issues: [] })
    }
  }
  for (const shard of gathering.issues) {
    for (const issue of parseLines<IssueThread>(await store.getBlob(shard))) {
      issueCount++
      const texts = issue.texts.filter(isNaming)
      if (texts.length > 0) issues.push({ ...issue, texts })
    }
  }
  return { pulls, issues, issueCount, reviewed, read: createReader(store, shardOf) }
}

function createReader(store: Pick<Store, 'getBlob'>, shardOf: ReadonlyMap<number, BlobRef>): Gathered['read'] {
  const kept = new Map<BlobRef, Promise<ReadonlyMap<number, PullRequest>>>()
  return async (number) => {
    const shard = shardOf.get(number)
    const found = shard === undefined ? undefined : (await open(shard)).get(number)
    if (!found) throw new RangeError(`pull request ${number} was not gathered`)
    return found
  }

  function open(shard: BlobRef): Promise<ReadonlyMap<number, PullRequest>> {
    const known = kept.get(shard)
    if (known) return known
    const opened = store
      .getBlob(shard)
      .then((bytes) => new Map(parseLines<PullRequest>(bytes).map((pull) => [pull.number, pull])))
    kept.set(shard, opened)
    for (const oldest of [...kept.keys()].slice(0, -SHARDS_KEPT)) kept.delete(oldest)
    return opened
  }
}

function isNaming({ text }: EvidenceText): boolean {
  return mayName(text)
}

function isReviewed(pull: PullRequest): boolean {
  return pull.texts.some(
    ({ source, author, isBot }) =>
      (source === 'comment' || source === 'review' || source === 'review-comment') &&
      !isBot &&
      author !== null &&
      author !== pull.author,
  )
}
