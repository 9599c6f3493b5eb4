import { composeGit } from '../compose.ts'
import type { Config } from '../config.ts'
import { recordKey } from '../domain/identifiers.ts'
import { repositoryName } from '../formats/common.ts'
import type { Chain } from '../formats/chain.ts'
import type { Mining } from '../formats/mining.ts'
import type { GitRepository } from '../git/port.ts'
import type { Store } from '../store/port.ts'
import { InputError } from './terminal.ts'

/**
 * Checks what a campaign is to run, before anything starts: chains are known and their commits and files are in the
 * mirror; repositories are names and, with mirrors given, have one. Throws {@link InputError} naming what is wrong.
 */
export async function checkTargets(options: {
  config: Config
  store: Store
  targets: readonly string[]
  onLine: (line: string) => void
}): Promise<void> {
  const { config, store, targets, onLine } = options
  const open = (repository: string) => {
    if (config.mirrors === null) onLine(`looking for ${repository} in the store's own clones`)
    return openRepository(config, repository)
  }
  for (const target of targets) {
    if (target.includes('/')) {
      if (!repositoryName.safeParse(target).success)
        throw new InputError(
          `"${target}" is no repository: expected owner/name, or a chain's id (\`prchain chains\` lists them)`,
        )
      if (config.mirrors !== null) await open(target)
      onLine(await describeMining(store, target))
      continue
    }
    const chain = await readChain(store, target)
    const repository = await open(chain.repository)
    for (const stage of chain.stages) {
      for (const sha of [stage.baseSha, stage.resultSha]) {
        const where = `chain ${chain.id}, pull request ${stage.number}: commit ${sha}`
        if (!(await repository.commit(sha)))
          throw new InputError(
            `${where} is not in the mirror of ${chain.repository}; fetch it there, or give another --mirrors`,
          )
        const missing = await repository.missingObjects(sha)
        if (missing.length > 0) {
          throw new InputError(
            `${where} is in the mirror of ${chain.repository}, but ${missing.length} of its objects are not (such as ${missing[0]}): the mirror is incomplete; clone it whole with \`git clone --mirror\`, neither shallow nor partial, or give another --mirrors`,
          )
        }
      }
    }
  }
}

/** Which chains a campaign over a repository runs: those of its latest mining, else of one that it begins with. */
async function describeMining(store: Store, repository: string): Promise<string> {
  const keys = await store.listRecords(recordKey.minings(repository))
  const mining = keys.length === 0 ? null : await store.getRecord<Mining>(keys.at(-1)!)
  if (!mining) return `${repository} is mined first`
  const { mode, chains, minedAt } = mining
  return `${repository}: ${chains.length} chain(s) of its latest mining, ${mode}, of ${minedAt}; \`prchain mine ${repository}\` makes another`
}

/** A repository of the mirrors or clones. Throws {@link InputError} when there is none. */
export async function openRepository(config: Config, name: string): Promise<GitRepository> {
  try {
    return await composeGit(config).open(name, config.mirrors)
  } catch (cause) {
    throw new InputError((cause as Error).message, { cause })
  }
}

/** A chain of the store by id. Throws {@link InputError} naming those that are there. */
export async function readChain(store: Store, id: string): Promise<Chain> {
  const chain = /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id) ? await store.getRecord<Chain>(recordKey.chain(id)) : null
  if (chain) return chain
  const known = (await store.listRecords(recordKey.chains)).map((key) => key.slice(recordKey.chains.length + 1))
  const listed =
    known.length === 0
      ? 'the store has none: `prchain mine REPO` or `prchain chains import FILE`'
      : `known: ${known.slice(0, 10).join(', ')}${known.length > 10 ? ', …' : ''}`
  throw new InputError(`there is no chain "${id}"; ${listed}`)
}
