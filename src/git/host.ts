import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { removeStaleAsides } from './aside.ts'
import { captureWorkTree } from './capture.ts'
import { listChanges, makePatch } from './diff.ts'
import { decideConflicts } from './decideConflicts.ts'
import { exportTreeFiles, exportWorkTree } from './export.ts'
import { findMergeBase, readCommit, readLog, readPullHead } from './history.ts'
import { countLanguages } from './languages.ts'
import { findLicense } from './license.ts'
import { mergeThree } from './merge.ts'
import { cloneMirror, clonePath, findMirror, isThere, type Mirror } from './mirror.ts'
import { findOverlap, listSymbols } from './overlap.ts'
import type { GitHost, GitRepository } from './port.ts'
import { createGit } from './process.ts'
import { readPullHistory } from './pullHistory.ts'
import { findReplacedAuthors } from './replacedAuthors.ts'
import { refreshMirror } from './refreshMirror.ts'
import { readRefs } from './refs.ts'
import { checkName, inScratch, openScratch, type Scratch } from './scratch.ts'
import { listSubmodules } from './submodules.ts'
import { applyPatchTo, findMissingObjects, listTree, readFileAt, takePaths } from './trees.ts'
import { findWordsAt } from './words.ts'

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin'

/**
 * Repositories by the system's git (2.38 or later). All that is made goes below `cacheDir`, which may be shared by
 * processes and may be lost. `environment` is what git sees of the world: its PATH, and proxies and certificates for
 * cloning.
 */
export function createGitHost(options: {
  cacheDir: string
  cloneUrl: (repository: string) => string
  environment?: Readonly<Record<string, string>>
}): GitHost {
  const { cloneUrl, environment = {} } = options
  const cacheDir = resolve(options.cacheDir)
  const home = join(cacheDir, 'home')
  const git = createGit({ home, environment: { PATH, ...environment } })
  const clones = new Map<string, Promise<Mirror>>()

  /** One clone of a repository at a time in this process; other processes race for the name. */
  function cloneOnce(repository: string): Promise<Mirror> {
    const current = clones.get(repository)
    if (current) return current
    const clone = cloneMirror(git, { repository, cacheDir, url: cloneUrl(repository) }).finally(() =>
      clones.delete(repository),
    )
    clones.set(repository, clone)
    return clone
  }

  return {
    async open(repository, mirrors) {
      await mkdir(home, { recursive: true })
      await removeStaleAsides(cacheDir)
      const mirror = mirrors === null ? await cloneOnce(repository) : await findMirror(git, { repository, mirrors })
      return createRepository(await openScratch({ name: repository, git, mirror, cacheDir }))
    },
    async refresh(repository, mirrors) {
      await mkdir(home, { recursive: true })
      if (mirrors !== null) {
        await findMirror(git, { repository, mirrors })
        return { isFetched: false }
      }
      const dir = clonePath(cacheDir, repository)
      if (await isThere(dir)) await refreshMirror(git, { repository, dir, url: cloneUrl(repository) })
      else await cloneOnce(repository)
      return { isFetched: true }
    },
  }
}

/** The scratch repository of each repository that this process opened, for laying submodules' files. */
const scratches = new WeakMap<GitRepository, Scratch>()

function createRepository(scratch: Scratch): GitRepository {
  let heads: Promise<ReadonlyMap<number, string>> | null = null
  const repository: GitRepository = {
    name: scratch.name,
    commit: (sha) => readCommit(scratch, sha),
    pullHead: (number) => readPullHead(scratch, number),
    pullHeads: () => (heads ??= readRefs(scratch).then((refs) => refs.heads)),
    pullHistory: (merges) => readPullHistory(scratch, merges),
    license: (commit) => findLicense(scratch, commit),
    languages: (commit) => countLanguages(scratch, commit),
    changedSymbols: (change, paths) => listSymbols(scratch, change, paths),
    overlap: (earlier, later) => findOverlap(scratch, earlier, later),
    replacedAuthors: (change, options) => findReplacedAuthors(scratch, change, options),
    mergeBase: (a, b) => findMergeBase(scratch, a, b),
    log: (base, head) => readLog(scratch, base, head),
    changes: (from, to) => listChanges(scratch, from, to),
    patch: (from, to, paths) => makePatch(scratch, from, to, paths),
    readFile: (tree, path) => readFileAt(scratch, tree, path),
    listTree: (tree) => listTree(scratch, tree),
    findWords: (tree, words) => findWordsAt(scratch, tree, words),
    missingObjects: (tree) => findMissingObjects(scratch, tree),
    mergeTrees: (trees) => mergeThree(scratch, trees),
    resolveConflicts: (merged, side) => decideConflicts(scratch, merged, side),
    submodules: (tree) => listSubmodules(scratch, tree),
    withPathsFrom: (tree, source, paths) => takePaths(scratch, tree, source, paths),
    applyPatch: (tree, patch) => applyPatchTo(scratch, tree, patch),
    captureTree: (tar, options) => captureWorkTree(scratch, tar, options),
    exportRepository: (tree, { workTree, submodules = [] } = {}) =>
      exportWorkTree(scratch, tree, {
        workTree,
        submodules: submodules.map(({ path, repository: other, tree: inner }) => ({
          path,
          scratch: scratches.get(other)!,
          tree: inner,
        })),
      }),
    exportFiles: (tree) => exportTreeFiles(scratch, tree),
    async has(object) {
      const command = { ...inScratch(scratch), okCodes: [0, 1] }
      return (await scratch.git.run(['cat-file', '-e', checkName(scratch, object)], command)).code === 0
    },
  }
  scratches.set(repository, scratch)
  return repository
}
