import { readFile } from 'node:fs/promises'
import { prettifyError } from 'zod'
import { composeChains, composeStore } from '../compose.ts'
import type { Config } from '../config.ts'
import { recordKey } from '../domain/identifiers.ts'
import { repositoryName } from '../formats/common.ts'
import { chainImport, type Chain, type ChainImport } from '../formats/chain.ts'
import { readChain } from './targets.ts'
import { columns, EXIT, InputError, type Terminal } from './terminal.ts'

const IMPORT_FORM = 'expected on each line: {"repo": "owner/name", "prs": [1150, 1234], "id": optional}'

/** `prchain chains [REPO]`: the chains of the store, one a line. */
export async function listChains(options: {
  config: Config
  repository: string | null
  terminal: Terminal
}): Promise<number> {
  const { config, repository, terminal } = options
  if (repository !== null && !repositoryName.safeParse(repository).success)
    throw new InputError(
      `"${repository}" is no repository: expected owner/name; \`prchain show CHAIN\` shows one chain`,
    )
  const store = composeStore(config)
  const chains: Chain[] = []
  const others = new Set<string>()
  for (const key of await store.listRecords(recordKey.chains)) {
    const chain = await store.getRecord<Chain>(key)
    if (!chain) continue
    if (repository === null || chain.repository === repository) chains.push(chain)
    else others.add(chain.repository)
  }
  for (const chain of chains) terminal.emit(chain)
  if (terminal.isJson) return EXIT.ended
  if (chains.length === 0) {
    const known = others.size === 0 ? '' : `; the store has chains of ${[...others].sort().slice(0, 10).join(', ')}`
    terminal.say(
      `no chains${repository === null ? '' : ` of ${repository}`} yet: \`prchain mine ${repository ?? 'REPO'}\` or \`prchain chains import FILE\`${known}`,
    )
  } else {
    const rows = chains.map(({ id, repository: name, stages, shape, source }) => [
      id,
      name,
      stages.map((stage) => `#${stage.number}`).join(' → '),
      `${shape}, ${source}`,
    ])
    for (const line of columns([['chain', 'repository', 'pull requests', 'shape'], ...rows])) terminal.say(line)
  }
  return EXIT.ended
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
  if (terminal.isJson) return EXIT.ended
  terminal.say(
    `${chain.id}: ${chain.repository}, ${chain.stages.length} pull requests, ${chain.shape}, ${chain.source}`,
  )
  for (const stage of chain.stages) {
    const changed = stage.files.length - stage.testFiles.length
    terminal.say(`\n#${stage.number} ${stage.title}`)
    terminal.say(
      `  ${stage.mergedAt}, ${stage.style} ${stage.resultSha.slice(0, 12)} on ${stage.baseSha.slice(0, 12)}; ${changed} source file(s), ${stage.testFiles.length} test file(s)`,
    )
    for (const link of chain.links.filter((one) => one.from === stage.number)) {
      terminal.say(`  builds on #${link.to} (score ${link.score.toFixed(2)})`)
      for (const reference of link.references) {
        const via = reference.viaIssue === null ? '' : ` through issue #${reference.viaIssue}`
        terminal.say(`    ${reference.source}, ${reference.cue}${via}: “${reference.text.replace(/\s+/g, ' ').trim()}”`)
      }
    }
  }
  return EXIT.ended
}
