import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

const STALE_MS = 24 * 60 * 60 * 1000

/** Gives `use` an empty folder below the cache and removes it afterwards, whatever happened. */
export async function withAside<T>(cacheDir: string, use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await makeAside(cacheDir)
  try {
    return await use(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Makes an empty folder below the cache. Its caller removes it. */
export async function makeAside(cacheDir: string): Promise<string> {
  const parent = join(cacheDir, 'aside')
  await mkdir(parent, { recursive: true })
  return mkdtemp(join(parent, `${process.pid}.`))
}

/**
 * Renames a finished folder into place. Returns false, and leaves the finished folder where it is, when another
 * process was first.
 */
export async function moveIntoPlace(made: string, place: string): Promise<boolean> {
  try {
    await rename(made, place)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false
    throw error
  }
}

/** Takes a folder out of its place and removes it. Idempotent. */
export async function removeFromPlace(cacheDir: string, place: string): Promise<void> {
  await withAside(cacheDir, async (dir) => {
    await rename(place, join(dir, randomBytes(4).toString('hex'))).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
  })
}

/** Removes what killed processes left aside more than a day ago. */
export async function removeStaleAsides(cacheDir: string): Promise<void> {
  const parent = join(cacheDir, 'aside')
  for (const name of await readdir(parent).catch(() => [])) {
    const path = join(parent, name)
    const made = await stat(path).catch(() => null)
    if (made && Date.now() - made.mtimeMs > STALE_MS) await rm(path, { recursive: true, force: true })
  }
}
