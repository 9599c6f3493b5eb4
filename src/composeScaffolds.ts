import { dirname, join } from 'node:path'
import { readHost, type Config } from './config.ts'
import { findScaffold, SCAFFOLDS } from './scaffolds/index.ts'
import type { Programs } from './scaffolds/port.ts'
import { createToolchains } from './toolchains/host.ts'
import type { OperatorProgram, Toolchains } from './toolchains/port.ts'

/** The agents that are not prchain's own, and who brings their programs. */
export function listScaffolds(): { name: string; version: string; kind: Programs['kind'] }[] {
  return SCAFFOLDS.map(({ name, version, programs }) => ({ name, version, kind: programs.kind }))
}

/** Scaffolds' own programs on this host: installed in its cache, or where a setting says. */
export function composeToolchains(config: Config): Toolchains {
  const { path, cacheDir, network, build } = readHost()
  return createToolchains({
    dir: join(cacheDir, 'scaffolds'),
    environment: { PATH: path, HOME: dirname(cacheDir), ...network, ...build },
    folders: { siiCliPath: config.siiCliPath },
  })
}

/** The program of a scaffold that the operator brings; null for any other scaffold. Throws with why there is none. */
export async function findOperatorProgram(config: Config, scaffold: string): Promise<OperatorProgram | null> {
  const programs = findScaffold(scaffold)?.programs
  return programs?.kind === 'folder' ? composeToolchains(config).findOperatorProgram(programs) : null
}
