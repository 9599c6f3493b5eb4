import { standing } from '../domain/account.ts'
import { composeBooks } from '../compose.ts'
import { flagOf, type Config } from '../config.ts'
import { renderMoney, toMicroUsd } from '../domain/money.ts'
import { hasPrice } from '../domain/price.ts'
import type { Ceilings, DayCeiling } from '../formats/budget.ts'
import type { Prices } from '../formats/price.ts'
import type { RolloutSettings } from '../formats/rollout.ts'
import { InputError } from './terminal.ts'

/** The settings that name a ceiling. */
type CeilingSetting = 'budgetUsd' | 'budgetTokens' | 'budgetUsdChain' | 'budgetUsdStage' | 'budgetUsdDay'

/** Ceilings that are to be set; the others stay as they are. */
export type AskedCeilings = Partial<Ceilings & DayCeiling>

/** What a campaign has spent, as `prchain status` gives it. */
export interface CampaignSpend {
  microUsd: number | null
  tokens: number
  /** Set aside for calls under way, and for calls of which nobody knows what they cost. */
  openMicroUsd: number
  unknownMicroUsd: number
  ceilingMicroUsd: number | null
  ceilingTokens: number | null
}

/** The ceilings that settings name. */
export function ceilingsOf(config: Pick<Config, CeilingSetting>): AskedCeilings {
  const money = (usd: number | null) => (usd === null ? undefined : toMicroUsd(usd))
  const asked: { [N in keyof AskedCeilings]: AskedCeilings[N] | undefined } = {
    campaignMicroUsd: money(config.budgetUsd),
    campaignTokens: config.budgetTokens ?? undefined,
    chainMicroUsd: money(config.budgetUsdChain),
    stageMicroUsd: money(config.budgetUsdStage),
    dayMicroUsd: money(config.budgetUsdDay),
  }
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)) as AskedCeilings
}

/** Throws {@link InputError} when a ceiling would hold a campaign whose models' prices are not known. */
export async function checkCeilings(options: {
  config: Config
  settings: RolloutSettings
  prices: Prices | null
  asked: AskedCeilings
}): Promise<void> {
  const { config, settings, prices, asked } = options
  const { dayMicroUsd } = await composeBooks(config).dayCeiling().read()
  const [first] = Object.keys(asked)
  if (first === undefined && dayMicroUsd === null) return
  const what = first === undefined ? `the store’s ceiling of ${renderMoney(dayMicroUsd!)} a day` : spellingOf(first)
  const models = [...new Set([settings.model, settings.judgeModel, settings.queryModel])]
  const unknown = models.filter((model) => !hasPrice(prices, model))
  if (unknown.length === 0) return
  throw new InputError(
    `${what} needs to know what the models cost: ${prices ? 'the price table has no' : 'there is no price table, and so no price of'} ${unknown.map((model) => `"${model}"`).join(', ')}; give --prices FILE (docs/formats/prices.md)`,
  )
}

/** Puts ceilings on record. Throws {@link InputError} for one of chains where it is not known what they have spent. */
export async function setCeilings(options: { config: Config; campaign: string; asked: AskedCeilings }): Promise<void> {
  const { config, campaign, asked } = options
  const books = composeBooks(config)
  const { dayMicroUsd, ...own } = asked
  const known = await books.ceilings(campaign).read()
  const { spent, open } = await books.campaign(campaign).read()
  const late = (['chainMicroUsd', 'stageMicroUsd'] as const).find((name) => own[name] !== undefined)
  const hadNone = known.chainMicroUsd === null && known.stageMicroUsd === null
  if (late && hadNone && (spent.tokens > 0 || Object.keys(open).length > 0)) {
    throw new InputError(
      `${spellingOf(late)}: campaign ${campaign} has made calls already without a ceiling for its chains, so what each of them has spent was not counted; such a ceiling is given when a campaign begins`,
    )
  }
  if (Object.keys(own).length > 0)
    await books.ceilings(campaign).change((state) => ({ state: { ...state, ...own }, result: null }))
  if (dayMicroUsd !== undefined)
    await books.dayCeiling().change((state) => ({ state: { ...state, dayMicroUsd }, result: null }))
}

/** What a campaign has spent, and its ceilings. */
export async function readSpend(config: Config, campaign: string): Promise<CampaignSpend> {
  const books = composeBooks(config)
  const { spent, open, unknown } = standing(await books.campaign(campaign).read(), null, new Date().toISOString())
  const { campaignMicroUsd, campaignTokens } = await books.ceilings(campaign).read()
  return {
    microUsd: (await books.prices(campaign)) === null ? null : spent.microUsd,
    tokens: spent.tokens,
    openMicroUsd: open.microUsd,
    unknownMicroUsd: unknown.microUsd,
    ceilingMicroUsd: campaignMicroUsd,
    ceilingTokens: campaignTokens,
  }
}

/** What a campaign has spent, in a line. */
export function describeSpend(spend: CampaignSpend): string {
  const { microUsd, tokens, openMicroUsd, unknownMicroUsd, ceilingMicroUsd, ceilingTokens } = spend
  const count = `${tokens.toLocaleString('en')} tokens${ceilingTokens === null ? '' : ` of ${ceilingTokens.toLocaleString('en')}`}`
  if (microUsd === null) return `spent: ${count}; what they cost is not known without --prices`
  return [
    `spent: ${renderMoney(microUsd)}${ceilingMicroUsd === null ? '' : ` of ${renderMoney(ceilingMicroUsd)}`}, ${count}`,
    ...(openMicroUsd > 0 ? [`${renderMoney(openMicroUsd)} set aside for calls under way`] : []),
    ...(unknownMicroUsd > 0 ? [`${renderMoney(unknownMicroUsd)} for calls of which nobody knows what they cost`] : []),
  ].join('; ')
}

const FLAGS: Record<keyof AskedCeilings, CeilingSetting> = {
  campaignMicroUsd: 'budgetUsd',
  campaignTokens: 'budgetTokens',
  chainMicroUsd: 'budgetUsdChain',
  stageMicroUsd: 'budgetUsdStage',
  dayMicroUsd: 'budgetUsdDay',
}

function spellingOf(name: string): string {
  return flagOf(FLAGS[name as keyof AskedCeilings])
}
