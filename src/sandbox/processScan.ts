import { readFile, readdir, readlink, stat } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'

/** How many times what is left is looked for and killed before that is given up. */
const PASSES = 200

/**
 * Kills all processes of this host that belong to a folder, until none is left: those whose environment, working
 * folder or standard streams name something below it, and all of a session led by one of those. Reads Linux's /proc.
 * Throws when some cannot be killed.
 */
export function killProcessesOf(folder: string): Promise<void> {
  return killAll(folder, () => findProcessesOf(folder))
}

/** Kills all processes in whose file system a path is this folder, until none is left. Throws when some cannot be killed. */
export async function killProcessesSeeing(folder: string, path: string): Promise<void> {
  const own = await stat(folder).catch(() => null)
  if (own === null) return
  await killAll(folder, async () => {
    const found: number[] = []
    for (const pid of await listPids()) {
      const seen = await stat(`/proc/${pid}/root${path}`).catch(() => null)
      if (seen?.ino === own.ino && seen.dev === own.dev && (await readSession(pid)) !== null) found.push(Number(pid))
    }
    return found
  })
}

async function killAll(folder: string, find: () => Promise<number[]>): Promise<void> {
  for (let pass = 0; pass < PASSES; pass++) {
    const found = await find()
    if (found.length === 0) return
    for (const pid of found) kill(pid)
    await setTimeout(Math.min(pass * 2, 50))
  }
  throw new Error(`processes ${(await find()).join(', ')} of ${folder} cannot be killed; end them by hand`)
}

async function listPids(): Promise<string[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
}

/** The ids of the living processes of a folder, as {@link killProcessesOf} finds them. */
export async function findProcessesOf(folder: string): Promise<number[]> {
  const sessions = new Map<number, number>()
  const owned = new Set<number>()
  for (const name of await listPids()) {
    const session = await readSession(name)
    if (session === null) continue
    sessions.set(Number(name), session)
    if (await belongsTo(name, folder)) owned.add(Number(name))
  }
  return [...sessions].filter(([pid, session]) => owned.has(pid) || owned.has(session)).map(([pid]) => pid)
}

/** The session of a process, or null for one that has ended. */
async function readSession(pid: string): Promise<number | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  const [state, , , session] = stat.slice(stat.lastIndexOf(') ') + 2).split(' ')
  return state === undefined || state === '' || 'ZX'.includes(state) ? null : Number(session)
}

async function belongsTo(pid: string, folder: string): Promise<boolean> {
  for (const link of ['cwd', 'fd/0', 'fd/1', 'fd/2']) {
    const target = await readlink(`/proc/${pid}/${link}`).catch(() => '')
    if (target === folder || target.startsWith(`${folder}/`)) return true
  }
  // Other users' processes cannot be read, and are not ours.
  const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
  const path = Buffer.from(folder).toString('latin1')
  return environment.split('\0').some((entry) => /^(HOME|TMPDIR)=/.test(entry) && entry.includes(`=${path}/`))
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
