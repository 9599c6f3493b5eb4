import { phrase, type Citation, type Place } from './citation.ts'
import { codeBlock, paragraphs, sentence, titleText } from './prose.ts'
import { randomFor, type Random } from './random.ts'
import type { Bone, Skeleton } from './skeleton.ts'

/** One comment, review, review comment or commit message. `at` is milliseconds since 1970. */
export interface Said {
  author: string | null
  at: number
  text: string
}

const TEMPLATE = `<!-- Thank you for your help! Say which issue this closes, such as "Fixes #1234". -->

#### Checklist

- [x] I have read the contributing guide
- [ ] I have added a test

`

/** The title of a number. */
export function titleOf(skeleton: Skeleton, number: number): string {
  const bone = boneOf(skeleton, number)
  const random = randomOf(skeleton, 'title', number)
  if (bone.kind === 'bot')
    return `Bump ${titleText(random).split(' ').at(-1)} from 1.${random.int(9)} to 2.${random.int(9)}`
  if (bone.change === 'release' && bone.kind === 'human') return `Release 1.${number}.0`
  const revert = citationsOf(skeleton, number, 'body').find(({ planted }) => planted === 'reverts')
  return revert ? `Revert "${titleOf(skeleton, revert.to)}"` : titleText(random)
}

/** The body of an issue or pull request; null for one that nobody filled in. */
export function bodyOf(skeleton: Skeleton, number: number): string | null {
  const bone = boneOf(skeleton, number)
  const random = randomOf(skeleton, 'body', number)
  if (bone.kind === 'bot') return botBody(random)
  if (bone.kind === 'issue') {
    const blamed = skeleton.blames.get(number)
    const prose = paragraphs(random, random.skewed(380, 1))
    return blamed === undefined ? prose : `Since #${blamed} this fails:\n\n${prose}`
  }
  const cited = citationsOf(skeleton, number, 'body').filter(({ viaIssue }) => viaIssue === null)
  const parts = cited.map((one) => render(one, random))
  if (bone.closes !== null) parts.push(`${random.pick(['Fixes', 'Closes', 'Resolves'])} #${bone.closes}.`)
  if (parts.length === 0 && random.chance(0.08)) return null
  const prose = paragraphs(random, random.skewed(300, 1.1))
  const template = skeleton.plan.hasTemplate && random.chance(0.7) ? TEMPLATE : ''
  return `${template}${random.chance(0.5) ? [prose, ...parts].join('\n\n') : [...parts, prose].join('\n\n')}`
}

/** Comment `slot` of an issue or pull request. */
export function commentOf(skeleton: Skeleton, number: number, slot: number): Said {
  return sayAt(skeleton, number, { place: 'comment', slot })
}

/** Review `slot` of a pull request; more than half are approvals without a word. */
export function reviewOf(skeleton: Skeleton, number: number, slot: number): Said {
  return sayAt(skeleton, number, { place: 'review', slot })
}

/** Review comment `slot` of a pull request. */
export function reviewCommentOf(skeleton: Skeleton, number: number, slot: number): Said {
  return sayAt(skeleton, number, { place: 'review-comment', slot })
}

/** Commit `slot` of a pull request's branch. One that absorbs others repeats the subject of what it merged. */
export function commitOf(skeleton: Skeleton, number: number, slot: number): Said {
  const bone = boneOf(skeleton, number)
  const random = randomOf(skeleton, 'commit', number, slot)
  const [cited] = citationsOf(skeleton, number, 'commit').filter((one) => one.slot === slot)
  const at = bone.createdAt - (bone.commits - slot) * 60_000
  if (cited?.planted === 'absorbed') {
    return { author: bone.author, at, text: `${titleOf(skeleton, cited.to)} (#${cited.to})` }
  }
  const subject = titleText(random)
  return { author: bone.author, at, text: cited ? `${subject}\n\n${render(cited, random)}` : subject }
}

/** When comment, review or review comment `slot` was written: all after the opening, in order. */
export function timeOf(skeleton: Skeleton, number: number, place: Place, slot: number): number {
  const bone = boneOf(skeleton, number)
  const random = randomOf(skeleton, `time ${place}`, number)
  const gapMs = Math.floor(Math.min(2 * 86_400, random.skewed(9000, 1.4))) * 1000
  return bone.createdAt + (slot + 1) * (gapMs + 60_000)
}

/** References of a pull request that stand at a place. */
export function citationsOf({ citations }: Skeleton, number: number, place: Place): Citation[] {
  return (citations.get(number) ?? []).filter((one) => one.place === place)
}

function sayAt(skeleton: Skeleton, number: number, { place, slot }: { place: Place; slot: number }): Said {
  const bone = boneOf(skeleton, number)
  const random = randomOf(skeleton, place, number, slot)
  const at = timeOf(skeleton, number, place, slot)
  const [cited] = citationsOf(skeleton, number, place).filter((one) => one.slot === slot)
  const author = random.chance(0.01) ? null : `dev-${Math.floor(150 * random.next() ** 3)}`
  if (cited) return { author: cited.place === 'comment' ? bone.author : author, at, text: render(cited, random) }
  if (place === 'review' && random.chance(0.6)) return { author, at, text: '' }
  if (place === 'comment' && bone.kind !== 'issue' && slot === 0 && random.chance(0.25)) {
    return { author: 'codecov[bot]', at, text: coverage(skeleton, number, random) }
  }
  const quote = random.chance(0.1) ? `> ${sentence(random)}\n\n` : ''
  return { author, at, text: quote + paragraphs(random, random.skewed(110, 0.9)) }
}

function render(citation: Citation, random: Random): string {
  const words = phrase(citation, random)
  if (citation.planted === 'code') return `It prints:\n\n${codeBlock(random, `see ${words}`)}`
  if (citation.planted === 'releases') return `${words} ${titleText(random)}`
  return citation.planted === 'quoted' ? words : `${sentence(random)} ${words}`
}

function botBody(random: Random): string {
  const lines = Array.from({ length: 4 + random.int(8) }, () => `- ${titleText(random)} (#${1 + random.int(900)})`)
  return `Bumps a dependency.\n\n<details>\n<summary>Release notes</summary>\n\n${lines.join('\n')}\n\n</details>`
}

function coverage(skeleton: Skeleton, number: number, random: Random): string {
  const share = `${80 + random.int(20)}.${random.int(100)}%`
  return `Coverage is ${share}. Diff of [#${number}](https://github.com/${skeleton.plan.name}/pull/${number}) against main.`
}

function randomOf({ plan, seed }: Skeleton, part: string, number: number, slot = 0): Random {
  return randomFor(plan.name, seed, part, number, slot)
}

function boneOf({ bones }: Skeleton, number: number): Bone {
  const bone = bones[number]
  if (!bone) throw new Error(`the generated repository has no #${number}`)
  return bone
}
