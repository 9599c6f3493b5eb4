import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GitError } from './port.ts'
import { inScratch, type Scratch } from './scratch.ts'
import { STREAM_LARGE } from './objectReader.ts'

/**
 * Writes a pack and its index of exactly these objects, as `pack-<name>.pack` and `.idx` in a folder `pack` within
 * `objectsDir`, a folder of its own, and returns `pack-<name>`. What is in the pack `from` is copied as it is there:
 * `objects` must then have that pack's first, since git goes on looking where it last found one.
 */
export async function makePack(
  scratch: Scratch,
  options: { objects: readonly string[]; objectsDir: string; from?: { objectsDir: string; name: string } },
): Promise<string> {
  const { objects, objectsDir, from } = options
  await mkdir(join(objectsDir, 'info'), { recursive: true })
  await mkdir(join(objectsDir, 'pack'), { recursive: true })
  await writeFile(join(objectsDir, 'info/alternates'), `${join(scratch.dir, 'objects')}\n`)
  // Git looks into packs of its own folder first, and else into the youngest: the mirror's may be that.
  for (const end of from ? ['pack', 'idx'] : [])
    await symlink(join(from!.objectsDir, 'pack', `${from!.name}.${end}`), join(objectsDir, 'pack', `pack-from.${end}`))
  const settings = ['-c', 'core.multiPackIndex=false', ...STREAM_LARGE]
  // No search for better deltas: the mirror's own are good, and searching takes ten times as long.
  const args = ['pack-objects', '-q', '--threads=1', '--window=0', `${objectsDir}/pack/pack`]
  const { stdout } = await scratch.git.run([...settings, ...args], {
    ...inScratch(scratch),
    objectDir: objectsDir,
    input: objects.map((object) => `${object}\n`).join(''),
  })
  const name = stdout.toString('latin1').trim()
  if (!/^[0-9a-f]{40}$/.test(name))
    throw new GitError('failed', `git pack-objects for ${scratch.name} made ${name.split('\n').length} packs, not one`)
  return `pack-${name}`
}
