import type { Json } from '../../../src/github/recordedRepository.ts'
import { instantOf, inventSha } from './assembled.ts'
import type { Remarks } from './entries.ts'
import { filesOf, type ChangedFile } from './files.ts'
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
/** What happened to a generated repository after it was laid out. */
export interface Later {
  /** When each number changed last, in milliseconds. */
  ends: Float64Array
  /** They stand behind all other comments. */
  comments: { number: number; at: number }[]
  reviews: Map<number, number[]>
  /** How often a body was edited. */
  edits: Map<number, number>
}

const HALF_AN_HOUR_MS = 1_800_000

/** Makes each entry when it is asked for, and the same one each time until something happens to it. */
export function createEntryWriter(
  skeleton: Skeleton,
  options: {
    built: BuiltHistory | null
    oddities: Oddities
    later: Later
    comments: Remarks
    reviewComments: Remarks
  },
) {
  const { built, oddities, later, comments, reviewComments } = options
  const { plan, bones } = skeleton
  const { name } = plan
  const isPull = (number: number) => bones[number] !== undefined && bones[number].kind !== 'issue'
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
      updated_at: instantOf(later.ends[number]!),
      closed_at: bone.closedAt === null ? null : instantOf(bone.closedAt),
    }
  }
  function bodyOf(number: number): string | null {
    const length = oddities.bodyLengths?.[number]
    const body =
      length === undefined ? thread.bodyOf(skeleton, number) : 'All of it. '.repeat(length / 11 + 1).slice(0, length)
    return later.edits.has(number) ? `${body ?? ''}\n\nEdited for the ${later.edits.get(number)}th time.` : body
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
    const added = later.comments[position - comments.length]
    const number = added?.number ?? comments.owner(position)
    const id = 500_000_000 + position
    const said = added
      ? { author: 'dev-1', at: added.at, text: 'Is anything left to do here?' }
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
    const added = slot >= reviews ? later.reviews.get(number)![slot - reviews]! : null
    const said =
      added === null ? thread.reviewOf(skeleton, number, slot) : { author: 'dev-2', at: added, text: 'Still fine.' }
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

  return { isPull, listedPull, listedIssue, comment, reviewComment, review, commit, mention, filesFor }
}

/** Every fourteenth remark was edited half an hour after it was written. */
export function editedAfter(position: number): number {
  return position % 14 === 0 ? HALF_AN_HOUR_MS : 0
}

function userOf(login: string | null): Json | null {
  return login === null ? null : { login, type: login.endsWith('[bot]') ? 'Bot' : 'User' }
}
