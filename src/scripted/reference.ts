import { recordKey } from '../domain/identifiers.ts'
import { chain as chainFormat, type Chain } from '../formats/chain.ts'
import type { Store } from '../store/port.ts'
import { pathOf, readGitPatch, type FilePatch } from './gitPatch.ts'
import { WireError } from './wire.ts'

const KEPT = 128

/** Gives the reference patches of chains from the store, read once. */
export interface References {
  /** The files of a stage's reference patch, with or without its tests. Throws {@link WireError} 404 when the store has no such stage. */
  filesOf(chain: string, stage: number, options: { includeTests: boolean }): Promise<FilePatch[]>
}

/** Reads reference patches from a store, which is never written to. */
export function createReferences(store: Pick<Store, 'getRecord' | 'getBlob'>): References {
  const chains = new Map<string, Chain>()
  const patches = new Map<string, FilePatch[]>()

  async function chainOf(id: string): Promise<Chain> {
    const known = chains.get(id)
    if (known) return known
    const found = await store.getRecord(recordKey.chain(id))
    if (found === null) {
      throw new WireError(
        404,
        'chain_missing',
        `chain ${id} is not in the store of the scripted model; mine or import it there`,
      )
    }
    const read = chainFormat.parse(found)
    keep(chains, id, read)
    return read
  }

  return {
    async filesOf(id, index, { includeTests }) {
      const stage = (await chainOf(id)).stages[index]
      if (!stage) throw new WireError(404, 'stage_missing', `chain ${id} has no stage ${index}; stages count from 0`)
      const key = `${stage.patch} ${includeTests} ${includeTests ? '' : stage.testFiles.join(' ')}`
      const known = patches.get(key)
      if (known) return known
      const tests = new Set(includeTests ? [] : stage.testFiles)
      const files = readGitPatch(await store.getBlob(stage.patch)).filter((file) => !tests.has(pathOf(file)))
      keep(patches, key, files)
      return files
    },
  }
}

function keep<T>(map: Map<string, T>, key: string, value: T): void {
  if (map.size >= KEPT) map.delete(map.keys().next().value!)
  map.set(key, value)
}
