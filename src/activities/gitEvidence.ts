import { recordKey } from '../domain/identifiers.ts'
import type { GitEvidence } from '../formats/mining.ts'
import type { ChangeOverlap, ChangeRange, GitRepository } from '../git/port.ts'
import type { Store } from '../store/port.ts'

/** Answers in a record. */
const A_RECORD = 100
/** Questions that git is asked at a time. */
const AT_A_TIME = 3

/** Who wrote the lines that a change replaces or deletes. */
export type Replaced = Omit<GitEvidence['replaced'][number], 'change'>

/** What git says of changes, asked once for each and kept in the store over all minings of a repository. */
export interface GitWitness {
  /** What the two have in common; null where the mirror lacks content of one of them. */
  overlap(earlier: ChangeRange, later: ChangeRange): Promise<ChangeOverlap | null>
  /** Whose lines a change replaces or deletes; none where the mirror lacks its content. */
  replaced(change: ChangeRange): Promise<Replaced>
  /** Puts on record what was asked since the last record. */
  flush(): Promise<void>
}

/** Opens what git was asked before of a repository. */
export async function openGitWitness(store: Store, repository: GitRepository): Promise<GitWitness> {
  const overlaps = new Map<string, ChangeOverlap>()
  const replaced = new Map<string, Replaced>()
  const keys = await store.listRecords(recordKey.gitEvidences(repository.name))
  for (const key of keys) {
    const known = (await store.getRecord<GitEvidence>(key))!
    for (const { earlier, later, overlap } of known.overlaps) overlaps.set(`${earlier}>${later}`, overlap)
    for (const { change, ...answer } of known.replaced) replaced.set(change, answer)
  }
  let next = keys.length
  let fresh = emptyEvidence()

  return {
    async overlap(earlier, later) {
      const key = `${earlier.resultSha}>${later.resultSha}`
      const known = overlaps.get(key)
      if (known) return known
      const overlap = await orLacking(() => repository.overlap(earlier, later))
      if (overlap === null) return null
      overlaps.set(key, overlap)
      fresh.overlaps.push({ earlier: earlier.resultSha, later: later.resultSha, overlap })
      await flushWhenFull()
      return overlap
    },
    async replaced(change) {
      const known = replaced.get(change.resultSha)
      if (known) return known
      const answer = await orLacking(() => repository.replacedAuthors(change))
      if (answer === null) return { commits: [], isWhole: false }
      replaced.set(change.resultSha, answer)
      fresh.replaced.push({ change: change.resultSha, ...answer })
      await flushWhenFull()
      return answer
    },
    flush,
  }

  async function flushWhenFull(): Promise<void> {
    if (fresh.overlaps.length + fresh.replaced.length >= A_RECORD) await flush()
  }

  async function flush(): Promise<void> {
    if (fresh.overlaps.length + fresh.replaced.length === 0) return
    const record = fresh
    fresh = emptyEvidence()
    // Another attempt may have put this number meanwhile; both are read.
    while (!(await store.putRecord(recordKey.gitEvidence(repository.name, next++), record)).isNew) continue
  }
}

/** Calls `ask` for each value, a few at a time, in order. */
export async function askInTurn<T>(values: readonly T[], ask: (value: T) => Promise<void>): Promise<void> {
  let next = 0
  const asker = async () => {
    while (next < values.length) await ask(values[next++]!)
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, asker))
}

/** What git says, or null where it cannot: that is kept for nobody, since another mirror may have what this one lacks. */
async function orLacking<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask()
  } catch (error) {
    if ((error as Error).name === 'GitError') return null
    throw error
  }
}

function emptyEvidence(): GitEvidence {
  return { format: 'prchain.git-evidence/1', overlaps: [], replaced: [] }
}
