import {
  NO_CEILING,
  mayPass,
  renew,
  reserve,
  settle,
  type Account,
  type Ceiling,
  type Reservation,
  type Shortage,
} from '../domain/account.ts'
import { recordKey, splitRollout } from '../domain/identifiers.ts'
import { NOTHING, priceOf, type Spend } from '../domain/price.ts'
import type { Usage } from '../formats/chat.ts'
import type { ExchangeRecord } from '../formats/exchange.ts'
import type { Prices } from '../formats/price.ts'
import type { CallRecord } from '../formats/record.ts'
import type { Store } from '../store/port.ts'
import { CeilingReachedError } from './ceiling.ts'
import { createBooks } from './books.ts'
import type { Ledger } from './ledger.ts'

const LOOK_MS = 500
/** How long calls under way are waited for, which may cost less than was set aside for them. */
const LONGEST_WAIT_MS = 10_000
/** A process with calls under way says so often that it lives, and is taken to be dead when it has not said so for so long. */
const SIGN_OF_LIFE_MS = 30_000
const LONGEST_SILENCE_MS = 120_000

/** A call for which money is set aside. */
export interface Spending {
  key: string
  rollout: string
  /** Counts from 0; -1 for a call of no stage. */
  stage: number
  model: string
  most: Spend
  /** Whether the price table names the model: no ceiling in dollars can hold a call without a price. */
  isPriced: boolean
}

/** What was set aside for a try. */
export interface Reserved {
  /** Puts what it did cost in its place; null when nobody knows. */
  settle(actual: Spend | null): void
}

/** Holds calls to the ceilings of their stage, chain, campaign and day. */
export interface Budget {
  /** Sets aside what a call may cost. Throws {@link CeilingReachedError}, having set aside nothing. */
  reserve(call: Spending, signal: AbortSignal): Promise<Reserved>
  /** The price table of the campaign, or mining, that a rollout's id begins with. */
  pricesOf(rollout: string): Promise<Prices | null>
  /** Puts on record what waits. */
  flush(): Promise<void>
}

interface Share {
  of: 'chain' | 'campaign' | 'day'
  ledger: Ledger<Account>
  ceilings: { whole: Ceiling; part: Ceiling }
  part: string
}

