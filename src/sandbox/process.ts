import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ChannelLine } from './channelLine.ts'
import { SandboxError, type SandboxProvider } from './port.ts'
import {
  findLiveSandbox,
  listSandboxFolders,
  makeSandboxFolder,
  readSandboxRecord,
  removeSandboxFolder,
  sandboxFolder,
  type ProcessSandboxRecord,
} from './processFolder.ts'
import { findMissingPrograms, hostId } from './processHost.ts'
import { openProcessLine } from './processLine.ts'
import { openProcessSandbox } from './processSandbox.ts'

/** Where sandboxes of plain processes stand, and which programs they find. */
export interface ProcessOptions {
  /** The folder above all sandboxes, by absolute path. Made when absent. */
  dir: string
  /** The `PATH` of commands. */
  path: string
}

const PARTS = ['repo', 'jobs', 'home', 'tmp'] as const

/**
 * Makes sandboxes as folders `dir/<name>/{repo,jobs,home,tmp}` in which commands run as plain processes of the
 * worker's own user: **they isolate nothing**. An environment's variables are set; its `image`, `dockerfile`, `context`,
 * `buildNetwork` and `writable` are not used: commands find the host's own programs. Its setup commands are the
 * caller's to run. What a command leaves running ends with it as far as it can be told from other processes of the
 * user: by its session, or by a `HOME`, a `TMPDIR` or a working folder below the sandbox's. Needs Linux.
 */
export function createProcessProvider(options: ProcessOptions): SandboxProvider {
  const { dir, path } = options
  const folderOf = (name: string) => sandboxFolder(dir, name)
  const lines = new Map<string, ChannelLine>()

  const open = (name: string, record: ProcessSandboxRecord) => {
    const folder = folderOf(name)
    const isAlive = async () => (await findLiveSandbox(folder))?.life === record.life
    const line = lines.get(record.life) ?? openProcessLine({ folder, env: environmentOf(folder, record), path })
    lines.set(record.life, line)
    return openProcessSandbox({ name, folder, life: record.life, line, isAlive, repository: join(folder, 'repo') })
  }
  const environmentOf = (folder: string, record: ProcessSandboxRecord) => ({
    PATH: path,
    HOME: join(folder, 'home'),
    TMPDIR: join(folder, 'tmp'),
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    PYTHONHASHSEED: '0',
    ...record.env,
  })
  const remove = async (name: string) => {
    const life = (await readSandboxRecord(folderOf(name)))?.life ?? ''
    lines.get(life)?.close()
    lines.delete(life)
    await removeSandboxFolder({ dir, name, release: async () => {} })
  }

  return {
    kind: 'process',
    isIsolating: false,
    repositoryPath: (name) => join(folderOf(name), 'repo'),
    async create(spec) {
      await remove(spec.name)
      await requirePrograms(path, spec.name)
      const record = await makeSandboxFolder({
        dir,
        spec,
        more: async () => ({ uid: null, cgroups: [] }),
        fill: async (folder) => {
          for (const part of PARTS) await mkdir(join(folder, part))
        },
      })
      return open(spec.name, record)
    },
    async find(name) {
      const record = await findLiveSandbox(folderOf(name))
      return record && open(name, record)
    },
    remove,
    list: (labels) => listSandboxFolders(dir, labels),
    async describe() {
      const none = 'not limited; commands are plain processes of the worker'
      return {
        id: `process-${await hostId(dir)}`,
        version: 'plain processes',
        limits: [
          { what: 'isolation', how: 'none: commands can reach the files, the processes and the network of the host' },
          { what: 'network', how: 'that of the host' },
          { what: 'memory', how: none },
          { what: 'processes', how: none },
          { what: 'disk', how: none },
        ],
      }
    },
  }
}

/** Throws `invalid` and names what the host lacks. */
async function requirePrograms(path: string, name: string): Promise<void> {
  const missing = await findMissingPrograms(path)
  if (missing.length === 0) return
  throw new SandboxError(
    'invalid',
    `making sandbox ${name}: this host's PATH (${path}) lacks ${missing.join(' ')}; install them, or use Docker`,
  )
}
