import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { repositoryFolder } from '../domain/identifiers.ts'
import { makeAside, moveIntoPlace, removeFromPlace, withAside } from './aside.ts'
import type { Mirror } from './mirror.ts'
import { GitError } from './port.ts'
import type { Git, GitCommand } from './process.ts'

const CONFIG = '[core]\n\trepositoryformatversion = 0\n\tbare = true\n'
const OBJECT_NAME = /^[0-9a-f]{40}$/

/** A repository's mirror and the bare repository above it that takes what we make. */
export interface Scratch {
  /** `owner/name`. */
  name: string
  git: Git
  mirror: Mirror
  /** The bare repository; it reads the mirror's objects through `objects/info/alternates`. */
  dir: string
  cacheDir: string
}

/** Opens the scratch repository of a mirror, made when absent and made anew when it stands above another mirror. */
export async function openScratch(options: Omit<Scratch, 'dir'>): Promise<Scratch> {
  const { name, mirror, cacheDir } = options
  const dir = join(cacheDir, 'objects', `${repositoryFolder(name)}.git`)
  const alternates = `${mirror.objectsDir}\n`
  const current = await readFile(join(dir, 'objects/info/alternates'), 'utf8').catch(() => null)
  if (current !== alternates) {
    if (current !== null) await removeFromPlace(cacheDir, dir)
    await mkdir(dirname(dir), { recursive: true })
    await withAside(cacheDir, async (aside) => {
      const made = join(aside, 'scratch.git')
      await makeBareRepository(made, alternates)
      await moveIntoPlace(made, dir)
    })
  }
  return { ...options, dir }
}

/** How a command runs that reads and writes in the scratch repository. */
export function inScratch(scratch: Scratch): GitCommand {
  return { about: scratch.name, gitDir: scratch.dir }
}

/**
 * A command's place with a git directory of its own, removed by the caller, and the scratch repository's objects: for
 * commands that need refs, or that leave files where they run.
 */
export async function besideScratch(scratch: Scratch): Promise<{ dir: string; command: GitCommand }> {
  const dir = await makeAside(scratch.cacheDir)
  await makeBareRepository(join(dir, 'git'), null)
  return {
    dir,
    command: { about: scratch.name, gitDir: join(dir, 'git'), objectDir: join(scratch.dir, 'objects') },
  }
}

/** A full object name as it is. Throws {@link GitError} `failed` for anything else, before git could take it for an option. */
export function checkName(scratch: Scratch, object: string): string {
  if (OBJECT_NAME.test(object)) return object
  throw new GitError('failed', `${JSON.stringify(object)} is no full object name of ${scratch.name}: 40 hex digits`)
}

/** The tree of a tree or commit. Throws {@link GitError} `missing` when neither mirror nor scratch has it. */
export async function treeOf(scratch: Scratch, object: string): Promise<string> {
  const args = ['rev-parse', '--verify', '--quiet', `${checkName(scratch, object)}^{tree}`]
  const { code, stdout } = await scratch.git.run(args, { ...inScratch(scratch), okCodes: [0, 1, 128] })
  if (code === 0) return stdout.toString('latin1').trim()
  throw new GitError(
    'missing',
    `${scratch.name} has no tree or commit ${object}, neither in ${scratch.mirror.dir} nor of our own`,
  )
}

async function makeBareRepository(dir: string, alternates: string | null): Promise<void> {
  await mkdir(join(dir, 'refs/heads'), { recursive: true })
  await mkdir(join(dir, 'objects/info'), { recursive: true })
  await mkdir(join(dir, 'objects/pack'))
  if (alternates !== null) await writeFile(join(dir, 'objects/info/alternates'), alternates)
  await writeFile(join(dir, 'config'), CONFIG)
  await writeFile(join(dir, 'HEAD'), 'ref: refs/heads/main\n')
}
