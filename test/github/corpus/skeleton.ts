import type { Citation, Place, Planted } from './citation.ts'
import type { RepositoryPlan } from './plan.ts'
import { randomFor, type Random } from './random.ts'

/** What a number of the repository is. */
export type NumberKind = 'issue' | 'human' | 'bot'
/** What a pull request changes. */
export type ChangeKind = 'source+tests' | 'source' | 'docs' | 'ci' | 'release'

/** One number, without its texts. Times are milliseconds since 1970, in whole seconds. */
export interface Bone {
  kind: NumberKind
  createdAt: number
  closedAt: number | null
  isMerged: boolean
  /** Null for a deleted account. */
  author: string | null
  /** Which part of the repository it is about. */
  topic: number
  change: ChangeKind
  comments: number
  reviews: number
  reviewComments: number
  commits: number
  /** The issue that it closes. */
  closes: number | null
  /** The earlier pull request of which it changes a file again. */
  sharesFileWith: number | null
}

/** The numbers of a repository and what each refers to; texts are made of it when they are read. */
export interface Skeleton {
  plan: RepositoryPlan
  seed: number
  /** By number; index 0 is not used. */
  bones: Bone[]
  citations: Map<number, Citation[]>
  /** For an issue the earlier pull request that its body blames. */
  blames: Map<number, number>
}

const START_MS = Date.UTC(2016, 0, 4)
const SPAN_MS = 8 * 365 * 86_400_000
const BOTS = ['dependabot[bot]', 'pre-commit-ci[bot]', 'renovate[bot]', 'github-actions[bot]']
export const TOPICS = 60

/** Lays out a repository: the same for the same seed and plan. */
export function layOut(plan: RepositoryPlan, seed: number): Skeleton {
  const issues = Math.round(plan.pullRequests * plan.issueShare)
  const total = plan.pullRequests + issues
  const random = randomFor(plan.name, seed, 'numbers')
  const skeleton: Skeleton = { plan, seed, bones: [], citations: new Map(), blames: new Map() }
  let issuesLeft = issues
  skeleton.bones.length = total + 1
  for (let number = 1; number <= total; number += 1) {
    const isIssue = random.next() < issuesLeft / (total - number + 1)
    if (isIssue) issuesLeft -= 1
    const createdAt = wholeSecond(START_MS + (SPAN_MS * (number - 1 + random.next())) / total)
    const own = randomFor(plan.name, seed, 'bone', number)
    skeleton.bones[number] = isIssue ? layIssue(own, createdAt) : layPull(own, createdAt, plan, number / total)
    if (isIssue) blameEarlier(skeleton, number, own)
    else citeEarlier(skeleton, number, own)
  }
  return skeleton
}

function layIssue(random: Random, createdAt: number): Bone {
  return {
    kind: 'issue',
    createdAt,
    closedAt: random.chance(0.7) ? wholeSecond(createdAt + random.skewed(20, 1.5) * 86_400_000) : null,
    isMerged: false,
    author: person(random),
    topic: random.int(TOPICS),
    change: 'source',
    comments: Math.min(60, Math.floor(random.skewed(2, 0.9))),
    ...{ reviews: 0, reviewComments: 0, commits: 0, closes: null, sharesFileWith: null },
  }
}

function layPull(random: Random, createdAt: number, plan: RepositoryPlan, age: number): Bone {
  const isBot = random.chance(plan.botShare)
  const isMerged = random.chance(0.85)
  const isOpen = !isMerged && (age > 0.95 || random.chance(0.08))
  const said = Math.min(200, random.skewed(plan.commentsPerPull * 0.75, 0.75))
  const share = random.next() * 0.7
  return {
    kind: isBot ? 'bot' : 'human',
    createdAt,
    closedAt: isOpen ? null : wholeSecond(createdAt + Math.max(0.01, random.skewed(1.2, 1.6)) * 86_400_000),
    isMerged,
    author: isBot ? random.pick(BOTS) : person(random),
    topic: random.int(TOPICS),
    change: isBot ? 'ci' : changeOf(random),
    comments: isBot ? random.int(3) : Math.ceil(said * (1 - share)),
    reviews: isBot ? 1 : random.int(4),
    reviewComments: isBot ? 0 : Math.floor(said * share),
    commits: isBot ? 1 : Math.min(40, 1 + Math.floor(random.skewed(1.6, 1))),
    closes: null,
    sharesFileWith: null,
  }
}

