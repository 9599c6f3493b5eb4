import type { History, Remark } from './history.ts'
import type { Change, Signature } from './objects.ts'
import type { PlayedPull, WrittenCommit } from './replay.ts'

/** What `examples/repository/recording.ts` writes: GitHub's REST answers for one repository, by pull request. */
type Recording = Record<string, unknown>

/**
 * What GitHub's REST API would answer for the played pull requests: the shape that the recorded GitHub server reads.
 * Keys that begin with `_` are annotations that GitHub does not send.
 */
export function recordGitHub(options: {
  repository: string
  history: History
  played: readonly PlayedPull[]
}): Recording {
  const { repository, history } = options
  const played = options.played.toSorted((a, b) => a.pull.number - b.pull.number)
  const web = `https://github.com/${repository}`
  const byNumber = (make: (one: PlayedPull) => unknown) =>
    Object.fromEntries(played.map((one) => [one.pull.number, make(one)]))
  const remarks = (one: PlayedPull, kind: RemarkKind) => recordRemarks(`${web}/pull/${one.pull.number}`, one, kind)
  return {
    repo: repository,
    api_shape: 'GitHub REST v3',
    source: { text: 'written for this example', git: 'built beside this file; refs/pull/N/head' },
    rule: 'Nobody here is real. Keys starting with _ are annotations, not GitHub fields.',
    pulls: byNumber((one) => recordPull(`${web}/pull/${one.pull.number}`, one, played)),
    issue_comments: byNumber((one) => remarks(one, 'comments')),
    review_comments: byNumber((one) => remarks(one, 'reviewComments')),
    reviews: byNumber((one) => remarks(one, 'reviews')),
    commits: byNumber(({ commits }) => commits.map(recordCommit)),
    files: byNumber(({ files }) => files.map(recordFile)),
    timeline: byNumber((one) => recordTimeline(repository, one.pull.number, played)),
    issues: Object.fromEntries(
      history.issues.map(({ number, title, body, state, author, createdAt }) => [
        number,
        {
          number,
          title,
          body,
          state,
          user: { login: author },
          created_at: createdAt,
          html_url: `${web}/issues/${number}`,
        },
      ]),
    ),
  }
}

function recordPull(
  url: string,
  { pull, headSha, forkSha, merged }: PlayedPull,
  played: readonly PlayedPull[],
): unknown {
  const { number, title, body, author, labels, createdAt, merge } = pull
  const endedAt = merge?.at ?? pull.closedAt ?? null
  return {
    number,
    state: endedAt === null ? 'open' : 'closed',
    merged: merge !== null,
    title,
    body,
    user: { login: author },
    labels: labels.map((name) => ({ name })),
    created_at: createdAt,
    updated_at: endedAt ?? createdAt,
    closed_at: endedAt,
    merged_at: merge?.at ?? null,
    merge_commit_sha: merged?.resultSha ?? null,
    head: { sha: headSha, ref: pull.branch },
    base: { sha: mainAt(createdAt, played) ?? forkSha, ref: 'main' },
    html_url: url,
    _created_date: createdAt.slice(0, 10),
    _merge_commit_date: merge?.at ?? null,
    _mainline_parent_sha: merged?.baseSha ?? null,
    _merge_base_sha: forkSha,
    _merge_style: merge?.style ?? null,
    _body_complete: true,
  }
}

/** GitHub keeps the main branch of the moment when a pull request was opened, and never again looks at it. */
function mainAt(instant: string, played: readonly PlayedPull[]): string | null {
  const before = played.filter(({ pull }) => pull.merge !== null && Date.parse(pull.merge.at) <= Date.parse(instant))
  const last = before.toSorted((a, b) => Date.parse(a.pull.merge!.at) - Date.parse(b.pull.merge!.at)).at(-1)
  return last?.merged?.resultSha ?? null
}

type RemarkKind = 'comments' | 'reviews' | 'reviewComments'
const KINDS = {
  comments: { anchor: 'issuecomment-', offset: 0 },
  reviews: { anchor: 'pullrequestreview-', offset: 400 },
  reviewComments: { anchor: 'discussion_r', offset: 800 },
} as const

function recordRemarks(url: string, { pull }: PlayedPull, kind: RemarkKind): unknown[] {
  return pull[kind].map(({ author, at, body, state, path }: Remark, index) => {
    const id = pull.number * 1000 + KINDS[kind].offset + index + 1
    const said = {
      id,
      user: { login: author },
      body,
      html_url: `${url}#${KINDS[kind].anchor}${id}`,
      _created_date: at.slice(0, 10),
    }
    if (kind === 'reviews') return { ...said, state: state ?? 'COMMENTED', submitted_at: at }
    return { ...said, created_at: at, ...(kind === 'reviewComments' ? { path } : {}) }
  })
}

function recordCommit({ sha, parents, message, author, committer, login }: WrittenCommit): unknown {
  const signed = ({ name, email, date }: Signature) => ({ name, email, date })
  return {
    sha,
    parents: parents.map((parent) => ({ sha: parent })),
    commit: { message, author: signed(author), committer: signed(committer) },
    author: { login },
    committer: { login },
  }
}

function recordFile({ path, oldPath, status, additions, deletions }: Change): unknown {
  // Of a binary file GitHub says that no line changed.
  const counts = { additions: additions ?? 0, deletions: deletions ?? 0, changes: (additions ?? 0) + (deletions ?? 0) }
  return { filename: path, status, ...counts, ...(oldPath === null ? {} : { previous_filename: oldPath }) }
}

/** Who speaks of a pull request: GitHub adds an event to its timeline for each thread that does, at the first time. */
function recordTimeline(repository: string, number: number, played: readonly PlayedPull[]): unknown[] {
  const events = played.flatMap(({ pull }) => {
    const said = [{ at: pull.createdAt, body: pull.body }, ...pull.comments, ...pull.reviews, ...pull.reviewComments]
    const first = said
      .filter(({ body }) => citesNumber(body, number))
      .sort((a, b) => Date.parse(a.at) - Date.parse(b.at))[0]
    if (pull.number === number || first === undefined) return []
    const url = `https://api.github.com/repos/${repository}/pulls/${pull.number}`
    return [
      {
        event: 'cross-referenced',
        created_at: first.at,
        source: { type: 'issue', issue: { number: pull.number, pull_request: { url } } },
      },
    ]
  })
  return events.sort((a, b) => Date.parse(a.created_at) - Date.parse(b.created_at))
}

function citesNumber(body: string, number: number): boolean {
  const prose = body.replace(/```[\s\S]*?```|`[^`\n]*`|<!--[\s\S]*?-->/g, ' ')
  return new RegExp(`(?<![\\w/])#${number}(?!\\w)`).test(prose)
}
