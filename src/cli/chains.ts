import { readFile } from 'node:fs/promises'
import { prettifyError } from 'zod'
import { composeChains, composeStore } from '../compose.ts'
import type { Config } from '../config.ts'
import { recordKey } from '../domain/identifiers.ts'
import { repositoryName } from '../formats/common.ts'
import type { Mining } from '../formats/mining.ts'
import type { Store } from '../store/port.ts'
import { chainImport, type Chain, type ChainImport } from '../formats/chain.ts'
import { chainLines, chainTables, weakestScore } from './chainLines.ts'
import { readChain } from './targets.ts'
import { EXIT, InputError, type Terminal } from './terminal.ts'

const IMPORT_FORM = 'expected on each line: {"repo": "owner/name", "prs": [1150, 1234], "id": optional}'

/** Which chains are listed: all of what is null. */
export interface ChainFilter {
  repository: string | null
  mode: string | null
  /** Of a chain's weakest link. */
  minScore: number | null
  limit: number | null
  /** Also what earlier minings made and the latest of the same mode did not. */
  isAll?: boolean
}

const MODES = ['semantic', 'temporal', 'single', 'given'] as const satisfies Chain['mode'][]

/**
 * `prchain chains [REPO]`: the chains of the store, those that the filter lets through. What was mined is listed when the
 * latest mining of its mode made it: a pull request stands in one of those alone.
 */
export async function listChains(options: {
  config: Config
  filter: ChainFilter
  terminal: Terminal
}): Promise<number> {
  const { config, filter, terminal } = options
  const { repository, limit } = filter
  checkFilter(filter)
  const store = composeStore(config)
  const chains: Chain[] = []
  const others = new Set<string>()
  const former = createFormer(store)
  let ofRepository = 0
  let formerCount = 0
  for (const key of await store.listRecords(recordKey.chains)) {
    const chain = await store.getRecord<Chain>(key)
    if (!chain) continue
    if (repository !== null && chain.repository !== repository) others.add(chain.repository)
    else {
      ofRepository++
      if (!fits(chain, filter)) continue
      if (filter.isAll !== true && (await former(chain))) formerCount++
      else chains.push(chain)
    }
  }
  const shown = limit === null ? chains : chains.slice(0, limit)
  for (const chain of shown) terminal.emit(chain)
  if (terminal.isJson) return EXIT.ended
  const more = formerCount === 0 ? '' : `${formerCount} of earlier minings: --all lists them too`
  if (ofRepository === 0) {
    const known = others.size === 0 ? '' : `; the store has chains of ${[...others].sort().slice(0, 10).join(', ')}`
    terminal.say(
      `no chains${repository === null ? '' : ` of ${repository}`} yet: \`prchain mine ${repository ?? 'REPO'}\` or \`prchain chains import FILE\`${known}`,
    )
  } else if (chains.length === 0) terminal.say(`none of ${ofRepository} chain(s) is as asked for${more && `; ${more}`}`)
  else {
    for (const line of chainTables(shown, terminal.width ?? null)) terminal.say(line)
    if (shown.length < chains.length)
      terminal.say(`\n${chains.length - shown.length} more: --limit ${limit} cut the list`)
    if (more) terminal.say(`\n${more}`)
  }
  return EXIT.ended
}

/** Says of a mined chain whether the latest mining of its mode did without it. */
function createFormer(store: Store): (chain: Chain) => Promise<boolean> {
  const latest = new Map<string, Promise<ReadonlyMap<string, ReadonlySet<string>>>>()
  return async ({ id, repository, source, mode }) => {
    if (source !== 'mined') return false
    const made = latest.get(repository) ?? readLatest(repository)
    latest.set(repository, made)
    return (await made).get(mode ?? 'semantic')?.has(id) === false
  }

  async function readLatest(repository: string): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    const byMode = new Map<string, ReadonlySet<string>>()
    for (const key of await store.listRecords(recordKey.minings(repository))) {
      const mining = await store.getRecord<Mining>(key)
      if (mining) byMode.set(mining.mode, new Set(mining.chains))
    }
    return byMode
  }
}

function checkFilter({ repository, mode, minScore, limit }: ChainFilter): void {
  if (repository !== null && !repositoryName.safeParse(repository).success)
    throw new InputError(
      `"${repository}" is no repository: expected owner/name; \`prchain show CHAIN\` shows one chain`,
    )
  if (mode !== null && !(MODES as readonly string[]).includes(mode))
    throw new InputError(`--mode ${mode}: expected ${MODES.join(', ')}`)
  if (minScore !== null && !(minScore >= 0 && minScore <= 1))
    throw new InputError(`--min-score ${minScore}: expected a number from 0 to 1`)
  if (limit !== null && limit < 1) throw new InputError(`--limit ${limit}: expected 1 or more`)
}

function fits(chain: Chain, { mode, minScore }: ChainFilter): boolean {
  if (mode !== null && (chain.mode ?? 'semantic') !== mode) return false
  return minScore === null || (weakestScore(chain) ?? -1) >= minScore
}

/** `prchain chains import FILE`: chains given by hand, one a line; all of them or none are stored. */
export async function importChains(options: { config: Config; path: string; terminal: Terminal }): Promise<number> {
  const { config, path, terminal } = options
  const wanted = await readImports(path)
  const { resolveChain, storeChain } = composeChains(config)
  const chains: Chain[] = []
  for (const { line, given } of wanted) {
    terminal.say(`${given.repo}: ${given.prs.map((number) => `#${number}`).join(' → ')}`)
    try {
      chains.push(await resolveChain(given))
    } catch (cause) {
      throw new InputError(`${path}, line ${line}: ${(cause as Error).message}`, { cause })
    }
  }
  for (const chain of chains) {
    const { isNew, isSame } = await storeChain(chain)
    if (!isNew && !isSame)
      throw new InputError(`${path}: chain ${chain.id} is in the store already, with other content; give it another id`)
    terminal.say(`${isNew ? 'imported' : 'already there'}: ${chain.id}`)
    terminal.emit(chain)
  }
  return EXIT.ended
}

async function readImports(path: string): Promise<{ line: number; given: ChainImport }[]> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new InputError(`${path} cannot be read: ${cause.message}`, { cause })
  })
  const given = text.split('\n').flatMap((content, index) => {
    if (content.trim() === '') return []
    const where = `${path}, line ${index + 1}`
    let value: unknown
    try {
      value = JSON.parse(content)
    } catch (cause) {
      throw new InputError(`${where} is not JSON: ${(cause as Error).message}; ${IMPORT_FORM}`, { cause })
    }
    const parsed = chainImport.safeParse(value)
    if (!parsed.success) throw new InputError(`${where}: ${prettifyError(parsed.error)}\n${IMPORT_FORM}`)
    return [{ line: index + 1, given: parsed.data }]
  })
  if (given.length === 0) throw new InputError(`${path} has no chain in it; ${IMPORT_FORM}`)
  return given
}

/** `prchain show CHAIN`: a chain with the evidence for each link. */
export async function showChain(options: { config: Config; id: string; terminal: Terminal }): Promise<number> {
  const { config, id, terminal } = options
  const chain = await readChain(composeStore(config), id)
  terminal.emit(chain)
  if (!terminal.isJson) for (const line of chainLines(chain, terminal.width ?? null)) terminal.say(line)
  return EXIT.ended
}
