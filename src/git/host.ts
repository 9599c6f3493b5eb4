import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { GitError, type GitHost, type GitRepository } from './port.ts'
import { runGit } from './gitProcess.ts'
import { openRepository } from './repository.ts'

/**
 * Git repositories by the system's git. Mirrors are only read; trees of ours go into scratch stores below `cacheDir`,
 * which can be lost and made again.
 */
export function createGitHost(options: { cacheDir: string; cloneUrl: (repository: string) => string }): GitHost {
  const cacheDir = resolve(options.cacheDir)
  const { cloneUrl } = options

  return {
    async open(name, mirrors) {
      const folder = `${name.replace('/', '__')}.git`
      const mirror =
        mirrors === null ? await provideClone(name, folder) : await checkMirror(join(resolve(mirrors), folder), name)
      return openScratch(name, folder, mirror)
    },
  }

  async function checkMirror(path: string, name: string): Promise<string> {
    if (!(await isDirectory(path))) {
      throw new GitError(
        'missing',
        `there is no mirror of ${name} at ${path}; link a git directory with refs/pull/N/head there, or leave --mirrors out to clone it`,
      )
    }
    const result = await runGit(['rev-parse', '--absolute-git-dir'], { gitDir: path, isFailureFine: true })
    const refs =
      result.code === 0 ? await runGit(['for-each-ref', '--count=1'], { gitDir: path, isFailureFine: true }) : result
    if (refs.code !== 0 || refs.stdout.length === 0) {
      throw new GitError(
        'not-a-mirror',
        `${path} is no git directory with refs, so it is no mirror of ${name}: ${refs.stderr.trim() || 'it has no ref'}`,
      )
    }
    return path
  }

  async function provideClone(name: string, folder: string): Promise<string> {
    const path = join(cacheDir, 'mirrors', folder)
    if (await isDirectory(path)) return checkMirror(path, name)
    await mkdir(join(cacheDir, 'mirrors'), { recursive: true })
    const aside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
    try {
      await runGit(['clone', '--quiet', '--mirror', cloneUrl(name), aside], { gitDir: null })
      await rename(aside, path).catch(async (error: unknown) => {
        if (!(await isDirectory(path))) throw error
      })
    } catch (cause) {
      if (cause instanceof GitError)
        throw new GitError('missing', `${name} cannot be cloned from ${cloneUrl(name)}: ${cause.message}`, { cause })
      throw cause
    } finally {
      await rm(aside, { recursive: true, force: true })
    }
    return path
  }

  /** The scratch store sees the mirror's objects as an alternate and writes none of its own there. */
  async function openScratch(name: string, folder: string, mirror: string): Promise<GitRepository> {
    const scratch = join(cacheDir, 'objects', folder)
    const alternates = join(scratch, 'objects', 'info', 'alternates')
    const wanted = `${join(mirror, 'objects')}\n`
    if (!(await isDirectory(scratch))) {
      await mkdir(join(cacheDir, 'objects'), { recursive: true })
      const aside = `${scratch}.${process.pid}.${randomBytes(4).toString('hex')}`
      try {
        await runGit(['init', '--quiet', '--bare', '--template=', aside], { gitDir: null })
        await mkdir(join(aside, 'objects', 'info'), { recursive: true })
        await writeFile(join(aside, 'objects', 'info', 'alternates'), wanted)
        await rename(aside, scratch).catch(async (error: unknown) => {
          if (!(await isDirectory(scratch))) throw error
        })
      } finally {
        await rm(aside, { recursive: true, force: true })
      }
    }
    if ((await readFile(alternates, 'utf8').catch(() => '')) !== wanted) {
      const aside = `${alternates}.${process.pid}.${randomBytes(4).toString('hex')}`
      await mkdir(join(scratch, 'objects', 'info'), { recursive: true })
      await writeFile(aside, wanted)
      await rename(aside, alternates)
    }
    return openRepository({ name, mirror, scratch, tempDir: join(cacheDir, 'temp') })
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() ?? false
}
