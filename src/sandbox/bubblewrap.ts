import { execFile } from 'node:child_process'
import {
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
} from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { makeCgroup, removeCgroup } from './cgroup.ts'
import { createFolderProvider } from './folderProvider.ts'
import { SandboxError, type SandboxProvider } from './port.ts'

const runFile = promisify(execFile)

/** Where the repository and the home folder stand inside. */
const REPOSITORY = '/repo'
const HOME = '/home/agent'
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** What of the host is inside, read-only. Nothing of `/etc` but what programs are linked by. */
const SYSTEM_FOLDERS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/opt']
const LINKER_FILES = ['/etc/ld.so.cache', '/etc/alternatives']
/** Programs that are brought in from elsewhere on the configured PATH, with the folder that they are in. */
const BROUGHT_PROGRAMS = ['node', 'python3', 'git']
const BROUGHT_FOLDER = '/programs'
const ELF = Buffer.from([0x7f, 0x45, 0x4c, 0x46])
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
 * What a command leaves ends with its process namespace. As root, disk is held by a tmpfs and memory and processes by a
 * cgroup; else by rlimits, for each process: {@link SandboxProvider.describe} says which.
 */
export function createBubblewrapProvider(options: BubblewrapOptions): SandboxProvider {
  const { dir, path, memoryBytes, diskBytes, pids } = options
  const isRoot = process.getuid?.() === 0
  const brought = bringPrograms(path)
  const program = findProgram('bwrap', path) ?? 'bwrap'
  const groupOf = (folder: string) => basename(folder).replace(/^\.(new|removed)-/, '')

  return createFolderProvider({
    dir,
    path,
    walls: {
      kind: 'bubblewrap',
      isIsolating: true,
      inside: () => ({
        repository: REPOSITORY,
        home: HOME,
        tmp: '/tmp',
        path: [...brought.map(({ to }) => to), SYSTEM_PATH].join(':'),
      }),
      enter: (folder, parts) => [
        ...['bash', '-c', JOINING, 'prchain', join(folder, 'groups')],
        ...['prlimit', `--nofile=${OPEN_FILES}`, '--core=0', '--'],
        ...bubblewrapArguments({ program, folder, parts, brought }),
      ],
      async raise(folder, parts) {
        await mkdir(join(folder, 'etc'))
        await writeFile(join(folder, 'etc/passwd'), `agent:x:1000:1000::${HOME}:/bin/bash\n`)
        await writeFile(join(folder, 'etc/group'), 'agent:x:1000:\n')
        await writeFile(join(folder, 'etc/hosts'), '127.0.0.1 localhost sandbox\n')
        for (const file of LINKER_FILES.filter((name) => existsSync(name))) {
          const place = join(folder, file)
          if (lstatSync(file).isDirectory()) await mkdir(place)
          else await writeFile(place, '')
        }
        const group = isRoot ? await makeCgroup(groupOf(folder), { memoryBytes, pids }) : null
        await writeFile(join(folder, 'groups'), (group?.joinFiles ?? []).map((file) => `${file}\n`).join(''))
        if (isRoot) await mountTmpfs(parts, diskBytes)
      },
      async fell(folder, parts) {
        await removeCgroup(groupOf(folder))
        if (isRoot) await unmount(parts)
      },
      async requireUsable() {
        try {
          await runFile('bwrap', ['--unshare-all', '--unshare-user', '--ro-bind', '/', '/', 'true'], { env: { PATH: path } })
        } catch (cause) {
          const { code, stderr } = cause as { code?: unknown; stderr?: string }
          const reason = code === 'ENOENT' ? 'bwrap is not on PATH' : (stderr?.trim() ?? String(cause))
          const next = 'install bubblewrap, and allow user namespaces'
          throw new SandboxError('invalid', `bubblewrap cannot be used: ${reason}; ${next}`, { cause })
        }
      },
      async describe() {
        const { stdout } = await runFile('bwrap', ['--version'], { env: { PATH: path } })
        const group = isRoot ? await makeCgroup('described', { memoryBytes, pids }) : null
        await removeCgroup('described')
        const mebibytes = (bytes: number) => `${Math.floor(bytes / 1_048_576)} MiB`
        return {
          version: stdout.trim(),
          limits: [
            { what: 'network', how: 'none: a network namespace of its own' },
            {
              what: 'disk',
              how: isRoot ? `a tmpfs of ${mebibytes(diskBytes)}` : '256 MiB for each file; no limit for all (needs root)',
            },
            {
              what: 'memory',
              how: group ? `${mebibytes(memoryBytes)} for all processes, by cgroup` : 'no limit (needs root and cgroups)',
            },
            { what: 'processes', how: group ? `${pids}, by cgroup` : 'no limit (needs root and cgroups)' },
          ],
        }
      },
    },
  })
}