/** Makes a {@link Budget} over the store, which all workers and gateways share. `holder` is this process alone. */
export function createBudget(options: {
  store: Store
  holder: string
  now: () => Date
  wait: (ms: number, signal: AbortSignal) => Promise<void>
}): Budget {
  const { store, holder, now, wait } = options
  const books = createBooks(store)
  let tries = 0
  /** By the ids of the tries that are under way here. */
  const held = new Map<string, readonly Share[]>()
  let beat: NodeJS.Timeout | null = null

  return {
    async reserve(call, signal) {
      const id = `${call.key}#${holder}.${tries++}`
      for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
        // A ceiling may be raised while it waits.
        const shares = await sharesOf(call)
        const unheld = shares.find(({ ceilings: { whole, part } }) => (whole.microUsd ?? part.microUsd) !== null)
        if (unheld && !call.isPriced) {
          throw new CeilingReachedError({ of: unheld.of, campaign: campaignOf(call), unpriced: call.model })
        }
        const refused = await reserveAll(shares, id, call)
        if (!refused) return hold(shares, id)
        if (waitedMs % (LOOK_MS * 4) === 0 && (await reconcile(refused.share.ledger))) continue
        if (!mayPass(refused.shortage) || waitedMs >= LONGEST_WAIT_MS) {
          throw new CeilingReachedError({ ...refused, of: refused.share.of, campaign: campaignOf(call) })
        }
        await wait(LOOK_MS, signal)
      }
    },
    pricesOf: (rollout) => books.prices(splitRollout(rollout).campaign, rollout),
    flush: () => books.flush(),
  }

  function hold(shares: readonly Share[], id: string): Reserved {
    held.set(id, shares)
    beat ??= setInterval(saySignOfLife, SIGN_OF_LIFE_MS).unref()
    return {
      settle(actual) {
        held.delete(id)
        if (beat && held.size === 0) {
          clearInterval(beat)
          beat = null
        }
        settleAll(shares, id, actual)
      },
    }
  }

  function saySignOfLife(): void {
    const until = untilWhen()
    const ledgers = new Set([...held.values()].flatMap((shares) => shares.map(({ ledger }) => ledger)))
    for (const ledger of ledgers) {
      // One that fails is said again at the next beat.
      ledger.change((account) => ({ state: renew(account, held.keys(), until), result: null })).catch(() => {})
    }
  }

  function untilWhen(): string {
    return new Date(now().getTime() + LONGEST_SILENCE_MS).toISOString()
  }

  async function sharesOf(call: Spending): Promise<Share[]> {
    const campaign = campaignOf(call)
    const day = now().toISOString().slice(0, 10)
    const { campaignMicroUsd, campaignTokens, chainMicroUsd, stageMicroUsd } = await books.ceilings(campaign).read()
    const { dayMicroUsd } = await books.dayCeiling().read()
    const shares: Share[] = []
    if (chainMicroUsd !== null || stageMicroUsd !== null) {
      const ceilings = { whole: money(chainMicroUsd), part: call.stage < 0 ? NO_CEILING : money(stageMicroUsd) }
      shares.push({ of: 'chain', ledger: books.chain(call.rollout), ceilings, part: String(call.stage) })
    }
    const whole = { microUsd: campaignMicroUsd, tokens: campaignTokens }
    shares.push({
      of: 'campaign',
      ledger: books.campaign(campaign),
      ceilings: { whole, part: NO_CEILING },
      part: '',
    })
    if (dayMicroUsd !== null) {
      const ceilings = { whole: money(dayMicroUsd), part: NO_CEILING }
      shares.push({ of: 'day', ledger: books.day(day), ceilings, part: '' })
    }
    return shares
  }

  async function reserveAll(
    shares: readonly Share[],
    id: string,
    { key, model, most }: Spending,
  ): Promise<{ share: Share; shortage: Shortage } | null> {
    const until = untilWhen()
    const reservationOf = (share: Share): Reservation => ({ ...most, key, model, part: share.part, holder, until })
    const against = ({ ceilings }: Share) => ({ ...ceilings, at: now().toISOString() })
    // What one would refuse is put on none: a call that waits for a ceiling looks often.
    for (const share of shares.length > 1 ? shares : []) {
      const { shortage } = reserve(await share.ledger.read(), id, reservationOf(share), against(share))
      if (shortage) return { share, shortage }
    }
    for (const [index, share] of shares.entries()) {
      const reservation = reservationOf(share)
      const shortage = await share.ledger.change((account) => {
        const made = reserve(account, id, reservation, against(share))
        return { state: made.account, result: made.shortage }
      })
      if (!shortage) continue
      settleAll(shares.slice(0, index), id, NOTHING)
      return { share, shortage }
    }
    return null
  }

  function settleAll(shares: readonly Share[], id: string, actual: Spend | null): void {
    for (const { ledger } of shares) ledger.changeLater((account) => settle(account, id, actual))
  }

  /** Settles the calls of processes that died when their reply was stored already. True when there were any. */
  async function reconcile(ledger: Ledger<Account>): Promise<boolean> {
    const found: [string, Spend][] = []
    for (const [id, { key, model, holder: other }] of Object.entries((await ledger.read()).open)) {
      const usage = other === holder ? null : await usageOf(key)
      if (usage) found.push([id, spendOf(await pricesOfCall(key), model, usage)])
    }
    if (found.length === 0) return false
    await ledger.change((account) => ({
      state: found.reduce((before, [id, actual]) => settle(before, id, actual), account),
      result: null,
    }))
    return true
  }

  function pricesOfCall(key: string): Promise<Prices | null> {
    const rollout = key.split('/').slice(0, 3).join('/')
    return books.prices(splitRollout(rollout).campaign, rollout)
  }

  async function usageOf(key: string): Promise<Usage | null> {
    const record = await store.getRecord<CallRecord | ExchangeRecord>(recordKey.call(key))
    if (!record) return null
    return 'reply' in record ? record.reply.usage : record.usage
  }
}

/** What a call's usage comes to. A model without a price costs nothing. */
export function spendOf(prices: Prices | null, model: string, usage: Usage): Spend {
  return { microUsd: priceOf(prices, model, usage) ?? 0, tokens: usage.promptTokens + usage.completionTokens }
}

function campaignOf({ rollout }: Spending): string {
  return splitRollout(rollout).campaign
}

function money(microUsd: number | null): Ceiling {
  return { microUsd, tokens: null }
}
