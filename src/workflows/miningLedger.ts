import { setCurrentDetails } from '@temporalio/workflow'
import type { Fetched } from '../activities/fetchPages.ts'
import type { Gathered } from '../activities/gatherPulls.ts'
import { describeDuration, estimateFetchMs } from '../domain/fetchTime.ts'
import type { MiningState } from '../formats/state.ts'

/** Lines of news that a mining keeps. */
const MOST_NEWS = 200

/** A mining's books: its state, shown in the Temporal UI as it changes. */
export interface MiningLedger {
  readonly state: MiningState
  fetched(outcome: Fetched): void
  /** GitHub is away, and is asked again after this wait. */
  waits(wait: string): void
  resumed(): void
  /** GitHub's pages are read; git's part follows. */
  fetchesGit(): void
  gathered(gathered: Omit<Gathered, 'gathering'>): void
  linked(linked: { pullRequests: number; references: number; chainCount: number }): void
}

/** Opens a mining's books. */
export function openMiningLedger(repository: string): MiningLedger {
  const state: MiningState = {
    repository,
    phase: 'fetching',
    pages: 0,
    pagesLeft: null,
    quota: null,
    waitsUntil: null,
    news: [],
    firstNews: 0,
  }
  let isForecast = false
  show('asking GitHub')

  function note(line: string): void {
    state.news.push(line)
    if (state.news.length > MOST_NEWS) {
      state.news.shift()
      state.firstNews += 1
    }
  }

  function show(line: string): void {
    const { quota } = state
    const left = quota ? `\n\nGitHub: ${quota.remaining} of ${quota.limit} calls left until ${quota.resetsAt}` : ''
    setCurrentDetails(`**${repository}**: ${line}${left}`)
  }

  function ahead(hasToken: boolean): string {
    const { pages, pagesLeft, quota } = state
    if (pagesLeft === null) return `${pages} pages fetched`
    const time = describeDuration(estimateFetchMs({ calls: pagesLeft, quota, hasToken }, Date.now()))
    return `${pages} pages fetched, about ${pagesLeft} to come: about ${time}`
  }

  return {
    state,
    fetched(outcome) {
      state.pages += outcome.pages
      state.pagesLeft = outcome.pagesLeft
      state.quota = outcome.quota ?? state.quota
      if (!isForecast && outcome.pages > 0) {
        isForecast = true
        if (!outcome.hasToken) {
          note(
            'no token: GitHub allows 60 calls an hour, and tells nothing of reviews, closing references and timelines',
          )
        }
        const { quota } = state
        if (quota) note(`GitHub: ${quota.remaining} of ${quota.limit} calls left until ${quota.resetsAt}`)
        if (outcome.kind !== 'done') {
          note(`${ahead(outcome.hasToken)}${outcome.hasToken ? '' : '; with GITHUB_TOKEN, minutes'}`)
        }
      }
      if (outcome.kind === 'limited') {
        state.waitsUntil = outcome.resumesAt
        note(`GitHub's limit: asked again at ${outcome.resumesAt}; ${ahead(outcome.hasToken)}`)
        show(`waiting for GitHub's limit until ${outcome.resumesAt}; ${ahead(outcome.hasToken)}. ${outcome.reason}`)
      } else if (outcome.kind === 'away') {
        note(`GitHub is away: ${outcome.reason}`)
        show(`GitHub is away: ${outcome.reason}; ${ahead(outcome.hasToken)}`)
      } else show(ahead(outcome.hasToken))
    },
    waits(wait) {
      note(`asked again in ${wait}`)
    },
    resumed() {
      state.waitsUntil = null
    },
    fetchesGit() {
      show('bringing the clone up to date')
    },
    gathered({ pullRequests, issues, lacks }) {
      state.phase = 'linking'
      for (const reason of new Set(lacks.map((lack) => lack.reason))) {
        const kinds = lacks.filter((lack) => lack.reason === reason).map(({ kind }) => kind)
        note(`without ${kinds.join(', ')}: ${reason}`)
      }
      show(`${pullRequests} pull requests and ${issues} issues gathered; linking`)
    },
    linked({ pullRequests, references, chainCount }) {
      state.phase = 'done'
      show(`${pullRequests} pull requests, ${references} references, ${chainCount} chains`)
    },
  }
}
