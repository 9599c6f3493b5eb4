import { mkdir, open, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { repositoryFolder } from '../domain/identifiers.ts'
import { moveIntoPlace, removeFromPlace, withAside } from './aside.ts'
import { fileSegments } from './fileSegments.ts'
import type { Scratch } from './scratch.ts'
import { objectsOf, sizesOf } from './treeItems.ts'
import { makePack } from './treePack.ts'
import type { TreeEntry } from './trees.ts'

/** How many bases of a repository are kept: those that were used last. */
const KEPT_PER_REPOSITORY = 8
/** What share of a tree's bytes a base must have to be one for it. */
const ENOUGH = 0.8
/** Above this share no other base is looked for. */
const AMPLE = 0.98
const INVENTORIES_IN_MEMORY = 16
const WRITE_BYTES = 4 * 1024 * 1024

/** Where an item's header and content lie in a base's tar. */
export interface Segment {
  offset: number
  sizeBytes: number
}

/**
 * A tree in the cache, from which others near it are made: a tar of its files and, unless it is for files alone, a pack
 * of its objects.
 */
export interface Base {
  tree: string
  /** Files, with what is in the tar for each item by {@link itemKey}. */
  tarFile: string
  segments: ReadonlyMap<string, Segment>
  /** Sizes of the tree's objects. */
  sizes: ReadonlyMap<string, number>
  /** The folder of objects and the name of the pack in it, or null. */
  pack: { objectsDir: string; name: string } | null
}

/** What is laid: a tree, its items, and the folder that they go into, `''` or ending with `/`. */
export interface Laid {
  tree: string
  items: readonly TreeEntry[]
  prefix: string
}

/** What of an item its header and content in a tar depend on. */
export function itemKey({ mode, object, path }: TreeEntry, prefix: string): string {
  // A folder's header is the same whatever is in it.
  return `${mode} ${mode.startsWith('100') || mode === '120000' ? object : ''} ${prefix}${path}`
}

/** The base of this very tree, else the best one near it, else null. */
export async function findBase(scratch: Scratch, laid: Laid, hasPack: boolean): Promise<Base | null> {
  const parent = folderOf(scratch)
  const names = (await newestFirst(parent)).filter((name) => name.startsWith(kindOf(laid.prefix, hasPack)))
  const exact = placeName(laid, hasPack)
  let best: { base: Base; name: string; share: number } | null = null
  for (const name of names.includes(exact) ? [exact, ...names.filter((other) => other !== exact)] : names) {
    const base = await openBase(scratch, name)
    if (!base) continue
    const share = name === exact ? 1 : shareIn(base, laid)
    if (share >= ENOUGH && share > (best?.share ?? 0)) best = { base, name, share }
    if (share >= AMPLE) break
  }
  if (!best) return null
  const now = new Date()
  await utimes(join(parent, best.name, 'inventory'), now, now).catch(() => {})
  return best.base
}

/** Makes the base of a tree, once at a time in this process, and lets the oldest go. Throws {@link GitError} `missing`. */
export async function makeBase(scratch: Scratch, laid: Laid, hasPack: boolean): Promise<Base> {
  const name = placeName(laid, hasPack)
  const key = join(folderOf(scratch), name)
  const making = underWay.get(key) ?? writeBase(scratch, laid, { name, hasPack }).finally(() => underWay.delete(key))
  underWay.set(key, making)
  await making
  const base = await openBase(scratch, name)
  // Other processes made so many meanwhile that it went again.
  return base ?? makeBase(scratch, laid, hasPack)
}

const underWay = new Map<string, Promise<void>>()
const inMemory = new Map<string, { madeMs: number; base: Base }>()

interface Inventory {
  tree: string
  pack: string | null
  tarBytes: number
  packBytes: number
  segments: [string, number, number][]
  sizes: [string, number][]
}

async function writeBase(
  scratch: Scratch,
  laid: Laid,
  { name, hasPack }: { name: string; hasPack: boolean },
): Promise<void> {
  const parent = folderOf(scratch)
  await mkdir(parent, { recursive: true })
  const objects = objectsOf(laid.tree, laid.items)
  const sizes = await sizesOf(scratch, laid.tree, objects)
  await withAside(scratch.cacheDir, async (aside) => {
    const made = join(aside, 'base')
    const objectsDir = join(made, 'objects')
    await mkdir(made)
    const packing = hasPack ? makePack(scratch, { objects, objectsDir }) : Promise.resolve(null)
    packing.catch(() => {})
    const segments: Inventory['segments'] = []
    let tarBytes = 0
    const tar = await open(join(made, 'files.tar'), 'w')
    try {
      let pieces: Buffer[] = []
      let heldBytes = 0
      const write = async () => {
        await tar.writeFile(Buffer.concat(pieces))
        pieces = []
        heldBytes = 0
      }
      for await (const { item, bytes } of fileSegments(scratch, laid.items, laid.prefix)) {
        const key = itemKey(item, laid.prefix)
        const last = segments.at(-1)
        if (last?.[0] === key) last[2] += bytes.length
        else segments.push([key, tarBytes, bytes.length])
        tarBytes += bytes.length
        pieces.push(bytes)
        heldBytes += bytes.length
        if (heldBytes > WRITE_BYTES) await write()
      }
      await write()
    } finally {
      await tar.close()
    }
    const pack = await packing
    const packBytes = pack ? (await stat(join(objectsDir, 'pack', `${pack}.pack`))).size : 0
    const inventory: Inventory = { tree: laid.tree, pack, tarBytes, packBytes, segments, sizes: [...sizes] }
    await writeFile(join(made, 'inventory'), JSON.stringify(inventory))
    await moveIntoPlace(made, join(parent, name))
  })
  const names = await newestFirst(parent)
  for (const old of names.slice(KEPT_PER_REPOSITORY)) await removeFromPlace(scratch.cacheDir, join(parent, old))
}

/** A base by its name, or null when it is not there, or not as it was made. */
async function openBase(scratch: Scratch, name: string): Promise<Base | null> {
  const dir = join(folderOf(scratch), name)
  const made = await stat(dir).catch(() => null)
  if (!made) return null
  const known = inMemory.get(dir)
  const base = known?.madeMs === made.ctimeMs ? known.base : await readBase(dir)
  inMemory.delete(dir)
  if (!base) {
    await removeFromPlace(scratch.cacheDir, dir)
    return null
  }
  inMemory.set(dir, { madeMs: made.ctimeMs, base })
  for (const old of [...inMemory.keys()].slice(0, -INVENTORIES_IN_MEMORY)) inMemory.delete(old)
  return base
}

async function readBase(dir: string): Promise<Base | null> {
  try {
    const inventory = JSON.parse(await readFile(join(dir, 'inventory'), 'utf8')) as Inventory
    const { tree, pack, tarBytes, packBytes } = inventory
    const tarFile = join(dir, 'files.tar')
    const objectsDir = join(dir, 'objects')
    if ((await stat(tarFile)).size !== tarBytes) return null
    if (pack && (await stat(join(objectsDir, 'pack', `${pack}.pack`))).size !== packBytes) return null
    return {
      tree,
      tarFile,
      segments: new Map(inventory.segments.map(([key, offset, sizeBytes]) => [key, { offset, sizeBytes }])),
      sizes: new Map(inventory.sizes),
      pack: pack === null ? null : { objectsDir, name: pack },
    }
  } catch {
    // A machine that lost its power may have left a part of one; another process may be removing it.
    return null
  }
}

function shareIn(base: Base, { items }: Laid): number {
  let shared = 0
  let all = 0
  for (const { object } of items) {
    const sizeBytes = base.sizes.get(object)
    // What the base lacks is counted as no smaller than a block: its size is not known yet.
    all += Math.max(sizeBytes ?? 0, 4_096)
    if (sizeBytes !== undefined) shared += Math.max(sizeBytes, 4_096)
  }
  return all === 0 ? 1 : shared / all
}

function folderOf(scratch: Scratch): string {
  return join(scratch.cacheDir, 'bases', repositoryFolder(scratch.name))
}

function kindOf(prefix: string, hasPack: boolean): string {
  const where = prefix === '' ? '' : createHash('sha1').update(prefix.toWellFormed()).digest('hex').slice(0, 8)
  return `${hasPack ? 'repository' : `files${where}`}-`
}

function placeName({ tree, prefix }: Laid, hasPack: boolean): string {
  return `${kindOf(prefix, hasPack)}${tree}`
}

async function newestFirst(parent: string): Promise<string[]> {
  const found = await Promise.all(
    (await readdir(parent).catch(() => [])).map(async (name) => ({
      name,
      usedMs: (await stat(join(parent, name, 'inventory')).catch(() => null))?.mtimeMs ?? 0,
    })),
  )
  return found.sort((a, b) => b.usedMs - a.usedMs).map(({ name }) => name)
}
