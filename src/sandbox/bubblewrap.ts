import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import {
  HOME,
  PARTS,
  REPOSITORY,
  SYSTEM_PATH,
  bringPrograms,
  bubblewrapArguments,
  fillEtc,
  findProgram,
} from './bubblewrapInside.ts'
import { cgroupFiles, makeCgroup, removeCgroup } from './cgroup.ts'
import { keepFolderSandboxes } from './folderSandboxes.ts'
import { FILE_LIMIT_BYTES, SandboxError, type SandboxProvider } from './port.ts'
import { makeSandboxFolder, type ProcessSandboxRecord } from './processFolder.ts'
import { findMissingPrograms, hostId } from './processHost.ts'
import { openProcessLine } from './processLine.ts'
import { killProcessesSeeing } from './processScan.ts'
import { openProcessSandbox } from './processSandbox.ts'

const runFile = promisify(execFile)

const OPEN_FILES = 4096

/** What a sandbox of bubblewrap's may use, and where it stands. */
export interface BubblewrapOptions {
  /** The folder above all sandboxes, by absolute path. Made when absent. */
  dir: string
  /** Where programs are looked for. */
  path: string
  memoryBytes: number
  /** Room for repository, home and temporary files together. */
  diskBytes: number
  cpus: number
  pids: number
}

/**
 * Makes sandboxes by bubblewrap, where no Docker engine answers: each command in namespaces of its own, without a
 * network, as user 1000 without capabilities, with the host's system folders read-only and nothing else of the host.
 * What a command leaves is named and ended by its process namespace. An environment's variables are set; its `image` and
 * `dockerfile` cannot be used: commands find the host's own programs. As root, disk is held by a tmpfs, memory and
 * processes by cgroups where there are some: `describe` says which.
 */
export function createBubblewrapProvider(options: BubblewrapOptions): SandboxProvider {
  const { dir, path, memoryBytes, diskBytes, pids } = options
  const isRoot = process.getuid?.() === 0
  const brought = bringPrograms(path)
  const program = findProgram('bwrap', path) ?? 'bwrap'
  const lineOf = (folder: string, record: ProcessSandboxRecord) => {
    const searched = [...brought.map(({ to }) => to), SYSTEM_PATH].join(':')
    const fixed = { HOME, TMPDIR: '/tmp', LANG: 'C.UTF-8', TZ: 'UTC', PYTHONHASHSEED: '0' }
    const groups = record.cgroups.flatMap((group) => cgroupFiles(group))
    const userSwitch = [
      ...['bash', '-c', JOINING, 'prchain', String(groups.length), ...groups],
      ...['prlimit', `--nofile=${OPEN_FILES}`, '--core=0', '--'],
      ...bubblewrapArguments({ program, folder, brought, mounts: record.mounts ?? [] }),
    ]
    const env = { PATH: searched, ...fixed, ...record.env }
    return openProcessLine({ folder, env, path, userSwitch, scope: { kind: 'mount', ...homeOf(folder) } })
  }
  const { open, find, list, remove } = keepFolderSandboxes({
    dir,
    openLine: lineOf,
    openSandbox: (life) =>
      openProcessSandbox({
        ...life,
        repository: join(life.folder, 'parts/repo'),
        inside: { repository: REPOSITORY, uid: null, complete: async (_, outcome) => outcome },
      }),
    async release(folder, record) {
      const home = homeOf(folder)
      await killProcessesSeeing(home.folder, home.path)
      for (const group of record?.cgroups ?? []) await removeCgroup(group)
      if (isRoot) await unmount(join(folder, 'parts'))
    },
  })
  const requireUsable = async () => {
    try {
      const trial = ['--unshare-all', '--unshare-user', '--ro-bind', '/', '/', 'true']
      await runFile('bwrap', trial, { env: { PATH: path } })
    } catch (cause) {
      const { code, stderr } = cause as { code?: unknown; stderr?: string }
      const reason = code === 'ENOENT' ? 'bwrap is not on PATH' : (stderr?.trim() ?? String(cause))
      const next = 'install bubblewrap, and allow user namespaces'
      throw new SandboxError('invalid', `bubblewrap cannot be used: ${reason}; ${next}`, { cause })
    }
  }

  return {
    kind: 'bubblewrap',
    isIsolating: true,
    repositoryPath: () => REPOSITORY,
    async create(spec) {
      await remove(spec.name)
      const missing = await findMissingPrograms(path, ['bwrap', 'prlimit'])
      if (missing.length > 0) {
        const lacks = `this host's PATH (${path}) lacks ${missing.join(' ')}; install them, or use Docker`
        throw new SandboxError('invalid', `making sandbox ${spec.name}: ${lacks}`)
      }
      const record = await makeSandboxFolder({
        dir,
        spec,
        more: async (life) => {
          const group = isRoot ? await makeCgroup(life, { memoryBytes, pids }) : null
          return { uid: null, cgroups: group === null ? [] : [life] }
        },
        async fill(folder) {
          await mkdir(join(folder, 'jobs'))
          await fillEtc(join(folder, 'etc'))
          await mkdir(join(folder, 'parts'))
          if (isRoot) await mountTmpfs(join(folder, 'parts'), diskBytes)
          for (const part of PARTS) await mkdir(join(folder, 'parts', part))
        },
      })
      return open(spec.name, record)
    },
    find,
    remove,
    list,
    async describe() {
      await requireUsable()
      const { stdout } = await runFile('bwrap', ['--version'], { env: { PATH: path } })
      const group = isRoot ? await makeCgroup(`trial-${process.pid}`, { memoryBytes, pids }) : null
      await removeCgroup(`trial-${process.pid}`)
      const mebibytes = (bytes: number) => `${Math.floor(bytes / 1_048_576)} MiB`
      const byGroup = (how: string) => (group ? `${how}, by cgroup` : 'not limited; it takes root and cgroups')
      return {
        id: `bubblewrap-${await hostId(dir)}`,
        version: stdout.trim(),
        limits: [
          { what: 'network', how: 'none' },
          {
            what: 'disk',
            how: isRoot
              ? `a tmpfs of ${mebibytes(diskBytes)} for all folders`
              : `${mebibytes(FILE_LIMIT_BYTES)} for each file, and no limit for all; that takes root`,
          },
          { what: 'memory', how: byGroup(`${mebibytes(memoryBytes)} for all processes and files`) },
          { what: 'processes', how: byGroup(String(pids)) },
        ],
      }
    },
  }
}

/** What tells the processes of one sandbox: where they see its home folder. */
function homeOf(folder: string): { path: string; folder: string } {
  return { path: HOME, folder: join(folder, 'parts/home') }
}

/** Joins so many groups, and goes on. */
const JOINING = 'n=$1; shift; for ((; n > 0; n--)); do echo 0 > "$1" || exit 3; shift; done; exec "$@"'

async function mountTmpfs(place: string, sizeBytes: number): Promise<void> {
  await runFile('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=755,nosuid,nodev`, 'prchain', place])
}

async function unmount(place: string): Promise<void> {
  const real = join(dirname(place), basename(place))
  while (readFileSync('/proc/self/mounts', 'utf8').includes(` ${real} `)) await runFile('umount', ['-l', real])
}
