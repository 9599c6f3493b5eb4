import { createHash } from 'node:crypto'
import type { HostedRepository, Json, ListedEntries, RepositoryList } from '../../../src/github/recordedRepository.ts'
import { citersOf, instantOf, inventSha } from './assembled.ts'
import { listNumbers, orderRemarks, type Remarks } from './entries.ts'
import { filesOf, type ChangedFile } from './files.ts'
import { randomFor } from './random.ts'
import type { Skeleton } from './skeleton.ts'
import * as thread from './thread.ts'

/** What was really built of a generated repository: it is served instead of what would be invented. */
export interface BuiltHistory {
  /** By `N/slot` for a branch's commits, `N merged`, `N base`. */
  shas: ReadonlyMap<string, string>
  files: ReadonlyMap<number, ChangedFile[]>
}

/** What makes a generated repository hard to read. */
export interface Oddities {
  /** Pull requests with a body of so many characters. */
  bodyLengths?: Readonly<Record<number, number>>
  /** Pull requests whose head was pushed over: the commit that GitHub names is not in git. */
  forcePushed?: readonly number[]
}

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
  const laterComments: { number: number; at: number }[] = []
  const laterReviews = new Map<number, number[]>()
  const edits = new Map<number, number>()
  let end = ends.reduce((latest, at) => Math.max(latest, at), 0)
  const shaOf = (place: string) => built?.shas.get(place) ?? inventSha(name, place)

  function thing(number: number): Json {
    const bone = bones[number]!
    const kind = isPull(number) ? 'pull' : 'issues'
    return {
      id: 10_000_000 + number,
      number,
      state: bone.closedAt === null ? 'open' : 'closed',
      title: thread.titleOf(skeleton, number),
      body: bodyOf(number),
      user: userOf(bone.author),
      labels: bone.kind === 'bot' ? [{ name: 'dependencies' }] : [],
      html_url: `https://github.com/${name}/${kind}/${number}`,
      created_at: instantOf(bone.createdAt),
      updated_at: instantOf(ends[number]!),
      closed_at: bone.closedAt === null ? null : instantOf(bone.closedAt),
    }
  }
  function bodyOf(number: number): string | null {
    const length = oddities.bodyLengths?.[number]
    const body =
      length === undefined ? thread.bodyOf(skeleton, number) : 'All of it. '.repeat(length / 11 + 1).slice(0, length)
    return edits.has(number) ? `${body ?? ''}\n\nEdited for the ${edits.get(number)}th time.` : body
  }
  function listedPull(number: number): Json {
    const bone = bones[number]!
    const headSha = shaOf(`${number}/${bone.commits - 1}`)
    return {
      ...thing(number),
      draft: false,
      merged_at: bone.isMerged ? instantOf(bone.closedAt!) : null,
      merge_commit_sha: bone.isMerged ? shaOf(`${number} merged`) : null,
      head: {
        ref: `branch-${number}`,
        sha: oddities.forcePushed?.includes(number) ? inventSha(name, `${number} pushed over`) : headSha,
      },
      base: { ref: 'main', sha: shaOf(`${number} base`) },
    }
  }
  function listedIssue(number: number): Json {
    if (!isPull(number)) return thing(number)
    const bone = bones[number]!
    const html_url = `https://github.com/${name}/pull/${number}`
    const merged_at = bone.isMerged ? instantOf(bone.closedAt!) : null
    return {
      ...thing(number),
      pull_request: { url: `https://api.github.com/repos/${name}/pulls/${number}`, html_url, merged_at },
    }
  }
  function remark(said: thread.Said, id: number, editedMs: number): Json {
    return {
      id,
      user: userOf(said.author),
      body: said.text,
      created_at: instantOf(said.at),
      updated_at: instantOf(said.at + editedMs),
    }
  }
  function comment(position: number): Json {
    const later = laterComments[position - comments.length]
    const number = later?.number ?? comments.owner(position)
    const id = 500_000_000 + position
    const said = later
      ? { author: 'dev-1', at: later.at, text: 'Is anything left to do here?' }
      : thread.commentOf(skeleton, number, comments.slot(position))
    return {
      ...remark(said, id, editedAfter(position)),
      html_url: `https://github.com/${name}/${isPull(number) ? 'pull' : 'issues'}/${number}#issuecomment-${id}`,
      issue_url: `https://api.github.com/repos/${name}/issues/${number}`,
    }
  }
  function reviewComment(position: number): Json {
    const number = reviewComments.owner(position)
    const id = 700_000_000 + position
    return {
      ...remark(thread.reviewCommentOf(skeleton, number, reviewComments.slot(position)), id, editedAfter(position)),
      path: filesFor(number)[0]?.path,
      html_url: `https://github.com/${name}/pull/${number}#discussion_r${id}`,
      pull_request_url: `https://api.github.com/repos/${name}/pulls/${number}`,
    }
  }
  const filesFor = (number: number) => built?.files.get(number) ?? filesOf(skeleton, number)
  function review(number: number, slot: number): Json {
    const { reviews } = bones[number]!
    const id = number * 1000 + slot
    const later = slot >= reviews ? laterReviews.get(number)![slot - reviews]! : null
    const said =
      later === null ? thread.reviewOf(skeleton, number, slot) : { author: 'dev-2', at: later, text: 'Still fine.' }
    const state = said.text === '' ? 'APPROVED' : 'COMMENTED'
    const html_url = `https://github.com/${name}/pull/${number}#pullrequestreview-${id}`
    return { id, user: userOf(said.author), body: said.text, state, html_url, submitted_at: instantOf(said.at) }
  }
  function commit(number: number, slot: number): Json {
    const { author, at, text } = thread.commitOf(skeleton, number, slot)
    const sha = shaOf(`${number}/${slot}`)
    const signed = { name: author ?? 'nobody', email: 'dev@example.org', date: instantOf(at) }
    return {
      sha,
      html_url: `https://github.com/${name}/commit/${sha}`,
      commit: { message: text, author: signed, committer: signed },
      author: userOf(author),
    }
  }
  function mention(number: number, by: { number: number; isPullRequest: boolean }, index: number): Json {
    const url = `https://api.github.com/repos/${name}/pulls/${by.number}`
    const issue = {
      number: by.number,
      repository: { full_name: name },
      ...(by.isPullRequest ? { pull_request: { url } } : {}),
    }
    return {
      id: number * 1000 + index,
      event: 'cross-referenced',
      created_at: instantOf(bones[by.number]!.createdAt),
      source: { type: 'issue', issue },
    }
  }

  const read = {
    createdAt: (number: number) => bones[number]!.createdAt,
    updatedAt: (number: number) => ends[number]!,
    isOpen: (number: number) => bones[number]!.closedAt === null,
  }
  const makeLists = (): Record<RepositoryList, ListedEntries> => ({
    pulls: listNumbers(pulls, { ...read, entry: listedPull }),
    issues: listNumbers(numbers, { ...read, entry: listedIssue }),
    issue_comments: {
      ...listRemarks(comments, comment),
      length: comments.length + laterComments.length,
      createdAt: (position) => laterComments[position - comments.length]?.at ?? comments.at(position),
      updatedAt: (position) =>
        laterComments[position - comments.length]?.at ?? comments.at(position) + editedAfter(position),
    },
    review_comments: listRemarks(reviewComments, reviewComment),
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
      return { ...listedPull(number), merged: isMerged, commits, changed_files: filesFor(number).length }
    },
    issue: (number) => (bones[number] === undefined ? null : listedIssue(number)),
    list(kind, number) {
      const bone = bones[number]
      if (!bone || (bone.kind === 'issue' && kind !== 'issue_comments' && kind !== 'timeline')) return null
      const each = (count: number, make: (slot: number) => Json) =>
        Array.from({ length: count }, (_, slot) => make(slot))
      switch (kind) {
        case 'issue_comments': {
          const later = laterComments.flatMap((one, index) => (one.number === number ? [comments.length + index] : []))
          return [...each(bone.comments, (slot) => comment(comments.position(number, slot))), ...later.map(comment)]
        }
        case 'review_comments':
          return each(bone.reviewComments, (slot) => reviewComment(reviewComments.position(number, slot)))
        case 'reviews':
          return each(bone.reviews + (laterReviews.get(number)?.length ?? 0), (slot) => review(number, slot))
        case 'commits':
          return each(bone.commits, (slot) => commit(number, slot))
        case 'files':
          return filesFor(number).map(({ path, ...counts }) => ({ filename: path, status: 'modified', ...counts }))
        case 'timeline':
          return (citedBy.get(number) ?? []).map((by, index) => mention(number, by, index))
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
        if (index % 3 === 0) laterReviews.set(number, [...(laterReviews.get(number) ?? []), at])
        else if (index % 3 === 1) edits.set(number, (edits.get(number) ?? 0) + 1)
        else laterComments.push({ number, at })
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

/** Every fourteenth remark was edited half an hour after it was written. */
function editedAfter(position: number): number {
  return position % 14 === 0 ? 30 * MINUTE_MS : 0
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
  return thread.timeOf(skeleton, number, place, count - 1)
}

function userOf(login: string | null): Json | null {
  return login === null ? null : { login, type: login.endsWith('[bot]') ? 'Bot' : 'User' }
}
