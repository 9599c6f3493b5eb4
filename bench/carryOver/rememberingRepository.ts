import { createHash } from 'node:crypto'
import type { GitRepository } from '../../src/git/port.ts'

/**
 * A repository that asks git once for what cannot change: the same question about the same objects has one answer. Files
 * are read by their object, so that trees which share them share the reading. Merges that ended are not made again;
 * `mergeMs` is told with each answer how long it took to make. To be let go of after a pair: it forgets nothing.
 */
export function rememberAnswers(repository: GitRepository, mergeMs: (ms: number) => void): GitRepository {
  const answers = new Map<string, Promise<unknown>>()
  const once = <T>(ask: () => Promise<T>, ...question: unknown[]): Promise<T> => {
    const key = JSON.stringify(question)
    const answer = (answers.get(key) as Promise<T> | undefined) ?? ask()
    answers.set(key, answer)
    return answer
  }
  const entriesOf = (tree: string) =>
    once(async () => new Map((await repository.listTree(tree)).map((entry) => [entry.path, entry])), 'entries', tree)
  return {
    ...repository,
    commit: (sha) => once(() => repository.commit(sha), 'commit', sha),
    changes: (from, to) => once(() => repository.changes(from, to), 'changes', from, to),
    has: (object) => once(() => repository.has(object), 'has', object),
    patch: (from, to, paths) => once(() => repository.patch(from, to, paths), 'patch', from, to, paths),
    withPathsFrom: (tree, source, paths) =>
      once(() => repository.withPathsFrom(tree, source, paths), 'withPathsFrom', tree, source, paths),
    applyPatch: (tree, patch) =>
      once(
        () => repository.applyPatch(tree, patch),
        'applyPatch',
        tree,
        createHash('sha256').update(patch).digest('hex'),
      ),
    async readFile(tree, path) {
      const entry = (await entriesOf(tree)).get(path)
      return entry ? once(() => repository.readFile(tree, path), 'blob', entry.object) : null
    },
    async mergeTrees(trees) {
      const { merged, ms } = await once(() => timeMerge(trees), 'mergeTrees', trees)
      mergeMs(ms)
      return merged
    },
  }

  async function timeMerge(trees: Parameters<GitRepository['mergeTrees']>[0]) {
    const startedMs = performance.now()
    const merged = await repository.mergeTrees(trees)
    return { merged, ms: performance.now() - startedMs }
  }
}
