import { toLine } from '../domain/line.ts'
import type { Ending } from '../formats/rollout.ts'
import { MOST_RESTARTS, type ChainNews } from './messages.ts'
import type { CampaignState } from '../formats/state.ts'

// Bounds that keep the state under 64 KiB, which is carried when the campaign continues as new.
const SHOWN = 20
const NEWS_KEPT = 60
const LONGEST_LINE = 200
const LONGEST_LINE_BYTES = 400

/** How a rollout ended, as a campaign counts it. */
export interface Closing {
  ending: Ending
  reason: string
  stagesAccepted: number
  rounds: number
  hasSample: boolean
}

/** A campaign's books: which rollouts are open, parked, failed and ended, and what the funnel comes to. */
export interface Ledger {
  state: CampaignState
  open: ReadonlySet<string>
  /** Open rollouts that nobody watches any more: failed ones that may be started again, and those found running. */
  unwatched: ReadonlySet<string>
  begin(rollout: string): void
  /** A rollout that this campaign did not start, or whose run failed: to be looked up now and then. */
  unwatch(rollout: string, isFailed: boolean): void
  hear(news: ChainNews): void
  close(rollout: string, closing: Closing): void
  note(line: string): void
  /** Says how the campaign stands as a whole. */
  become(status: CampaignState['status']): void
}

/** Opens the books of a campaign, or takes up those that were carried; what was carried has no open rollout. */
export function openLedger(options: {
  name: string
  carried: CampaignState | undefined
  onChange: (state: CampaignState) => void
}): Ledger {
  const { name, carried, onChange } = options
  const open = new Set<string>()
  const failed = new Set<string>()
  const unwatched = new Set<string>()
  const parked = new Map<string, string>()
  const ended = new Set<string>()
  const state: CampaignState = carried ?? {
    name,
    status: 'mining',
    chains: { total: 0, waiting: 0, running: 0, parked: 0, ended: 0 },
    funnel: { pullRequests: 0, references: 0, chains: 0, stages: 0, rounds: 0, accepted: 0, samples: 0 },
    open: [],
    parked: [],
    failed: [],
    endings: {},
    news: [],
    firstNews: 0,
    samplesPath: null,
  }
  return { state, open, unwatched, begin, unwatch, hear, close, note, become }

  function begin(rollout: string): void {
    open.add(rollout)
    refresh()
  }

  function unwatch(rollout: string, isFailed: boolean): void {
    if (!open.has(rollout)) return
    unwatched.add(rollout)
    if (isFailed) failed.add(rollout)
    refresh()
  }

  function hear(news: ChainNews): void {
    if (ended.has(news.rollout)) return
    const chain = news.rollout.slice(name.length + 1)
    switch (news.kind) {
      case 'stage': {
        const score = news.score === null ? '' : `, score ${news.score.toFixed(2)}`
        const outcome = news.isAccepted ? 'accepted' : 'refused'
        note(`${chain}: stage ${news.stage + 1} (#${news.number}) ${outcome} after ${news.rounds} round(s)${score}`)
        break
      }
      case 'parked':
        parked.set(news.rollout, shorten(news.reason))
        note(`${chain}: needs attention: ${news.reason}`)
        break
      case 'resumed':
        parked.delete(news.rollout)
        note(`${chain}: goes on`)
        break
      case 'ended':
        parked.delete(news.rollout)
        if (news.ending === 'failed' && news.restarts < MOST_RESTARTS) {
          note(`${chain}: failed: ${news.reason}${state.status === 'cancelling' ? '' : '; it will be started again'}`)
          unwatch(news.rollout, true)
        } else close(news.rollout, news)
        break
      default:
        news satisfies never
    }
  }

  function close(rollout: string, closing: Closing): void {
    // One that is not open was counted before, or will be looked up when its turn comes.
    if (!open.has(rollout)) return
    ended.add(rollout)
    for (const set of [open, failed, unwatched, parked]) set.delete(rollout)
    state.endings[closing.ending] = (state.endings[closing.ending] ?? 0) + 1
    state.chains.ended++
    state.funnel.rounds += closing.rounds
    state.funnel.accepted += closing.stagesAccepted
    if (closing.hasSample) state.funnel.samples++
    note(`${rollout.slice(name.length + 1)}: ${closing.ending}${closing.reason ? `: ${closing.reason}` : ''}`)
  }

  function note(line: string): void {
    state.news.push(shorten(line))
    const surplus = state.news.length - NEWS_KEPT
    if (surplus > 0) {
      state.news.splice(0, surplus)
      state.firstNews += surplus
    }
    refresh()
  }

  function become(status: CampaignState['status']): void {
    state.status = status
    refresh()
  }

  function refresh(): void {
    const { chains } = state
    state.open = [...open].slice(0, SHOWN)
    state.failed = [...failed].slice(0, SHOWN)
    // One that is parked before its turn has come, in a campaign that was started again, is not among the open ones yet.
    const waiting = [...parked].filter(([rollout]) => open.has(rollout))
    state.parked = waiting.slice(0, SHOWN).map(([rollout, reason]) => ({ rollout, reason }))
    chains.running = open.size
    chains.parked = waiting.length
    chains.waiting = chains.total - chains.ended - open.size
    onChange(state)
  }
}

function shorten(line: string): string {
  return toLine(line, { characters: LONGEST_LINE, bytes: LONGEST_LINE_BYTES })
}

/** A campaign's state as Markdown for the Temporal UI: the status line first. */
export function renderCampaign(state: CampaignState): string {
  const { chains, funnel } = state
  return [
    `**${state.status}**: ${chains.ended} of ${chains.total} rollouts ended, ${chains.running} run, ${chains.parked} need attention`,
    '',
    `${funnel.pullRequests} pull requests, ${funnel.chains} chains, ${funnel.stages} stages, ${funnel.rounds} rounds, ${funnel.accepted} accepted, ${funnel.samples} samples`,
    '',
    ...state.news.slice(-6).map((line) => `- ${line}`),
  ].join('\n')
}
