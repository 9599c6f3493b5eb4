import { mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { repositoryFolder } from '../domain/identifiers.ts'
import { moveIntoPlace, withAside } from './aside.ts'
import { commitTree } from './merge.ts'
import { GitError } from './port.ts'
import { inScratch, type Scratch } from './scratch.ts'

const CONFIG = '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n'
const BRANCH = 'refs/heads/main'

/**
 * The `.git` of a tree: a pack of the tree's objects, one root commit on `main` and an index, and nothing else. Made
 * once for a tree and kept in the cache. Throws {@link GitError} `missing` when the mirror lacks objects of the tree.
 */
export async function makeFreshRepository(scratch: Scratch, tree: string): Promise<string> {
  const place = join(scratch.cacheDir, 'exports', repositoryFolder(scratch.name), tree)
  if (await stat(place).catch(() => null)) return place
  const { stdout } = await scratch.git.run(['rev-list', '--objects', '--missing=print', tree], inScratch(scratch))
  const missing = stdout.toString('latin1').match(/^\?[0-9a-f]{40}/gm) ?? []
  if (missing.length > 0) {
    const which = `${missing.length} objects of tree ${tree}, such as ${missing[0]!.slice(1)}`
    throw new GitError(
      'missing',
      `the mirror of ${scratch.name} at ${scratch.mirror.dir} is incomplete: it lacks ${which}`,
    )
  }
  await mkdir(dirname(place), { recursive: true })
  await withAside(scratch.cacheDir, async (aside) => {
    const made = join(aside, 'git')
    for (const folder of ['objects/info', 'objects/pack', 'refs/heads', 'refs/tags']) {
      await mkdir(join(made, folder), { recursive: true })
    }
    await writeFile(join(made, 'config'), CONFIG)
    await writeFile(join(made, 'HEAD'), `ref: ${BRANCH}\n`)
    const pack = ['pack-objects', '-q', '--threads=1', join(made, 'objects/pack/pack')]
    await scratch.git.run(pack, { ...inScratch(scratch), input: stdout })
    const at = { about: scratch.name, gitDir: made }
    const commit = await commitTree(scratch, at, tree, [], 'Initial state')
    await writeFile(join(made, BRANCH), `${commit}\n`)
    await scratch.git.run(['read-tree', tree], at)
    await moveIntoPlace(made, place)
  })
  return place
}
