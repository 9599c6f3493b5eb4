import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
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
 * What is built already is left as it is; what is not finished, or of another version, is replaced. Other files of
 * `dir` are not touched. Needs git 2.28 or newer.
 */
export async function buildExampleRepository(options: { dir: string }): Promise<ExampleRepository> {
  const dir = resolve(options.dir)
  const built: ExampleRepository = {
    repository: REPOSITORY,
    mirrorsDir: join(dir, 'mirrors'),
    recordedDir: join(dir, 'github'),
    environment: environmentFile.parse(JSON.parse(await readFile(ENVIRONMENT_PATH, 'utf8'))),
  }
  const stampPath = join(dir, 'example-repository.json')
  const stamp = JSON.stringify({ format: 'prchain.example-repository/1', repository: REPOSITORY, version: await digestSources() })
  if (await isCurrent()) return built

  const aside = join(dir, `.building-${process.pid}-${randomBytes(4).toString('hex')}`)
  await mkdir(aside, { recursive: true })
  try {
    const history = await readHistory(HISTORY_DIR)
    const mirror = join(aside, 'mirror.git')
    const objects = await createObjects({ dir: mirror, scratch: aside })
    const played = await replayHistory({ history, repository: REPOSITORY, objects })
    const recorded = join(aside, 'recorded.json')
    await writeFile(recorded, `${JSON.stringify(recordGitHub({ repository: REPOSITORY, history, played }), null, 1)}\n`)
    await writeFile(join(aside, 'stamp.json'), stamp)
    // Another process may have built the same in the meantime, and somebody may be reading it.
    if (await isCurrent()) return built
    await rm(stampPath, { force: true })
    await replace(mirror, join(built.mirrorsDir, `${FOLDER}.git`))
    await replace(recorded, join(built.recordedDir, `${FOLDER}.json`))
    await rename(join(aside, 'stamp.json'), stampPath)
    return built
  } catch (cause) {
    throw new Error(`the example repository could not be built in ${dir}: ${(cause as Error).message}`, { cause })
  } finally {
    await rm(aside, { recursive: true, force: true })
  }

  async function isCurrent(): Promise<boolean> {
    return (await readFile(stampPath, 'utf8').catch(absentAsNull)) === stamp
  }

  /** A directory cannot be renamed onto another, so an old one goes aside first. */
  async function replace(from: string, to: string): Promise<void> {
    await mkdir(join(to, '..'), { recursive: true })
    await rename(to, `${from}.old`).catch(absentAsNull)
    await rename(from, to)
  }
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

function absentAsNull(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}
