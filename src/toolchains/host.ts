import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nodePackage } from './node.ts'
import { installByNpm } from './npm.ts'
import { findOperatorProgram } from './operatorFolder.ts'
import { installByPip } from './pip.ts'
import type { Toolchains, Wanted } from './port.ts'

/** Toolchains in a folder of the host, installed by its own pip and npm into folders that are never seen in part. */
export function createToolchains(options: {
  dir: string
  environment: Record<string, string>
  /** Folders that the operator names, by setting. */
  folders: Readonly<Record<string, string | null>>
}): Toolchains {
  const { dir, environment, folders } = options
  const installing = new Map<string, Promise<string>>()
  const proofOf = (what: string) => join(dir, '.proven', digestOf(what))

  const toolchains: Toolchains = {
    dir,
    async findOperatorProgram({ setting, places }) {
      const folder = folders[setting]
      if (!folder) throw new Error(`${setting} names no folder`)
      return findOperatorProgram(folder, places)
    },
    provide(wanted) {
      const python = wanted.kind === 'pip' ? `-python${wanted.python}` : ''
      const folder = `${wanted.name}-${wanted.version}${python}-${digestOf(JSON.stringify(wanted.packages))}`
      const known = installing.get(folder) ?? install(join(dir, folder), wanted)
      installing.set(folder, known)
      known.catch(() => installing.delete(folder))
      return known
    },
    async provideNode() {
      const node = nodePackage(process.arch)
      const folder = await toolchains.provide({ kind: 'npm', name: 'node', version: node.version, packages: [node] })
      return join(folder, 'node_modules', node.name, 'bin', 'node')
    },
    isProven: async (what) => existsSync(proofOf(what)),
    async noteProven(what) {
      await mkdir(join(dir, '.proven'), { recursive: true })
      await writeFile(proofOf(what), `${what}\n`)
    },
  }
  return toolchains

  async function install(whole: string, wanted: Wanted): Promise<string> {
    await mkdir(dir, { recursive: true })
    if (existsSync(whole)) return whole
    const target = `${whole}.${process.pid}`
    await rm(target, { recursive: true, force: true })
    try {
      if (wanted.kind === 'pip') await installByPip({ target, dir, environment, ...wanted })
      else await installByNpm({ target, environment, ...wanted })
    } catch (cause) {
      await rm(target, { recursive: true, force: true })
      const said = (cause as { stderr?: string }).stderr?.trim().slice(-1_000) || String(cause)
      throw new Error(`${wanted.name} ${wanted.version} cannot be installed by ${wanted.kind}: ${said}`, { cause })
    }
    try {
      await rename(target, whole)
    } catch (error) {
      await rm(target, { recursive: true, force: true })
      // Another process may have been quicker: what it made is the same.
      if (!existsSync(whole)) throw error
    }
    return whole
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
