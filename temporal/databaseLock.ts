import { randomBytes } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { acceptsConnections } from './address.ts'
import { isRunning } from './guardedProcess.ts'

const pid = z.number().int().positive()
const holder = z.object({
  /** The process that starts and guards the server. */
  owner: pid,
  server: z.object({ pid, address: z.string() }).nullable(),
})
type Holder = z.infer<typeof holder>

/** Another server has the database open. */
export class DatabaseInUse extends Error {
  override name = 'DatabaseInUse'
}

/** The right to open a dev server's database file. */
export interface DatabaseLock {
  /** Names the server that has it open. */
  handTo(server: { pid: number; address: string }): Promise<void>
  release(): Promise<void>
}

/**
 * Takes the lock file `<dbFile>.lock`. A Temporal dev server does not lock its SQLite file: two on one file both start
 * and both write to it. The lock of a server that has died is taken over; that of one which is ending,
 * since its owner has died, is waited for, up to `waitMs`.
 *
 * Throws {@link DatabaseInUse} when a running server holds it.
 */
export async function takeDatabaseLock(dbFile: string, waitMs = 5_000): Promise<DatabaseLock> {
  const lockFile = `${dbFile}.lock`
  const deadline = Date.now() + waitMs
  let mine = JSON.stringify({ owner: process.pid, server: null } satisfies Holder)
  for (;;) {
    if (await placeNew(lockFile, mine)) break
    const text = await readText(lockFile)
    if (text === null) continue
    const held = parseHolder(text)
    if (held === null || !isRunning(held.server?.pid ?? held.owner)) {
      await removeStale(lockFile, text)
      continue
    }
    const isStaying = isRunning(held.owner) && (!held.server || (await acceptsConnections(held.server.address)))
    if (isStaying || Date.now() > deadline) {
      const who = held.server
        ? `${held.server.pid}, a server at ${held.server.address}`
        : `${held.owner}, which starts one`
      throw new DatabaseInUse(
        `the Temporal database ${dbFile} is in use by process ${who}; use that server, stop it, or, if the process is ` +
          `something else by now, delete ${lockFile}`,
      )
    }
    await pause(50)
  }

  return {
    async handTo(server) {
      mine = JSON.stringify({ owner: process.pid, server } satisfies Holder)
      const aside = asidePath(lockFile)
      await writeFile(aside, mine, { flag: 'wx' })
      await rename(aside, lockFile)
    },
    async release() {
      if ((await readText(lockFile)) === mine) await rm(lockFile, { force: true })
    },
  }
}

/** Puts a lock file in place with its content in one step, unless there is one. */
async function placeNew(lockFile: string, text: string): Promise<boolean> {
  const aside = asidePath(lockFile)
  await writeFile(aside, text, { flag: 'wx' })
  try {
    await link(aside, lockFile)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    await rm(aside, { force: true })
  }
}

/** Removes the lock file that had this text; one that another process has put there meanwhile is put back. */
async function removeStale(lockFile: string, text: string): Promise<void> {
  const aside = asidePath(lockFile)
  try {
    await rename(lockFile, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if ((await readText(aside)) !== text) await link(aside, lockFile).catch(() => {})
  await rm(aside, { force: true })
}

function parseHolder(text: string): Holder | null {
  try {
    return holder.parse(JSON.parse(text))
  } catch {
    return null
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function asidePath(lockFile: string): string {
  return `${lockFile}.${process.pid}.${randomBytes(4).toString('hex')}`
}
