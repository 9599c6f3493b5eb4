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

/** A merge that GitHub names: which commit it says made it, so that merges that no text of git names are found too. */
export interface KnownMerge {
  number: number
  mergeCommitSha: string
  /** The branch's head as GitHub has it, or null. */
  headSha: string | null
  /** The branch that it was merged into, or null for the default one. */
  baseRef: string | null
}

/** A path that a pull request changed. Counts are null for a binary file, and where the mirror lacks its content. */
export interface PullFile {
  /** As the result has it. */
  path: string
  /** Where it was renamed from, or null. */
  oldPath: string | null
  additions: number | null
  deletions: number | null
}

/** A merged pull request as the history alone shows it. */
export interface GitPull {
  number: number
  style: 'merge' | 'squash' | 'rebase'
  /** H_t: the merge or squash commit, or the last rebased one. */
  resultSha: string
  /** B_t: the first parent of the merge or squash commit, or the parent of the first rebased commit. */
  baseSha: string
  /** `refs/pull/N/head`, or null where the mirror has none. */
  headSha: string | null
  /** The committer's date of `resultSha`, UTC. */
  mergedAt: string
  /** Of the merge or squash commit, without the number; of a rebase, the last commit's subject. */
  title: string
  /** What the merge or squash commit says below its subject and title; empty for a rebase, whose commits say it. */
  body: string
  /** The name that the pull request's first commit carries; never an account. */
  author: string
  /** The target branch, without `refs/heads/`. */
  branch: string
  /** diff(B_t, H_t), in path order. */
  files: PullFile[]
  /** Its own commits, oldest first: those of its branch without merges and without what the base reaches; of a rebase, as they are on the target. */
  commits: { sha: string; message: string; author: string }[]
  /** The number is this repository's: its head exists and agrees with the merge. Without it, the number may be anyone's. */
  isProven: boolean
  /** Pull requests whose heads its commits bring along, and that were not merged before it. */
  absorbs: number[]
  /** Pull requests on whose branches its own stands, and that were merged before it. */
  standsOn: number[]
  /** What to know of it, in words; why it is not proven among them. */
  flags: string[]
}

/** What git alone knows of a repository's pull requests. */
export interface PullHistory {
  /** Without `refs/heads/`. */
  defaultBranch: string
  /** The commit that it is at. */
  headSha: string
  /** All of `refs/pull/N/head`, merged or not, by number. */
  heads: ReadonlyMap<number, string>
  /** In order of the merges: as they stand on the default branch, then on the others by name. A number occurs once. */
  merged: GitPull[]
}

/** What a change is between two commits. */
export interface ChangeRange {
  baseSha: string
  resultSha: string
}

/** What a later change has in common with an earlier one. */
export interface ChangeOverlap {
  /** Source files that both change, in path order, under the later one's names. */
  files: string[]
  /** Names that both change or add, sorted: defined in the changed lines, or around them, of one of the two at least. */
  symbols: string[]
  /** Lines that the later one replaces or deletes and the earlier one wrote. */
  lines: number
}

/** A git object store for one repository: its mirror, read-only, and a scratch store above it for trees of ours. */
export interface GitRepository {
  /** `owner/name`. */
  readonly name: string
  /** The commit of an object name, or null when the mirror does not have it. */
  commit(sha: string): Promise<Commit | null>
  /** The head of pull request N from `refs/pull/N/head`, or null. */
  pullHead(number: number): Promise<string | null>
  /** All of `refs/pull/N/head` by number. Read once. */
  pullHeads(): Promise<ReadonlyMap<number, string>>
  /**
   * All merged pull requests that the history shows, those that GitHub names by `merges` included, in a few git
   * processes. Content that the mirror lacks is not needed: counts are null there, and a flag says so.
   */
  pullHistory(merges?: readonly KnownMerge[]): Promise<PullHistory>
  /** The SPDX id of a commit's licence file, or null where there is none or an unknown one. */
  license(commit: string): Promise<string | null>
  /** Shares of a commit's source bytes by language, the largest first. Generated, vendored and unknown files are left out. */
  languages(commit: string): Promise<{ name: string; share: number }[]>
  /** Names that a change defines, or that stand around its changed lines, sorted; of some paths where they are given. */
  changedSymbols(change: ChangeRange, paths?: readonly string[]): Promise<string[]>
  /** What `later` has in common with `earlier`. Throws {@link GitError} where the mirror lacks content of either. */
  overlap(earlier: ChangeRange, later: ChangeRange): Promise<ChangeOverlap>
  /**
   * The commits of the target branch that wrote the source lines which a change replaces or deletes, by how many, most
   * first. Bounded: the most changed files alone, and at most `limitMs` (5 s); `isWhole` says whether that was enough.
   */
  replacedAuthors(
    change: ChangeRange,
    options?: { limitMs?: number },
  ): Promise<{ commits: { sha: string; lines: number }[]; isWhole: boolean }>
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
  /**
   * Brings the store's own clone up to date, cloned when absent; a folder of mirrors is only read, and then `isFetched`
   * is false. Killed at any moment, it leaves a clone that can be used. Repositories opened before do not see what it
   * brought. Throws {@link GitError} `missing` or `failed`.
   */
  refresh(repository: string, mirrors: string | null): Promise<{ isFetched: boolean }>
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
