import { z } from 'zod'
import { connectEntries, connectList, type PageArguments } from './recordedConnection.ts'
import { json } from './recordedFill.ts'
import type { HostedRepository, Json } from './recordedRepository.ts'

type PullArguments = PageArguments & {
  orderBy?: { field: string; direction: string } | null
  states?: readonly string[] | null
}

/** A repository as GraphQL shows it. Members that take arguments or work are functions. */
export function showRepository(repository: HostedRepository): Json {
  const { name, about } = repository
  const license = json.safeParse(about.license).data
  return {
    __typename: 'Repository',
    id: nodeId('Repository', name, 0),
    nameWithOwner: name,
    defaultBranchRef: { name: about.default_branch },
    licenseInfo: license ? { spdxId: license.spdx_id } : null,
    issue: ({ number }: { number: number }) => showIssue(repository, number),
    pullRequest({ number }: { number: number }) {
      const pull = repository.pull(number)
      return pull && showPull(repository, pull)
    },
    pullRequests({ orderBy, states, ...page }: PullArguments) {
      const isWanted = states ? (pull: Json) => states.includes(stateOf(pull)) : null
      return connectEntries(repository.listed('pulls'), page, {
        sort: orderBy?.field === 'UPDATED_AT' ? 'updated' : 'created',
        direction: orderBy?.direction === 'DESC' ? 'desc' : 'asc',
        isWanted,
        make: (pull) => showPull(repository, pull),
      })
    },
  }
}

/** A pull request as GraphQL shows it, of its entry among the repository's pull requests. */
export function showPull(repository: HostedRepository, pull: Json): Json {
  const number = Number(pull.number)
  const state = stateOf(pull)
  return {
    __typename: 'PullRequest',
    id: nodeId('PullRequest', repository.name, number),
    number,
    title: pull.title,
    body: pull.body ?? '',
    url: pull.html_url,
    state,
    merged: state === 'MERGED',
    mergedAt: pull.merged_at,
    createdAt: pull.created_at,
    updatedAt: pull.updated_at,
    author: showActor(pull.user),
    baseRefName: json.safeParse(pull.base).data?.ref,
    headRefOid: json.safeParse(pull.head).data?.sha,
    mergeCommit: pull.merge_commit_sha ? { oid: pull.merge_commit_sha } : null,
    repository: () => showRepository(repository),
    reviews(page: PageArguments) {
      const reviews = repository.list('reviews', number) ?? []
      return connectList(
        reviews.map((review) => ({
          id: nodeId('PullRequestReview', repository.name, Number(review.id)),
          author: showActor(review.user),
          body: review.body ?? '',
          state: review.state ?? 'COMMENTED',
          submittedAt: review.submitted_at,
          url: review.html_url ?? pull.html_url,
        })),
        page,
      )
    },
    closingIssuesReferences(page: PageArguments) {
      const closed = repository.closes(number)
      return connectList(
        closed.map((issue) => showSubject(repository, { ...issue, isPull: false })),
        page,
      )
    },
    timelineItems({ itemTypes, ...page }: PageArguments & { itemTypes?: readonly string[] | null }) {
      const events = (repository.list('timeline', number) ?? []).flatMap((event) => showEvent(repository, event))
      return connectList(
        events.filter(({ itemType }) => !itemTypes || itemTypes.includes(String(itemType))),
        page,
      )
    },
  }
}

/** GitHub's opaque name of a thing. */
export function nodeId(type: string, repository: string, number: number): string {
  return Buffer.from(`${type}:${repository}:${number}`).toString('base64url')
}

/** What {@link nodeId} names, or null. */
export function readNodeId(id: string): { owner: string; name: string; number: number } | null {
  const parts = /^\w+:([^:/]+)\/([^:/]+):(\d+)$/.exec(Buffer.from(id, 'base64url').toString())
  return parts && { owner: parts[1]!, name: parts[2]!, number: Number(parts[3]) }
}

function stateOf(pull: Json): 'MERGED' | 'OPEN' | 'CLOSED' {
  if (pull.merged_at != null || pull.merged === true) return 'MERGED'
  return pull.state === 'open' ? 'OPEN' : 'CLOSED'
}

/** GraphQL says `dependabot` and that it is a bot where REST says `dependabot[bot]`. */
function showActor(user: unknown): Json | null {
  const { login, type } = json.safeParse(user).data ?? {}
  if (typeof login !== 'string') return null
  const isBot = type === 'Bot' && login.endsWith('[bot]')
  return { __typename: isBot ? 'Bot' : 'User', login: login.replace(/\[bot\]$/, '') }
}

function showIssue(repository: HostedRepository, number: number): Json | null {
  const issue = repository.issue(number)
  if (!issue || issue.pull_request != null) return null
  return {
    __typename: 'Issue',
    id: nodeId('Issue', repository.name, number),
    number,
    title: issue.title ?? '',
    url: issue.html_url,
    state: issue.state === 'open' ? 'OPEN' : 'CLOSED',
    repository: () => showRepository(repository),
  }
}

const eventSource = z.object({
  issue: z.object({
    number: z.number(),
    repository: z.object({ full_name: z.string() }).nullish(),
    repository_url: z.string().nullish(),
    pull_request: z.object({ url: z.string().nullish() }).nullish(),
  }),
})

const EVENTS: Record<string, [type: string, itemType: string]> = {
  'cross-referenced': ['CrossReferencedEvent', 'CROSS_REFERENCED_EVENT'],
  connected: ['ConnectedEvent', 'CONNECTED_EVENT'],
  disconnected: ['DisconnectedEvent', 'DISCONNECTED_EVENT'],
}

/** Nothing for an event of another kind, or one that does not say where it comes from. */
function showEvent(repository: HostedRepository, event: Json): Json[] {
  const kind = EVENTS[String(event.event)]
  const issue = eventSource.safeParse(event.source).data?.issue
  if (!kind || !issue) return []
  const address = issue.repository_url ?? issue.pull_request?.url ?? ''
  const from = issue.repository?.full_name ?? /\/repos\/([^/]+\/[^/]+)/.exec(address)?.[1] ?? repository.name
  const source = showSubject(repository, {
    number: issue.number,
    repository: from,
    isPull: issue.pull_request != null,
  })
  return [
    {
      __typename: kind[0],
      itemType: kind[1],
      id: nodeId(kind[0], repository.name, Number(event.id)),
      actor: showActor(event.actor),
      createdAt: event.created_at,
      isCrossRepository: from.toLowerCase() !== repository.name.toLowerCase(),
      willCloseTarget: false,
      source,
      subject: source,
    },
  ]
}

/** An issue or a pull request that another thread speaks of; of another repository only its place is known. */
function showSubject(
  own: HostedRepository,
  { number, repository, isPull }: { number: number; repository: string; isPull: boolean },
): Json {
  const pull = repository === own.name && isPull ? own.pull(number) : null
  const issue = repository === own.name && !isPull ? showIssue(own, number) : null
  return pull
    ? showPull(own, pull)
    : (issue ?? {
        __typename: isPull ? 'PullRequest' : 'Issue',
        id: nodeId(isPull ? 'PullRequest' : 'Issue', repository, number),
        number,
        url: `https://github.com/${repository}/${isPull ? 'pull' : 'issues'}/${number}`,
        repository: { __typename: 'Repository', id: nodeId('Repository', repository, 0), nameWithOwner: repository },
      })
}
