import { closeSync, existsSync, lstatSync, openSync, readlinkSync, readSync, realpathSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Mount } from './port.ts'

/** Where the repository and the home folder stand inside. */
export const REPOSITORY = '/repo'
export const HOME = '/home/agent'
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** What of the host is inside, read-only. Nothing of `/etc` but what programs are linked by. */
const SYSTEM_FOLDERS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/opt']
const LINKER_FILES = ['/etc/ld.so.cache', '/etc/alternatives']
/** Programs that are brought in from elsewhere on the configured PATH, with the folder that they are in. */
const BROUGHT_PROGRAMS = ['node', 'python3', 'git']
const BROUGHT_FOLDER = '/programs'
/** What of `/proc` is the host kernel's own: as root's user, which ours is where the worker is root, it could be written to. */
const KERNEL_SETTINGS = ['sys', 'sysrq-trigger', 'irq', 'bus', 'fs', 'acpi', 'scsi'].map((name) => `/proc/${name}`)
const ELF = Buffer.from([0x7f, 0x45, 0x4c, 0x46])
/** The folders of a sandbox that are writable inside, below its `parts`. */
export const PARTS = ['repo', 'home', 'tmp'] as const

/** A made-up `/etc`: the host's own has secrets, which a worker that is root could read even as another user inside. */
export async function fillEtc(folder: string): Promise<void> {
  await mkdir(folder)
  await writeFile(join(folder, 'passwd'), `agent:x:1000:1000::${HOME}:/bin/bash\n`)
  await writeFile(join(folder, 'group'), 'agent:x:1000:\n')
  await writeFile(join(folder, 'hosts'), '127.0.0.1 localhost sandbox\n')
  for (const file of LINKER_FILES.filter((name) => existsSync(name))) {
    const place = join(folder, basename(file))
    if (lstatSync(file).isDirectory()) await mkdir(place)
    else await writeFile(place, '')
  }
}

/** How `bwrap` runs the rest of its arguments inside a sandbox's folder: with the host's system, read-only, and nothing else of it. */
export function bubblewrapArguments(options: {
  program: string
  folder: string
  brought: readonly Brought[]
  mounts: readonly Mount[]
}): string[] {
  const { program, folder, brought, mounts } = options
  const parts = join(folder, 'parts')
  const system = SYSTEM_FOLDERS.filter((name) => existsSync(name)).flatMap((name) =>
    lstatSync(name).isSymbolicLink() ? ['--symlink', readlinkSync(name), name] : ['--ro-bind', name, name],
  )
  const covered = KERNEL_SETTINGS.filter((name) => existsSync(name)).flatMap((name) => ['--ro-bind', name, name])
  const linker = LINKER_FILES.filter((name) => existsSync(name)).flatMap((name) => ['--ro-bind', name, name])
  return [
    // Its first process is bubblewrap itself, whose variables the agent can read.
    ...['env', '-i', program, '--unshare-all', '--unshare-user', '--new-session'],
    ...['--uid', '1000', '--gid', '1000', '--cap-drop', 'ALL', '--hostname', 'sandbox'],
    ...system,
    ...['--ro-bind', join(folder, 'etc'), '/etc', ...linker],
    ...['--proc', '/proc', ...covered, '--dev', '/dev', '--tmpfs', '/run', '--tmpfs', '/var'],
    ...['--bind', join(parts, 'repo'), REPOSITORY, '--bind', join(parts, 'home'), HOME],
    ...['--bind', join(parts, 'tmp'), '/tmp'],
    ...brought.flatMap(({ from, to }) => ['--ro-bind', from, to]),
    ...mounts.flatMap(({ source, target }) => ['--ro-bind', source, target]),
    ...['--remount-ro', '/', '--'],
  ]
}

/** A folder of the host that is inside under another name, so that no path of the host is told. */
export interface Brought {
  from: string
  to: string
}

/** The folders of programs that PATH has first outside the system's folders. Scripts are none: they need what we do not know. */
export function bringPrograms(path: string): Brought[] {
  return BROUGHT_PROGRAMS.flatMap((program) => {
    const found = findProgram(program, path)
    if (!found) return []
    const from = dirname(realpathSync(found))
    const isSystem = SYSTEM_FOLDERS.some((folder) => from === folder || from.startsWith(`${folder}/`))
    return isSystem ? [] : [{ from, to: `${BROUGHT_FOLDER}/${program}` }]
  })
}

/** The first file of a name on a PATH that is a program and no script. */
export function findProgram(program: string, path: string): string | undefined {
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
