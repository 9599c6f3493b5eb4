import type { Cue } from '../../../src/formats/chain.ts'
import type { Random } from './random.ts'

/** Where a planted reference stands. */
export type Place = 'body' | 'comment' | 'review' | 'review-comment' | 'commit'

/** What a planted reference is: a cue in prose, or something that looks like a reference and is none. */
export type Planted = Cue | 'quoted' | 'code' | 'absorbed' | 'foreign'

/** One planted reference of a pull request, or of an issue for those that go through it. */
export interface Citation {
  to: number
  place: Place
  /** Which of its comments, reviews, review comments or commits. */
  slot: number
  planted: Planted
  /** The issue through which a link goes: this one's body names it, and it names `to`. */
  viaIssue: number | null
}

const PHRASES: Record<Planted, readonly ((number: string) => string)[]> = {
  extends: [
    (n) => `Follow-up to ${n}.`,
    (n) => `This is a follow up of ${n}, as agreed there.`,
    (n) => `Builds on ${n}.`,
    (n) => `This continues the work of ${n} for the remaining callers.`,
    (n) => `As a next step after ${n}, the rest of the callers is moved over.`,
    (n) => `Depends on ${n}.`,
  ],
  fixes: [
    (n) => `Fixes a regression from ${n}.`,
    (n) => `This was broken by ${n}.`,
    (n) => `The bug was introduced in ${n}, where the empty case was lost.`,
    (n) => `Corrects a mistake in ${n}.`,
  ],
  sibling: [(n) => `The same fix as in ${n}, for the other backend.`, (n) => `Like ${n}, but for the decoder.`],
  mentions: [(n) => `See ${n} for some background.`, (n) => `cc ${n}`, (n) => `Noticed while looking at ${n}.`],
  contrasts: [
    (n) => `This is unrelated to ${n}.`,
    (n) => `Unlike ${n}, this does not touch the public names.`,
    (n) => `Distinct from ${n}.`,
  ],
  reverts: [(n) => `Reverts ${n}`],
  backports: [(n) => `Backport of ${n}.`, (n) => `Backport ${n} to the maintenance branch.`],
  releases: [(n) => `- ${n}`],
  quoted: [(n) => `> Is this a follow-up to ${n}?\n\nNo.`],
  code: [(n) => n],
  absorbed: [(n) => `Merged work (${n})`],
  foreign: [(n) => `This follows up on other/project${n}.`],
}

/** The words that a planted reference is given. Code and what a commit absorbs are put in their place by the caller. */
export function phrase(citation: Pick<Citation, 'planted' | 'to'>, random: Random): string {
  return random.pick(PHRASES[citation.planted])(`#${citation.to}`)
}
