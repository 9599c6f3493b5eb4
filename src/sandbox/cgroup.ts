import { existsSync } from 'node:fs'
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'

const ROOT = '/sys/fs/cgroup'
const PARENT = 'prchain'
const TRIES = 100

/** What the processes of a group may use together. */
export interface GroupLimits {
  memoryBytes: number
  pids: number
}

/**
 * Makes the group of a name, or finds it, by version 2 of cgroups or the older one. Null where this process may not, or
 * the kernel has none.
 */
export async function makeCgroup(name: string, limits: GroupLimits): Promise<string | null> {
  try {
    const controllers = await readFile(`${ROOT}/cgroup.controllers`, 'utf8').catch(() => null)
    await (controllers === null ? makeOld(name, limits) : makeUnified(name, limits))
    return name
  } catch {
    await removeCgroup(name)
    return null
  }
}

async function makeUnified(name: string, { memoryBytes, pids }: GroupLimits): Promise<void> {
  const parent = `${ROOT}/${PARENT}`
  await mkdir(parent, { recursive: true })
  for (const folder of [ROOT, parent]) await writeFile(`${folder}/cgroup.subtree_control`, '+memory +pids')
  const group = `${parent}/${name}`
  await mkdir(group, { recursive: true })
  await writeFile(`${group}/memory.max`, String(memoryBytes))
  await writeFile(`${group}/memory.swap.max`, '0').catch(() => {})
  await writeFile(`${group}/pids.max`, String(pids))
}

async function makeOld(name: string, { memoryBytes, pids }: GroupLimits): Promise<void> {
  const folders = foldersOf(name).slice(1)
  for (const folder of folders) await mkdir(folder, { recursive: true })
  const [memory, processes] = folders as [string, string]
  await writeFile(`${memory}/memory.limit_in_bytes`, String(memoryBytes))
  // Without an account of swap there is no such file.
  await writeFile(`${memory}/memory.memsw.limit_in_bytes`, String(memoryBytes)).catch(() => {})
  await writeFile(`${processes}/pids.max`, String(pids))
}

/** The files of a group to which a process writes 0 to be in it. */
export function cgroupFiles(name: string): string[] {
  return foldersOf(name)
    .filter((folder) => existsSync(folder))
    .map((folder) => `${folder}/cgroup.procs`)
}

/** Ends all processes of a group and removes it. Idempotent. */
export async function removeCgroup(name: string): Promise<void> {
  for (const folder of foldersOf(name)) {
    for (let tries = 0; tries < TRIES; tries++) {
      const text = await readFile(`${folder}/cgroup.procs`, 'utf8').catch(() => '')
      for (const pid of text.split('\n').filter((line) => line !== '')) endProcess(Number(pid))
      const isGone = await rmdir(folder).then(
        () => true,
        (error: NodeJS.ErrnoException) => error.code === 'ENOENT' || error.code === 'ENOTDIR',
      )
      if (isGone) break
      await setTimeout(10)
    }
  }
}

function foldersOf(name: string): string[] {
  return [`${ROOT}/${PARENT}/${name}`, `${ROOT}/memory/${PARENT}/${name}`, `${ROOT}/pids/${PARENT}/${name}`]
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
