import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { environment as environmentFile, type Environment } from '../../src/formats/environment.ts'
import { readHistory } from './history.ts'
import { createObjects } from './objects.ts'
import { recordGitHub } from './recording.ts'
import { replayHistory } from './replay.ts'

const REPOSITORY = 'prchain-example/almanac'
const FOLDER = REPOSITORY.replace('/', '__')
const HISTORY_DIR = join(import.meta.dirname, 'history')
const ENVIRONMENT_PATH = join(import.meta.dirname, '..', 'environment.node.json')

/** Where the example repository was built, and what its tests need. */
export interface ExampleRepository {
  /** `owner/name`. */
  repository: typeof REPOSITORY
  /** A folder for `--mirrors`: holds `owner__name.git`. */
  mirrorsDir: string
  /** A folder for the recorded GitHub server: holds `owner__name.json`. */
  recordedDir: string
  environment: Environment
}

/**
 * Builds the example repository below `dir`, from `examples/repository/history`: a bare repository with every pull
 * request's head, and what GitHub would answer about it. The same commits each time, whatever git is configured to do.
 * It appears whole, by one rename, in a folder named after its version; one that is there already is returned at once,
 * and another version's is left alone, since a campaign may stand on it. Needs git 2.28 or newer.
 */
export async function buildExampleRepository(options: { dir: string }): Promise<ExampleRepository> {
  const dir = resolve(options.dir)
  const target = join(dir, `almanac-${(await digestSources()).slice(0, 16)}`)
  const built: ExampleRepository = {
    repository: REPOSITORY,
    mirrorsDir: join(target, 'mirrors'),
    recordedDir: join(target, 'github'),
    environment: environmentFile.parse(JSON.parse(await readFile(ENVIRONMENT_PATH, 'utf8'))),
  }
  if (await isThere(target)) return built

  const aside = join(dir, `.building-${process.pid}-${randomBytes(4).toString('hex')}`)
  const whole = join(aside, 'whole')
  try {
    for (const folder of ['mirrors', 'github']) await mkdir(join(whole, folder), { recursive: true })
    const history = await readHistory(HISTORY_DIR)
    const objects = await createObjects({ dir: join(whole, 'mirrors', `${FOLDER}.git`), scratch: aside })
    const played = await replayHistory({ history, repository: REPOSITORY, objects })
    const recording = recordGitHub({ repository: REPOSITORY, history, played })
    await writeFile(join(whole, 'github', `${FOLDER}.json`), `${JSON.stringify(recording, null, 1)}\n`)
    await rename(whole, target).catch(async (error: unknown) => {
      // Another process was faster, and what it built is the same.
      if (!(await isThere(target))) throw error
    })
    return built
  } catch (cause) {
    throw new Error(`the example repository could not be built in ${dir}: ${(cause as Error).message}`, { cause })
  } finally {
    await rm(aside, { recursive: true, force: true })
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
}

/** A digest of the history and of the code that plays it: the version of what is built. */
async function digestSources(): Promise<string> {
  const hash = createHash('sha256')
  const entries = await readdir(import.meta.dirname, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  for (const path of paths.sort()) {
    const content = await readFile(path)
    hash.update(`${relative(import.meta.dirname, path)}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}
