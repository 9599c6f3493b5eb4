import type { IssueThread, PullRequest } from '../formats/pullRequest.ts'
import { buildChains } from './chain.ts'
import { buildLinks, holdsChain } from './link.ts'
import { filterPulls, type PullRule } from './pullRequest.ts'
import { findReferences } from './reference.ts'
import { isTestPath } from './testPath.ts'

/** The paper asks for more effective pull requests than this; three of its nine repositories have fewer. */
export const PAPER_EFFECTIVE = 7_000
/**
 * How many times more links there are than git shows, at most: of 269 adjacent pairs of published chains of scipy, 14
 * have the number in a commit's text.
 */
export const MOST_HIDDEN = 269 / 14
/** Pull requests of a chain, where git shows too few chains to tell. */
const USUAL_LENGTH = 2.5
const FEW_CHAINS = 5

/** What git alone shows of a repository's pull requests. */
export interface HistorySurvey {
  merged: number
  /** Merged, by a person, with a source file changed. */
  effective: number
  /** Of these, with a test file changed. */
  withTests: number
  removed: Record<PullRule, number>
  /** Effective pull requests that commit texts link to an earlier one. */
  linked: number
  chains: number
  stages: number
}

/** Surveys pull requests of which git alone told. */
export function surveyHistory(pulls: readonly PullRequest[]): HistorySurvey {
  const { kept, counts } = filterPulls(pulls)
  const links = buildLinks(findReferences(pulls))
  const chains = buildChains(kept, links)
  return {
    merged: pulls.length,
    effective: kept.length,
    withTests: kept.filter(({ files }) => files?.some(({ path }) => isTestPath(path))).length,
    removed: counts,
    linked: linkedAmong(kept, links).size,
    chains: chains.length,
    stages: chains.reduce((sum, { numbers }) => sum + numbers.length, 0),
  }
}

/** What GitHub said of the pull requests of a stretch of time. */
export interface Sample {
  /** Merged within it. */
  pulls: readonly PullRequest[]
  issues: readonly IssueThread[]
  /** Comments and review comments within it, on any pull request, by people other than its author. */
  comments: number
  /** Pull requests by people that were merged within it, by git's account. */
  mergedByPeople: number
}

/** What a {@link Sample} shows. */
export interface SampleSurvey {
  /** Effective pull requests in it. */
  effective: number
  /** Of these, those that link to an earlier effective one, and those of which git alone shows it. */
  linked: number
  linkedInGit: number
  /** Comments for each pull request by a person that was merged in the same time; null where none was. */
  reviewDensity: number | null
}

/** Surveys a sample before the background of all pull requests, as git alone tells of them. */
export function surveySample(all: readonly PullRequest[], sample: Sample): SampleSurvey {
  const known = new Map(sample.pulls.map((pull) => [pull.number, pull]))
  const pulls = all.map((pull) => known.get(pull.number) ?? pull)
  const { kept } = filterPulls(pulls)
  const inSample = kept.filter(({ number }) => known.has(number))
  const among = (some: ReadonlySet<number>) => inSample.filter(({ number }) => some.has(number)).length
  return {
    effective: inSample.length,
    linked: among(linkedAmong(kept, buildLinks(findReferences(pulls, sample.issues)))),
    linkedInGit: among(linkedAmong(kept, buildLinks(findReferences(all)))),
    reviewDensity: sample.mergedByPeople === 0 ? null : sample.comments / sample.mergedByPeople,
  }
}

/** How many chains mining may find. */
export interface ExpectedChains {
  /** The best guess; null where git alone was asked, which cannot tell. */
  chains: number | null
  /** Between these it is, in 19 of 20 samples, or by {@link MOST_HIDDEN}. */
  low: number
  high: number
  basis: 'sample' | 'git'
}

/**
 * Expects chains from a sample: the share of its effective pull requests that link to an earlier one (with Wilson's 95%
 * interval), for all effective ones, each link joining one pull request to a chain. Without a sample: not fewer than
 * git shows, and not more than {@link MOST_HIDDEN} times as many. Never more than half of the effective pull requests.
 */
export function expectChains(history: HistorySurvey, sample: SampleSurvey | null): ExpectedChains {
  const length = history.chains >= FEW_CHAINS ? history.stages / history.chains : USUAL_LENGTH
  const chainsOf = (linked: number) => Math.round(Math.min(linked / (length - 1), history.effective / 2))
  if (sample === null || sample.effective === 0) {
    return { chains: null, low: history.chains, high: chainsOf(history.linked * MOST_HIDDEN), basis: 'git' }
  }
  const { low, high } = wilson(sample.linked, sample.effective)
  const chains = chainsOf((sample.linked / sample.effective) * history.effective)
  return {
    chains: Math.max(chains, history.chains),
    low: Math.max(chainsOf(low * history.effective), history.chains),
    high: Math.max(chainsOf(high * history.effective), history.chains),
    basis: 'sample',
  }
}

/** Wilson's score interval of a share, 95%. */
function wilson(hits: number, of: number): { low: number; high: number } {
  const z = 1.96
  const share = hits / of
  const middle = share + (z * z) / (2 * of)
  const spread = z * Math.sqrt((share * (1 - share)) / of + (z * z) / (4 * of * of))
  const scale = 1 + (z * z) / of
  return { low: Math.max(0, (middle - spread) / scale), high: Math.min(1, (middle + spread) / scale) }
}

/** Numbers of those pull requests that link to an earlier one of them. */
function linkedAmong(pulls: readonly PullRequest[], links: ReturnType<typeof buildLinks>): Set<number> {
  const numbers = new Set(pulls.map(({ number }) => number))
  return new Set(
    links.filter((link) => holdsChain(link) && numbers.has(link.from) && numbers.has(link.to)).map(({ from }) => from),
  )
}