function changeOf(random: Random): ChangeKind {
  const kind = random.next()
  if (kind < 0.58) return 'source+tests'
  if (kind < 0.85) return 'source'
  if (kind < 0.945) return 'docs'
  return kind < 0.993 ? 'ci' : 'release'
}

/** Nobody knows a deleted account's name; the busiest write most. */
function person(random: Random): string | null {
  return random.chance(0.01) ? null : `dev-${Math.floor(150 * random.next() ** 3)}`
}

function blameEarlier({ bones, blames }: Skeleton, number: number, random: Random): void {
  if (!random.chance(0.12)) return
  const to = findEarlier(bones, number, random)
  if (to !== null) blames.set(number, to)
}

/** Chances for each pull request of a person, beside the plan's share of links. */
const FALSE_FRIENDS: readonly [Planted, number][] = [
  ['mentions', 0.08],
  ['quoted', 0.03],
  ['code', 0.03],
  ['contrasts', 0.015],
  ['foreign', 0.01],
  ['reverts', 0.007],
  ['backports', 0.01],
]

function citeEarlier(skeleton: Skeleton, number: number, random: Random): void {
  const { bones, plan, blames } = skeleton
  const bone = bones[number]!
  if (bone.kind !== 'human') return
  const cited: Citation[] = []
  const cite = (to: number | null, planted: Planted, place: Place, viaIssue: number | null = null) => {
    const slots = {
      body: 1,
      comment: bone.comments,
      review: bone.reviews,
      'review-comment': bone.reviewComments,
      commit: bone.commits,
    }
    const isFree = (slot: number) => !cited.some((one) => one.place === place && one.slot === slot && place !== 'body')
    const slot = random.int(slots[place])
    if (to !== null && slots[place] > 0 && isFree(slot)) cited.push({ to, planted, place, slot, viaIssue })
    return to
  }
  if (bone.change === 'release') {
    for (let left = 12 + random.int(14); left > 0; left -= 1)
      cite(findEarlier(bones, number, random), 'releases', 'body')
  } else if (random.chance(plan.linkShare)) {
    const isThroughIssue = random.chance(0.12)
    const issue = isThroughIssue ? findIssue(bones, number, random, (one) => blames.has(one)) : null
    const target = issue === null ? findEarlier(bones, number, random) : blames.get(issue)!
    const place = issue === null ? placeOf(random) : 'body'
    const planted = issue === null ? cueOf(random) : 'fixes'
    const to = cite(target, planted, place, issue)
    if (to !== null && random.chance(0.8)) bone.topic = bones[to]!.topic
    if (to !== null && random.chance(0.62)) bone.sharesFileWith = to
    if (issue !== null) bone.closes = issue
  }
  for (const [planted, share] of FALSE_FRIENDS) {
    if (random.chance(share)) cite(findEarlier(bones, number, random), planted, random.chance(0.6) ? 'body' : 'comment')
  }
  if (bone.commits > 1 && random.chance(0.2)) cite(findEarlier(bones, number, random), 'absorbed', 'commit')
  if (bone.closes === null && random.chance(0.35))
    bone.closes = findIssue(bones, number, random, (one) => !blames.has(one))
  if (cited.length > 0) skeleton.citations.set(number, cited)
}

function placeOf(random: Random): Place {
  const place = random.next()
  if (place < 0.52) return 'body'
  if (place < 0.75) return 'comment'
  if (place < 0.83) return 'review'
  return place < 0.91 ? 'review-comment' : 'commit'
}

function cueOf(random: Random): Planted {
  const cue = random.next()
  if (cue < 0.55) return 'extends'
  return cue < 0.88 ? 'fixes' : 'sibling'
}

/** A pull request of a person that was merged before `number` was opened, rather a near one; null when there is none. */
function findEarlier(bones: readonly Bone[], number: number, random: Random): number | null {
  const { createdAt } = bones[number]!
  for (let tries = 0; tries < 12; tries += 1) {
    const to = number - 1 - Math.floor(random.skewed(60, 1.4))
    const bone = bones[to]
    if (bone?.kind === 'human' && bone.isMerged && bone.closedAt! < createdAt && bone.change.startsWith('source'))
      return to
  }
  return null
}

function findIssue(bones: readonly Bone[], number: number, random: Random, isWanted: (issue: number) => boolean) {
  for (let tries = 0; tries < 40; tries += 1) {
    const issue = number - 1 - Math.floor(random.skewed(30, 1.2))
    if (bones[issue]?.kind === 'issue' && isWanted(issue)) return issue
  }
  return null
}

function wholeSecond(timeMs: number): number {
  return Math.floor(timeMs / 1000) * 1000
}
