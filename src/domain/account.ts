import { NOTHING, plus, type Spend } from './price.ts'

/** A call's share of an account while it is not known what it costs. */
export interface Reservation extends Spend {
  /** The call's key. */
  key: string
  model: string
  /** The part of the account that it belongs to: a chain's stage. Empty where an account has none. */
  part: string
  /** The process that made it. */
  holder: string
  /** The instant up to which that is taken to live, unless it says more by then. Absent in accounts of earlier versions. */
  until?: string
}

/** What a campaign, a chain or a day has spent, and what its calls under way may still cost. */
export interface Account {
  spent: Spend
  /** What each part has spent of it. */
  parts: Record<string, Spend>
  /** Calls under way, by the id of the try; those of processes that fell silent are none any longer. */
  open: Record<string, Reservation>
  /**
   * Tries of which nobody knows what they cost; they count in full. By the id of the try where who made it died, and the
   * others, which broke off or were not counted, one sum for each part.
   */
  unknown: Record<string, Reservation>
}

/** The most that may be spent; null for no end. */
export interface Ceiling {
  microUsd: number | null
  tokens: number | null
}

/** No end. */
export const NO_CEILING: Readonly<Ceiling> = { microUsd: null, tokens: null }

/** An account in which nothing was spent. */
export const EMPTY_ACCOUNT: Readonly<Account> = { spent: NOTHING, parts: {}, open: {}, unknown: {} }

/** Why a call may not be made: the ceiling that it could pass, and what counts against that. */
export interface Shortage {
  /** Null for the whole account. */
  part: string | null
  ceiling: Ceiling
  spent: Spend
  open: Spend
  unknown: Spend
  /** What the call may cost. */
  most: Spend
}

/**
 * What counts against a ceiling at an instant: of a part, or of the whole account. Of a call whose process fell silent nobody
 * knows what it costs, until it is settled after all.
 */
export function standing(
  account: Account,
  part: string | null,
  at: string,
): { spent: Spend; open: Spend; unknown: Spend } {
  const sum = (all: readonly Reservation[]) =>
    all.filter((one) => part === null || one.part === part).reduce<Spend>(plus, NOTHING)
  const [alive, silent] = [true, false].map((lives) =>
    Object.values(account.open).filter(({ until = '' }) => until > at === lives),
  )
  const spent = part === null ? account.spent : (account.parts[part] ?? NOTHING)
  return { spent, open: sum(alive!), unknown: sum([...Object.values(account.unknown), ...silent!]) }
}

/**
 * Sets aside what a call may cost, unless that could pass a ceiling. An open reservation of the same call by another
 * process is of a try that died: it stays as unknown. `at` is now.
 */
export function reserve(
  account: Account,
  id: string,
  reservation: Reservation,
  against: { whole: Ceiling; part: Ceiling; at: string },
): { account: Account; shortage: Shortage | null } {
  const dead = Object.keys(account.open).filter(
    (one) => account.open[one]!.key === reservation.key && account.open[one]!.holder !== reservation.holder,
  )
  const cleared = dead.reduce(presumeDead, account)
  for (const [part, ceiling] of [
    [null, against.whole],
    [reservation.part, against.part],
  ] as const) {
    const counted = standing(cleared, part, against.at)
    const sum = [counted.spent, counted.open, counted.unknown, reservation].reduce<Spend>(plus, NOTHING)
    if (isOver(sum, ceiling)) {
      const most = { microUsd: reservation.microUsd, tokens: reservation.tokens }
      return { account: cleared, shortage: { part, ceiling, ...counted, most } }
    }
  }
  return { account: { ...cleared, open: { ...cleared.open, [id]: reservation } }, shortage: null }
}

/** Puts what a try did cost in the place of what was set aside; null when nobody knows. Idempotent. */
export function settle(account: Account, id: string, actual: Spend | null): Account {
  const reservation = account.open[id] ?? account.unknown[id]
  if (!reservation || (actual === null && !account.open[id])) return account
  const open = without(account.open, id)
  const { part } = reservation
  if (actual === null) {
    const sum = plus(account.unknown[uncounted(part)] ?? NOTHING, reservation)
    const whole = { ...sum, key: '', model: '', part, holder: '' }
    return { ...account, open, unknown: { ...account.unknown, [uncounted(part)]: whole } }
  }
  return {
    spent: plus(account.spent, actual),
    parts: part === '' ? account.parts : { ...account.parts, [part]: plus(account.parts[part] ?? NOTHING, actual) },
    open,
    unknown: without(account.unknown, id),
  }
}

/** Says of calls under way that their process is to be taken to live until then. */
export function renew(account: Account, ids: Iterable<string>, until: string): Account {
  const open = { ...account.open }
  const known = [...ids].filter((id) => open[id])
  for (const id of known) open[id] = { ...open[id]!, until }
  return known.length === 0 ? account : { ...account, open }
}

/** Under its own id, since who made it may live after all and say what it did cost. */
function presumeDead(account: Account, id: string): Account {
  return {
    ...account,
    open: without(account.open, id),
    unknown: { ...account.unknown, [id]: account.open[id]! },
  }
}

/** Where the tries of a part are added up of which it will never be known: a provider may count none, of thousands. */
function uncounted(part: string): string {
  return `uncounted/${part}`
}

/** Whether the call could be made once what is open is settled for less. */
export function mayPass({ spent, unknown, most, ceiling }: Shortage): boolean {
  return !isOver([spent, unknown, most].reduce<Spend>(plus, NOTHING), ceiling)
}

function isOver(sum: Spend, ceiling: Ceiling): boolean {
  return (
    (ceiling.microUsd !== null && sum.microUsd > ceiling.microUsd) ||
    (ceiling.tokens !== null && sum.tokens > ceiling.tokens)
  )
}

function without<T>(all: Record<string, T>, id: string): Record<string, T> {
  if (!(id in all)) return all
  const { [id]: _gone, ...rest } = all
  return rest
}
