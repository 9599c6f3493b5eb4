import { EMPTY_ACCOUNT, type Account } from '../domain/account.ts'
import { MININGS, recordKey } from '../domain/identifiers.ts'
import type { Ceilings, DayCeiling } from '../formats/budget.ts'
import type { Campaign } from '../formats/campaign.ts'
import type { LinkJudge } from '../formats/mining.ts'
import type { Prices } from '../formats/price.ts'
import type { Store } from '../store/port.ts'
import { createLedger, type Ledger } from './ledger.ts'

const NO_CEILINGS: Ceilings = { campaignMicroUsd: null, campaignTokens: null, chainMicroUsd: null, stageMicroUsd: null }
const NO_DAY_CEILING: DayCeiling = { dayMicroUsd: null }

/** The ledgers of a store's money: what may be spent, and what was. */
export interface Books {
  ceilings(campaign: string): Ledger<Ceilings>
  dayCeiling(): Ledger<DayCeiling>
  campaign(name: string): Ledger<Account>
  chain(rollout: string): Ledger<Account>
  /** `day` as in 2026-11-21, in UTC. */
  day(day: string): Ledger<Account>
  /** The price table that a campaign was given, or by `calls` a mining; null for none. */
  prices(campaign: string, calls?: string): Promise<Prices | null>
  /** Puts what waits in any of them. */
  flush(): Promise<void>
}

/** Opens the {@link Books} of a store. */
export function createBooks(store: Store): Books {
  const open = new Map<string, Ledger<unknown>>()
  const tables = new Map<string, Promise<Prices | null>>()

  return {
    ceilings: (name) => ledger('prchain.ceilings/1', (n) => recordKey.ceilings(name, n), NO_CEILINGS),
    dayCeiling: () => ledger('prchain.day-ceiling/1', (n) => recordKey.dayCeiling(n), NO_DAY_CEILING),
    campaign: (name) => account((n) => recordKey.campaignAccount(name, n)),
    chain: (rollout) => account((n) => recordKey.chainAccount(rollout, n)),
    day: (day) => account((n) => recordKey.dayAccount(day, n)),
    prices(campaign, calls = '') {
      const key = campaign === MININGS ? calls : campaign
      const known = tables.get(key)
      if (known) return known
      const read = readPrices(campaign, calls)
      tables.set(key, read)
      read.catch(() => tables.delete(key))
      return read
    },
    async flush() {
      await Promise.all([...open.values()].map((one) => one.flush()))
    },
  }

  function account(keyOf: (n: number) => string): Ledger<Account> {
    return ledger('prchain.account/1', keyOf, EMPTY_ACCOUNT)
  }

  function ledger<S>(format: string, keyOf: (n: number) => string, empty: S): Ledger<S> {
    const first = keyOf(0)
    const known = open.get(first) ?? createLedger({ store, format, keyOf, empty })
    open.set(first, known as Ledger<unknown>)
    return known as Ledger<S>
  }

  async function readPrices(campaign: string, calls: string): Promise<Prices | null> {
    const asked = campaign === MININGS ? null : await store.getRecord<Campaign>(recordKey.campaign(campaign))
    const judge = campaign === MININGS ? await store.getRecord<LinkJudge>(recordKey.linkJudge(calls)) : null
    const table = asked?.settings.prices ?? judge?.prices
    return table ? (JSON.parse((await store.getBlob(table)).toString('utf8')) as Prices) : null
  }
}
