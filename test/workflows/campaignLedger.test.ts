import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { campaignState, type CampaignState } from '../../src/formats/state.ts'
import { openLedger, renderCampaign } from '../../src/workflows/campaignLedger.ts'
import type { ChainNews } from '../../src/workflows/messages.ts'

const LIMIT_BYTES = 64 * 1024
const NAME = 'n'.repeat(60)
const CHAIN = `${'o'.repeat(39)}__${'r'.repeat(60)}.${'12345-'.repeat(3)}`.slice(0, 120)
const rolloutOf = (n: number) => `${NAME}/${CHAIN}/${n}`
const sizeOf = (state: CampaignState) =>
  Buffer.byteLength(JSON.stringify({ name: NAME, carried: { next: 99_999, state } }))

/** A campaign's books over so many rollouts that have begun. */
function openBooks(rollouts: number, carried?: CampaignState) {
  let largest = 0
  const ledger = openLedger({ name: NAME, carried, onChange: (state) => (largest = Math.max(largest, sizeOf(state))) })
  ledger.state.chains.total = rollouts
  ledger.become('running')
  for (let n = 1; n <= rollouts; n++) ledger.begin(rolloutOf(n))
  return { ledger, largest: () => largest }
}

const ended = (rollout: string, over: Partial<Extract<ChainNews, { kind: 'ended' }>> = {}): ChainNews => ({
  kind: 'ended',
  rollout,
  ending: 'accepted',
  reason: '',
  stagesAccepted: 2,
  rounds: 3,
  hasSample: true,
  restarts: 0,
  ...over,
})

describe('the books of a campaign', () => {
  test('stay under 64 KiB as a payload at all their bounds, whatever is written in them', () => {
    // The worst of each kind: control characters are six bytes in JSON, Chinese three, quotes two.
    const characters = ['\u0000', '\n', '"', '\\', '語', '👩', 'é', 'a', ' ', '\ud800']
    const character = fc.constantFrom(...characters)
    const reason = fc.array(character, { minLength: 1, maxLength: 12 }).map((some) =>
      some
        .join('')
        .repeat(Math.ceil(2_000 / some.join('').length))
        .slice(0, 2_000),
    )
    fc.assert(
      fc.property(fc.array(reason, { minLength: 8, maxLength: 8 }), (reasons) => {
        const { ledger, largest } = openBooks(90)
        const reasonOf = (n: number) => reasons[n % reasons.length]!
        for (let n = 1; n <= 30; n++) ledger.hear({ kind: 'parked', rollout: rolloutOf(n), reason: reasonOf(n) })
        for (let n = 31; n <= 60; n++)
          ledger.hear(ended(rolloutOf(n), { ending: 'failed', reason: reasonOf(n), stagesAccepted: 0 }))
        for (let n = 61; n <= 90; n++) ledger.hear(ended(rolloutOf(n), { ending: 'rejected', reason: reasonOf(n) }))
        const { state } = ledger
        expect(state).toMatchObject({ chains: { running: 60, parked: 30, ended: 30 }, firstNews: 30 })
        expect([state.open, state.parked, state.failed, state.news].map((list) => list.length)).toEqual([
          20, 20, 20, 60,
        ])
        expect(campaignState.parse(state)).toEqual(state)
        expect(largest()).toBeLessThan(LIMIT_BYTES)
        expect(Buffer.byteLength(renderCampaign(state))).toBeLessThan(LIMIT_BYTES)
      }),
      { numRuns: 40, examples: characters.map((one) => [Array.from({ length: 8 }, () => one.repeat(2_000))]) },
    )
  })

  test('count each rollout once, in whatever order its news, looks and starts come', () => {
    const doing = fc.constantFrom('begin', 'parked', 'resumed', 'failed', 'ended', 'looked-up', 'unwatch')
    const events = fc.array(fc.tuple(doing, fc.integer({ min: 1, max: 4 })), { maxLength: 60 })
    fc.assert(
      fc.property(events, (happened) => {
        const { ledger } = openBooks(0)
        ledger.state.chains.total = 4
        ledger.become('running')
        const begun = new Set<number>()
        const over = new Set<number>()
        for (const [what, n] of happened) {
          const rollout = rolloutOf(n)
          if (what === 'begin' && !begun.has(n)) {
            begun.add(n)
            ledger.begin(rollout)
          }
          if (what === 'parked') ledger.hear({ kind: 'parked', rollout, reason: 'r' })
          if (what === 'resumed') ledger.hear({ kind: 'resumed', rollout })
          if (what === 'failed') ledger.hear(ended(rollout, { ending: 'failed', hasSample: false }))
          if (what === 'unwatch') ledger.unwatch(rollout, false)
          if (what === 'ended') ledger.hear(ended(rollout))
          if (what === 'looked-up')
            ledger.close(rollout, { ending: 'accepted', reason: '', stagesAccepted: 2, rounds: 3, hasSample: true })
          if (['ended', 'looked-up'].includes(what) && begun.has(n)) over.add(n)
          const { chains, endings, funnel, parked, failed, open } = ledger.state
          expect(chains.ended).toBe(over.size)
          expect(chains.running).toBe(begun.size - over.size)
          expect(chains.waiting).toBe(4 - begun.size)
          expect(endings.accepted ?? 0).toBe(over.size)
          expect(funnel.samples).toBe(over.size)
          for (const one of [...parked.map((each) => each.rollout), ...failed]) expect(open).toContain(one)
          expect(chains.parked).toBe(parked.length)
        }
      }),
    )
  })

  test('news of a rollout that was counted before the campaign continued as new change no count', () => {
    const before = openBooks(1).ledger
    before.hear(ended(rolloutOf(1)))
    const after = openBooks(0, before.state).ledger
    after.hear(ended(rolloutOf(1)))
    expect(after.state).toMatchObject({ endings: { accepted: 1 }, chains: { ended: 1 } })
  })

  test('a line of news is cut between words', () => {
    const { ledger } = openBooks(1)
    ledger.note('word '.repeat(60))
    expect(ledger.state.news.at(-1)).toMatch(/ word…$/)
  })
})
