import { createHash } from 'node:crypto'
import type { HostedRepository, Json, ListedEntries, RepositoryList } from '../../../src/github/recordedRepository.ts'
import { citersOf } from './assembled.ts'
import { listNumbers, orderRemarks, type Remarks } from './entries.ts'
import { randomFor } from './random.ts'
import type { Skeleton } from './skeleton.ts'
import { timeOf } from './thread.ts'
import { createEntryWriter, editedAfter, type BuiltHistory, type Later, type Oddities } from './written.ts'

/** A generated repository that can change. */
export interface ChangingRepository extends HostedRepository {
  /** A week goes by: `share` of the pull requests get a comment, a review or an edited body. Returns their numbers. */
  changeSome(share: number): number[]
}

const WEEK_MS = 7 * 86_400_000
const MINUTE_MS = 60_000

/** Serves a generated repository; each entry is made when it is read, and the same each time until it changes. */
export function hostSkeleton(
  skeleton: Skeleton,
  { built = null, oddities = {} }: { built?: BuiltHistory | null; oddities?: Oddities } = {},
): ChangingRepository {
  const { plan, bones } = skeleton
  const { name } = plan
  const numbers = bones.keys().drop(1).toArray()
  const pulls = numbers.filter((number) => bones[number]!.kind !== 'issue')
  const isPull = (number: number) => bones[number] !== undefined && bones[number].kind !== 'issue'
  const citedBy = citersOf(skeleton)
  const comments = orderRemarks(skeleton, 'comment', (number) => bones[number]!.comments)
  const reviewComments = orderRemarks(skeleton, 'review-comment', (number) => bones[number]!.reviewComments)
  const ends = Float64Array.from(bones, (_, number) => (number === 0 ? 0 : lastTime(skeleton, number)))
  const later: Later = { ends, comments: [], reviews: new Map(), edits: new Map() }
  let end = ends.reduce((latest, at) => Math.max(latest, at), 0)
  const writer = createEntryWriter(skeleton, { built, oddities, later, comments, reviewComments })
  const read = {
    createdAt: (number: number) => bones[number]!.createdAt,
    updatedAt: (number: number) => ends[number]!,
    isOpen: (number: number) => bones[number]!.closedAt === null,
  }
  const makeLists = (): Record<RepositoryList, ListedEntries> => ({
    pulls: listNumbers(pulls, { ...read, entry: writer.listedPull }),
    issues: listNumbers(numbers, { ...read, entry: writer.listedIssue }),
    issue_comments: {
      ...listRemarks(comments, writer.comment),
      length: comments.length + later.comments.length,
      createdAt: (position) => later.comments[position - comments.length]?.at ?? comments.at(position),
      updatedAt: (position) =>
        later.comments[position - comments.length]?.at ?? comments.at(position) + editedAfter(position),
    },
    review_comments: listRemarks(reviewComments, writer.reviewComment),
  })
  let lists = makeLists()
  const id = createHash('sha256').update(name).digest().readUIntBE(0, 4)

  return {
    name,
    id,
    about: {
      id,
      full_name: name,
      name: name.split('/')[1],
      private: false,
      html_url: `https://github.com/${name}`,
      default_branch: 'main',
      license: { spdx_id: plan.license },
    },
    listed: (list) => lists[list],
    pull(number) {
      if (!isPull(number)) return null
      const { isMerged, commits } = bones[number]!
      return { ...writer.listedPull(number), merged: isMerged, commits, changed_files: writer.filesFor(number).length }
    },
    issue: (number) => (bones[number] === undefined ? null : writer.listedIssue(number)),
    list(kind, number) {
      const bone = bones[number]
      if (!bone || (bone.kind === 'issue' && kind !== 'issue_comments' && kind !== 'timeline')) return null
      const each = (count: number, make: (slot: number) => Json) =>
        Array.from({ length: count }, (_, slot) => make(slot))
      switch (kind) {
        case 'issue_comments': {
          const added = later.comments.flatMap((one, index) => (one.number === number ? [comments.length + index] : []))
          return [
            ...each(bone.comments, (slot) => writer.comment(comments.position(number, slot))),
            ...added.map(writer.comment),
          ]
        }
        case 'review_comments':
          return each(bone.reviewComments, (slot) => writer.reviewComment(reviewComments.position(number, slot)))
        case 'reviews':
          return each(bone.reviews + (later.reviews.get(number)?.length ?? 0), (slot) => writer.review(number, slot))
        case 'commits':
          return each(bone.commits, (slot) => writer.commit(number, slot))
        case 'files':
          return writer
            .filesFor(number)
            .map(({ path, ...counts }) => ({ filename: path, status: 'modified', ...counts }))
        case 'timeline':
          return (citedBy.get(number) ?? []).map((by, index) => writer.mention(number, by, index))
        default:
          return kind satisfies never
      }
    },
    closes(number) {
      const closed = bones[number]?.closes ?? null
      return closed === null ? [] : [{ number: closed, repository: name }]
    },
    changeSome(share) {
      const random = randomFor(name, skeleton.seed, 'later', Math.floor(end / 1000))
      const chosen = new Set<number>()
      while (chosen.size < Math.round(pulls.length * share)) chosen.add(random.pick(pulls))
      const changed = [...chosen]
      for (const [index, number] of changed.entries()) {
        const at = end + MINUTE_MS * (1 + Math.floor((index * WEEK_MS) / MINUTE_MS / changed.length))
        ends[number] = at
        if (index % 3 === 0) later.reviews.set(number, [...(later.reviews.get(number) ?? []), at])
        else if (index % 3 === 1) later.edits.set(number, (later.edits.get(number) ?? 0) + 1)
        else later.comments.push({ number, at })
      }
      end += WEEK_MS
      lists = makeLists()
      return changed.sort((a, b) => a - b)
    },
  }
}

function listRemarks(remarks: Remarks, entry: (position: number) => Json): ListedEntries {
  return {
    length: remarks.length,
    createdAt: remarks.at,
    updatedAt: (position) => remarks.at(position) + editedAfter(position),
    state: () => 'open',
    entry,
  }
}

function lastTime(skeleton: Skeleton, number: number): number {
  const { createdAt, closedAt, comments, reviews, reviewComments } = skeleton.bones[number]!
  const last = (place: 'comment' | 'review' | 'review-comment', count: number) =>
    count === 0 ? 0 : timeOfLast(skeleton, number, place, count)
  return Math.max(
    createdAt,
    closedAt ?? 0,
    last('comment', comments),
    last('review', reviews),
    last('review-comment', reviewComments),
  )
}

function timeOfLast(skeleton: Skeleton, number: number, place: 'comment' | 'review' | 'review-comment', count: number) {
  return timeOf(skeleton, number, place, count - 1)
}
