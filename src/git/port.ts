import type { Readable } from 'node:stream'
import type { FileChange } from '../formats/chain.ts'

/** A commit as git holds it. */
export interface Commit {
  sha: string
  tree: string
  parents: string[]
  /** The committer's date in UTC, ISO 8601. */
  committedAt: string
  message: string
}

/** A three-way merge's outcome. In a conflict's tree the conflicting text files hold both sides between markers. */
export type MergeOutcome = { kind: 'clean'; tree: string } | { kind: 'conflict'; tree: string; conflicts: Conflict[] }

/** One version of a conflicting path. */
export interface ConflictSide {
  mode: string
  object: string
}

/** A path on which a merge could not decide, with its versions; null where a side does not have it. */
export interface Conflict {
  path: string
  /** `content`: both changed the same lines. `binary`: both changed bytes. `deleted-upstream` and `deleted-by-agent`: the other side changed it. `added-twice`. `other`: names or kinds of files collide. */
  kind: 'content' | 'binary' | 'deleted-upstream' | 'deleted-by-agent' | 'added-twice' | 'other'
  base: ConflictSide | null
  /** What upstream has. */
  ours: ConflictSide | null
  /** What the agent has. */
  theirs: ConflictSide | null
}

/** A submodule of a tree. */
export interface Submodule {
  path: string
  /** As `.gitmodules` has it, without credentials; null when that does not name it. */
  url: string | null
  sha: string
}

/** What was left out of a captured tree, and why. */
export interface LeftOut {
  path: string
  reason: 'ignored' | 'git-directory' | 'special-file' | 'too-large' | 'setup' | 'junk' | 'scaffold' | 'submodule'
}

/** A git object store for one repository: its mirror, read-only, and a scratch store above it for trees of ours. */
export interface GitRepository {
  /** `owner/name`. */
  readonly name: string
  /** The commit of an object name, or null when the mirror does not have it. */
  commit(sha: string): Promise<Commit | null>
  /** The head of pull request N from `refs/pull/N/head`, or null. */
  pullHead(number: number): Promise<string | null>
  /** The best common ancestor of two commits, or null. */
  mergeBase(a: string, b: string): Promise<string | null>
  /** Messages of the commits in `base..head`, oldest first. */
  log(base: string, head: string): Promise<{ sha: string; message: string; author: string }[]>
  /** How paths changed from one tree or commit to another, with renames found, in path order. */
  changes(from: string, to: string): Promise<FileChange[]>
  /** The patch from one tree or commit to another: full headers, full index, binary, renames. Deterministic. */
  patch(from: string, to: string, paths?: string[]): Promise<Buffer>
  /** A file's bytes at a tree or commit, or null. */
  readFile(tree: string, path: string): Promise<Buffer | null>
  /** All paths of a tree or commit with mode and object name. */
  listTree(tree: string): Promise<{ path: string; mode: string; object: string }[]>
  /** The words of `words` that occur as whole words in a text file at a tree or commit. */
  findWords(tree: string, words: string[]): Promise<Set<string>>
  /** Objects of a tree or commit that the mirror lacks; empty when it is whole. */
  missingObjects(tree: string): Promise<string[]>
  /** Puts `theirs` in the place of `base` in `ours`: a merge with `base` as the common ancestor. Each is a tree or commit. */
  mergeTrees(trees: { base: string; ours: string; theirs: string }): Promise<MergeOutcome>
  /**
   * A conflict's tree with every conflict decided for one side: the lines of a text file's conflicting hunks, the whole
   * file otherwise. Returns a tree without markers.
   */
  resolveConflicts(merged: { tree: string; conflicts: Conflict[] }, side: 'ours' | 'theirs'): Promise<string>
  /** `tree` with the given paths as they are in `source`: replaced, added, or deleted where `source` lacks them. Returns a tree. */
  withPathsFrom(tree: string, source: string, paths: string[]): Promise<string>
  /** The tree that a patch makes of a tree. Throws {@link GitError} when it does not apply. */
  applyPatch(tree: string, patch: Buffer): Promise<string>
  /**
   * The tree of a work tree that an agent wrote, from a tar of it. Nothing of it is executed or written to a work
   * tree on the host. `.git` anywhere is left out, untracked files that the `.gitignore`s of `initialTree` ignore are
   * left out, files over `limitBytes` and special files are left out, and each is named. Throws {@link GitError}
   * `failed` for one that holds more than `mostBytes` in all, 8 GiB by default, the holes of sparse files counted.
   */
  captureTree(
    tar: Readable,
    options: { initialTree: string; limitBytes: number; mostBytes?: number },
  ): Promise<{ tree: string; leftOut: LeftOut[] }>
  /**
   * A tar of a work tree and its `.git`, for a sandbox: a repository with one root commit of that tree and nothing
   * else, neutral author and date, no reflog, remote, tag or alternate. `workTree` is what lies in the work tree when
   * that is not the commit's own tree. `submodules` lays the files of other repositories' trees in submodules' folders.
   */
  exportRepository(
    tree: string,
    options?: { workTree?: string; submodules?: { path: string; repository: GitRepository; tree: string }[] },
  ): Promise<Readable>
  /** A tar of a tree's files alone, without `.git`, in the same form. */
  exportFiles(tree: string): Promise<Readable>
  /** The submodules of a tree or commit. */
  submodules(tree: string): Promise<Submodule[]>
  /** Whether the object is in the mirror or the scratch store. */
  has(object: string): Promise<boolean>
}

/** Gives git repositories by name. */
export interface GitHost {
  /** Opens a repository: from the mirrors folder when given, else from the store's cache, cloned when absent. Throws {@link GitError} `not-a-mirror` or `missing`. */
  open(repository: string, mirrors: string | null): Promise<GitRepository>
}

/** Git that cannot do what was asked. */
export class GitError extends Error {
  override name = 'GitError'
  readonly kind: 'not-a-mirror' | 'missing' | 'does-not-apply' | 'failed'
  constructor(kind: GitError['kind'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}
