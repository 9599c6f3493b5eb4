import { findOperatorProgram } from '../composeScaffolds.ts'
import type { Config } from '../config.ts'
import type { Finding } from './doctor.ts'
import { InputError, type Terminal } from './terminal.ts'

const SII_PACKAGE = '@gair/sii-cli'
const GONE = `npm does not have its package ${SII_PACKAGE} (404 on 2026-11-21)`
const NEXT =
  'name a folder that has it, with sii-bridge in it, in bin or in node_modules/.bin, by --sii-cli-path or PRCHAIN_SII_CLI_PATH (docs/scaffolds/sii-cli.md)'
const VERIFIED =
  'SII-CLI itself was never run by those who wrote prchain: the adapter was tried against a bridge of their own, which the real sii-agent-sdk 0.1.11 drives too'

/** Sees to it that a scaffold that the operator brings is there. Throws {@link InputError} that says what to set. */
export async function checkScaffold({ config, terminal }: { config: Config; terminal: Terminal }): Promise<void> {
  const found = await findOperatorProgram(config, config.scaffold).catch((cause: Error) => {
    throw new InputError(`scaffold: ${config.scaffold} is not here: ${cause.message}; ${GONE}, so ${NEXT}`, { cause })
  })
  if (found) terminal.say(`${config.scaffold}: ${wordsFor(found.version)}; ${VERIFIED}`)
}

/** What there is of SII-CLI, and what was verified of it. */
export async function checkSiiCli(config: Config): Promise<Finding> {
  const what = 'SII-CLI'
  try {
    const { folder, file, version } = (await findOperatorProgram(config, 'sii-cli'))!
    return { what, status: 'ok', found: `${folder}/${file}, ${wordsFor(version)}; ${VERIFIED}`, fix: '' }
  } catch (error) {
    const { message } = error as Error
    if (config.siiCliPath !== null) return { what, status: 'missing', found: message, fix: NEXT }
    return { what, status: 'optional', found: `${GONE}; ${VERIFIED}`, fix: `where you have it, ${NEXT}` }
  }
}

function wordsFor(version: string): string {
  return version.startsWith(`${SII_PACKAGE}@`) ? version : `${version}, which is not ${SII_PACKAGE}`
}
