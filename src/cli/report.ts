import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { composeStore, storeDir } from '../compose.ts'
import type { Config } from '../config.ts'
import { recordKey, repositoryFolder } from '../domain/identifiers.ts'
import { repositoryName } from '../formats/common.ts'
import { writeLines } from '../linesFile.ts'
import { readMiningFacts, type MiningFacts } from '../report/miningFacts.ts'
import { renderMiningReport } from '../report/miningReport.ts'
import type { Store } from '../store/port.ts'
import { EXIT, InputError, type Terminal } from './terminal.ts'

/** So many repositories are named in a file's name; of more, the first and how many others. */
const NAMED = 3

/**
 * `prchain report REPO…`: one HTML page of the latest minings, written to `out` or to the folder `reports` of the
 * store. Reads the store alone.
 */
export async function report(options: {
  config: Config
  targets: readonly string[]
  out: string | null
  terminal: Terminal
}): Promise<number> {
  const { config, out, terminal } = options
  const targets = [...new Set(options.targets)]
  const path = resolve(out ?? join(storeDir(config), 'reports', `${fileName(targets)}.html`))
  if ((await stat(path).catch(() => null))?.isDirectory())
    throw new InputError(`--out ${out} is a folder: expected a file, such as ${join(out ?? '.', 'report.html')}`)
  const repositories = await readTargets(composeStore(config), targets)
  await writeLines(dirname(path), basename(path), [renderMiningReport(repositories)])
  for (const { mining, chains } of repositories)
    terminal.say(`${mining.repository}: mined ${mining.minedAt}, ${chains.length} chain(s)`)
  terminal.say(path)
  terminal.emit({
    format: 'prchain.report/1',
    path,
    repositories: repositories.map(({ mining, chains }) => ({
      repository: mining.repository,
      minedAt: mining.minedAt,
      chains: chains.length,
    })),
  })
  return EXIT.ended
}

async function readTargets(store: Store, targets: readonly string[]): Promise<MiningFacts[]> {
  const found: MiningFacts[] = []
  for (const target of targets) {
    if (!repositoryName.safeParse(target).success)
      throw new InputError(`"${target}" is no repository: expected owner/name; \`prchain show CHAIN\` shows one chain`)
    const facts = await readMiningFacts(store, target)
    if (facts === null) throw new InputError(`${target} was not mined: \`prchain mine ${target}\`${await known(store)}`)
    found.push(facts)
  }
  return found
}

/** The repositories that were mined, as the end of a sentence. */
async function known(store: Store): Promise<string> {
  const keys = await store.listRecords(recordKey.allMinings)
  const names = [...new Set(keys.map((key) => key.split('/')[1]!.replace('__', '/')))]
  return names.length === 0 ? '' : `; the store has minings of ${names.slice(0, 10).join(', ')}`
}

function fileName(repositories: readonly string[]): string {
  const folders = repositories.map(repositoryFolder)
  if (folders.length <= NAMED) return folders.join('+')
  return `${folders[0]}+${folders.length - 1}`
}
