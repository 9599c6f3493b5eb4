import type { Shortage } from '../domain/account.ts'
import { MININGS } from '../domain/identifiers.ts'
import { renderMoney } from '../domain/money.ts'
import type { Spend } from '../domain/price.ts'

/** The next call could pass a ceiling. Nothing was spent on it; when the ceiling is raised it can be made. */
export class CeilingReachedError extends Error {
  override name = 'CeilingReachedError'
  constructor(
    options: { of: 'chain' | 'campaign' | 'day'; campaign: string } & ({ shortage: Shortage } | { unpriced: string }),
  ) {
    super('shortage' in options ? describe(options) : describeUnpriced(options))
  }
}

function describeUnpriced({ of, campaign, unpriced }: { of: string; campaign: string; unpriced: string }): string {
  if (campaign === MININGS)
    return `there is a ceiling in dollars for the ${of}, and this mining was begun without a price of "${unpriced}": it cannot be held to it. Mine again with --prices FILE`
  return `there is a ceiling in dollars for the ${of}, and campaign ${campaign} was begun without a price of "${unpriced}": it cannot be held to it. Begin another with --prices FILE, or give --budget-usd-day 1000000000 where no ceiling of the day is wanted`
}

function describe({ of, campaign, shortage }: { of: string; campaign: string; shortage: Shortage }): string {
  const { part, ceiling, spent, open, unknown, most } = shortage
  const isMoney = ceiling.microUsd !== null && sum([spent, open, unknown, most], 'microUsd') > ceiling.microUsd
  const unit = isMoney ? 'microUsd' : 'tokens'
  const render = (amount: number) => (isMoney ? renderMoney(amount) : `${amount} tokens`)
  const whose = part !== null ? 'stage' : of
  const flag = { stage: 'budget-usd-stage', chain: 'budget-usd-chain', day: 'budget-usd-day', campaign: '' }[whose]
  const more = [
    open[unit] > 0 ? `${render(open[unit])} set aside for calls under way` : '',
    unknown[unit] > 0 ? `${render(unknown[unit])} for calls of which nobody knows what they cost` : '',
  ].filter(Boolean)
  return [
    `the ceiling of ${whose === 'campaign' ? `campaign ${campaign}` : `the ${whose}`} is reached:`,
    `${render(spent[unit])} of ${render(ceiling[unit]!)} spent${more.map((text) => `, ${text}`).join('')};`,
    `the next call may cost ${render(most[unit])}.`,
    campaign === MININGS
      ? `Raise it with any campaign, then mine again: prchain resume CAMPAIGN --${flag || 'budget-usd-day'} N`
      : `Raise it: prchain resume ${campaign} --${flag || (isMoney ? 'budget-usd' : 'budget-tokens')} N`,
  ].join(' ')
}

function sum(spends: readonly Spend[], unit: keyof Spend): number {
  return spends.reduce((total, spend) => total + spend[unit], 0)
}
