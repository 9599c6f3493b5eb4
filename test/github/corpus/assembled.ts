import { createHash } from 'node:crypto'
import type { Cue } from '../../../src/formats/chain.ts'
import type { EvidenceText, IssueThread, PullRequest } from '../../../src/formats/pullRequest.ts'
import { filesOf } from './files.ts'
import { planOf } from './plan.ts'
import { layOut, type Bone, type Skeleton } from './skeleton.ts'
import * as thread from './thread.ts'

/** A link that a generated corpus was made with. */
export interface PlantedLink {
  from: number
  to: number
  source: EvidenceText['source']
  cue: Cue
  viaIssue: number | null
}

/** A repository of the generated corpus as mining would gather it, with the links that are truly in it. */
export interface GeneratedCorpus {
  pulls: PullRequest[]
  issues: IssueThread[]
  links: PlantedLink[]
}

/**
 * Generates one repository whole: one of the paper's nine by its name, with the paper's count unless `pullRequests` says
 * otherwise, or another of average looks. The same for the same options.
 */
export function generateCorpus(options: { seed: number; repository: string; pullRequests?: number }): GeneratedCorpus {
  const skeleton = layOut(planOf(options.repository, options.pullRequests), options.seed)
  const numbers = skeleton.bones.keys().drop(1).toArray()
  const citedBy = citersOf(skeleton)
  const isIssue = (number: number) => skeleton.bones[number]!.kind === 'issue'
  return {
    pulls: numbers.filter((n) => !isIssue(n)).map((n) => assemblePull(skeleton, n, citedBy.get(n) ?? [])),
    issues: numbers.filter(isIssue).map((n) => assembleIssue(skeleton, n)),
    links: linksOf(skeleton),
  }
}

/** The links that a repository was made with. */
export function linksOf({ citations, bones }: Skeleton): PlantedLink[] {
  return [...citations].flatMap(([from, cited]) =>
    cited.flatMap(({ to, planted, place, viaIssue }) =>
      bones[from]!.isMerged && (planted === 'extends' || planted === 'fixes' || planted === 'sibling')
        ? [{ from, to, source: place, cue: planted, viaIssue }]
        : [],
    ),
  )
}

/** Who cites a number in prose, as GitHub's timeline tells it: quotes and code are no mentions. */
export function citersOf({ citations, blames }: Skeleton): Map<number, { number: number; isPullRequest: boolean }[]> {
  const citers = new Map<number, { number: number; isPullRequest: boolean }[]>()
  const add = (to: number, number: number, isPullRequest: boolean) => {
    const known = citers.get(to) ?? []
    if (!known.some((one) => one.number === number)) citers.set(to, [...known, { number, isPullRequest }])
  }
  for (const [issue, to] of blames) add(to, issue, false)
  for (const [from, cited] of citations) {
    for (const { to, planted, viaIssue } of cited) {
      if (viaIssue === null && planted !== 'code' && planted !== 'foreign') add(to, from, true)
    }
  }
  for (const list of citers.values()) list.sort((a, b) => a.number - b.number)
  return citers
}

/** A commit's name where no repository was built: the same for the same place. */
export function inventSha(repository: string, place: string): string {
  return createHash('sha1').update(`${repository} ${place}`).digest('hex')
}

function assemblePull(skeleton: Skeleton, number: number, citedBy: PullRequest['citedBy']): PullRequest {
  const { plan, bones } = skeleton
  const bone = bones[number]!
  const url = `https://github.com/${plan.name}/pull/${number}`
  const own = { url, ...authorOf(bone.author), sha: null }
  const title = thread.titleOf(skeleton, number)
  const body = thread.bodyOf(skeleton, number)
  const commits = Array.from({ length: bone.commits }, (_, slot) => ({
    ...textOf('commit', null, thread.commitOf(skeleton, number, slot)),
    sha: inventSha(plan.name, `${number}/${slot}`),
  }))
  const texts: EvidenceText[] = [
    { source: 'title', text: title, ...own },
    ...(body ? [{ source: 'body' as const, text: body, ...own }] : []),
    ...commits,
    ...remarks(bone.comments, 'comment', url, (slot) => thread.commentOf(skeleton, number, slot)),
    ...remarks(bone.reviews, 'review', url, (slot) => thread.reviewOf(skeleton, number, slot)),
    ...remarks(bone.reviewComments, 'review-comment', url, (slot) => thread.reviewCommentOf(skeleton, number, slot)),
  ]
  return {
    format: 'prchain.pull-request/1',
    repository: plan.name,
    number,
    title,
    ...authorOf(bone.author),
    isMerged: bone.isMerged,
    mergeCommitSha: bone.isMerged ? inventSha(plan.name, `${number} merged`) : null,
    headSha: commits.at(-1)!.sha,
    baseRef: 'main',
    createdAt: instantOf(bone.createdAt),
    mergedAt: bone.isMerged ? instantOf(bone.closedAt!) : null,
    url,
    labels: bone.kind === 'bot' ? ['dependencies'] : [],
    files: filesOf(skeleton, number),
    commitCount: bone.commits,
    texts,
    citedBy,
    issues: [],
    closes: bone.closes === null ? [] : [bone.closes],
    lacks: [],
  }
}

function assembleIssue(skeleton: Skeleton, number: number): IssueThread {
  const { plan, bones } = skeleton
  const bone = bones[number]!
  const url = `https://github.com/${plan.name}/issues/${number}`
  const own = { url, ...authorOf(bone.author), sha: null }
  return {
    format: 'prchain.issue/1',
    repository: plan.name,
    number,
    ...authorOf(bone.author),
    createdAt: instantOf(bone.createdAt),
    url,
    labels: [],
    texts: [
      { source: 'title', text: thread.titleOf(skeleton, number), ...own },
      { source: 'body', text: thread.bodyOf(skeleton, number) ?? '', ...own },
      ...remarks(bone.comments, 'comment', url, (slot) => thread.commentOf(skeleton, number, slot)),
    ],
  }
}

function remarks(
  count: number,
  source: EvidenceText['source'],
  url: string,
  say: (slot: number) => thread.Said,
): EvidenceText[] {
  const said = Array.from({ length: count }, (_, slot) => textOf(source, url, say(slot)))
  return said.filter(({ text }) => text !== '')
}

function textOf(source: EvidenceText['source'], url: string | null, { author, text }: thread.Said): EvidenceText {
  return { source, text, url, ...authorOf(author), sha: null }
}

function authorOf(author: Bone['author']): { author: string | null; isBot: boolean } {
  return { author, isBot: author?.endsWith('[bot]') ?? false }
}

/** An instant as GitHub writes it. */
export function instantOf(timeMs: number): string {
  return new Date(timeMs).toISOString().replace('.000Z', 'Z')
}