/** Joins the groups that a file names, and goes on. */
const JOINING = 'while read -r group; do echo 0 > "$group" || exit 3; done < "$1"; shift; exec "$@"'

function bubblewrapArguments(options: {
  program: string
  folder: string
  parts: string
  brought: readonly Brought[]
}): string[] {
  const { program, folder, parts, brought } = options
  const system = SYSTEM_FOLDERS.filter((name) => existsSync(name)).flatMap((name) =>
    lstatSync(name).isSymbolicLink() ? ['--symlink', readlinkSync(name), name] : ['--ro-bind', name, name],
  )
  const linker = LINKER_FILES.filter((name) => existsSync(name)).flatMap((name) => ['--ro-bind', name, name])
  return [
    // Its first process is bubblewrap itself, whose variables the agent can read.
    ...['env', '-i', program, '--unshare-all', '--unshare-user', '--die-with-parent', '--new-session'],
    ...['--uid', '1000', '--gid', '1000', '--cap-drop', 'ALL', '--hostname', 'sandbox'],
    ...system,
    ...['--ro-bind', join(folder, 'etc'), '/etc', ...linker],
    ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/run', '--tmpfs', '/var'],
    ...['--bind', join(parts, 'repo'), REPOSITORY, '--bind', join(parts, 'home'), HOME],
    ...['--bind', join(parts, 'tmp'), '/tmp'],
    ...brought.flatMap(({ from, to }) => ['--ro-bind', from, to]),
    ...['--remount-ro', '/', '--'],
  ]
}

/** A folder of the host that is inside under another name, so that no path of the host is told. */
interface Brought {
  from: string
  to: string
}

/** The folders of programs that PATH has first outside the system's folders. Scripts are none: they need what we do not know. */
function bringPrograms(path: string): Brought[] {
  return BROUGHT_PROGRAMS.flatMap((program) => {
    const found = findProgram(program, path)
    if (!found) return []
    const from = dirname(realpathSync(found))
    const isSystem = SYSTEM_FOLDERS.some((folder) => from === folder || from.startsWith(`${folder}/`))
    return isSystem ? [] : [{ from, to: `${BROUGHT_FOLDER}/${program}` }]
  })
}

function findProgram(program: string, path: string): string | undefined {
  return path
    .split(':')
    .map((folder) => join(folder, program))
    .find((file) => existsSync(file) && isBinary(file))
}

function isBinary(file: string): boolean {
  const opened = openSync(file, 'r')
  try {
    const head = Buffer.alloc(ELF.length)
    readSync(opened, head, 0, head.length, 0)
    return head.equals(ELF)
  } finally {
    closeSync(opened)
  }
}

async function mountTmpfs(place: string, sizeBytes: number): Promise<void> {
  await runFile('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=755,nosuid,nodev`, 'prchain', place])
}

async function unmount(place: string): Promise<void> {
  const real = join(dirname(place), basename(place))
  while (readFileSync('/proc/self/mounts', 'utf8').includes(` ${real} `)) await runFile('umount', ['-l', real])
}
