import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { keepFolderSandboxes } from './folderSandboxes.ts'
import { SandboxError, type SandboxProvider } from './port.ts'
import { makeSandboxFolder, sandboxFolder, type ProcessSandboxRecord } from './processFolder.ts'
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
  const environmentOf = (folder: string, record: ProcessSandboxRecord) => ({
    PATH: path,
    HOME: join(folder, 'home'),
    TMPDIR: join(folder, 'tmp'),
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    PYTHONHASHSEED: '0',
    ...record.env,
  })
  const { open, find, list, remove } = keepFolderSandboxes({
    dir,
    openLine: (folder, record) => openProcessLine({ folder, env: environmentOf(folder, record), path }),
    openSandbox: (life) => openProcessSandbox({ ...life, repository: join(life.folder, 'repo') }),
    release: async () => {},
  })

  return {
    kind: 'process',
    isIsolating: false,
    repositoryPath: (name) => join(sandboxFolder(dir, name), 'repo'),
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
    find,
    remove,
    list,
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
