import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LABELS, readConflicts } from './conflicts.ts'
import type { MergeOutcome } from './port.ts'
import type { GitCommand } from './process.ts'
import { besideScratch, checkName, inScratch, treeOf, type Scratch } from './scratch.ts'

const NOBODY = {
  GIT_AUTHOR_NAME: 'prchain',
  GIT_AUTHOR_EMAIL: 'prchain@localhost',
  GIT_AUTHOR_DATE: '@0 +0000',
  GIT_COMMITTER_NAME: 'prchain',
  GIT_COMMITTER_EMAIL: 'prchain@localhost',
  GIT_COMMITTER_DATE: '@0 +0000',
}

/**
 * A three-way merge of trees without a work tree. Two commits on one parent make any `base` the common ancestor, which
 * git before 2.40 has no option for. No attribute of the trees is heeded, so no merge driver runs. What one side added to
 * a folder that the other renamed goes along with the folder. Between markers stands also what both sides began with.
 */
export async function mergeThree(
  scratch: Scratch,
  trees: { base: string; ours: string; theirs: string },
): Promise<MergeOutcome> {
  const base = await treeOf(scratch, trees.base)
  const ours = await treeOf(scratch, trees.ours)
  const theirs = await treeOf(scratch, trees.theirs)
  const { dir, command } = await besideScratch(scratch)
  try {
    const parent = await commitTree(scratch, command, base, [])
    for (const [label, tree] of [
      [LABELS.ours, ours],
      [LABELS.theirs, theirs],
    ] as const) {
      await writeFile(
        join(dir, 'git/refs/heads', label),
        `${await commitTree(scratch, command, tree, ['-p', parent])}\n`,
      )
    }
    const followed = await runMerge(scratch, command, 'true')
    // Where folders' renames contradict each other git calls it a conflict of no path; nobody could reconcile that.
    const isNameless = followed.code === 1 && followed.conflicted.length === 0
    const { code, tree, conflicted } = isNameless ? await runMerge(scratch, command, 'false') : followed
    if (code === 0) return { kind: 'clean', tree }
    return { kind: 'conflict', tree, conflicts: await readConflicts(scratch, conflicted, { ours, theirs }) }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

async function runMerge(
  scratch: Scratch,
  command: GitCommand,
  directoryRenames: 'true' | 'false',
): Promise<{ code: number; tree: string; conflicted: Buffer[] }> {
  const settings = ['-c', 'merge.conflictStyle=diff3', '-c', `merge.directoryRenames=${directoryRenames}`]
  const args = ['merge-tree', '--write-tree', '-z', '--no-messages', LABELS.ours, LABELS.theirs]
  const { code, stdout } = await scratch.git.run([...settings, ...args], { ...command, okCodes: [0, 1] })
  const [tree = Buffer.alloc(0), ...conflicted] = splitFields(stdout)
  return { code, tree: tree.toString('latin1').trim(), conflicted }
}

function splitFields(output: Buffer): Buffer[] {
  const fields: Buffer[] = []
  for (let start = 0, end = output.indexOf(0); end >= 0; start = end + 1, end = output.indexOf(0, start)) {
    if (end > start) fields.push(output.subarray(start, end))
  }
  return fields
}

/** A commit of a tree by nobody at the beginning of time: the same object each time. */
export async function commitTree(
  scratch: Scratch,
  command: GitCommand,
  tree: string,
  options: readonly string[],
  message = 'merge side',
): Promise<string> {
  const args = ['commit-tree', ...options, '-m', message, tree]
  const { stdout } = await scratch.git.run(args, { ...command, variables: NOBODY })
  return stdout.toString('latin1').trim()
}

/** The tree that merging one commit of the mirror into another makes, or null on a conflict, or where content is missing. */
export async function mergeCommits(scratch: Scratch, ours: string, theirs: string): Promise<string | null> {
  const args = ['merge-tree', '--write-tree', '--no-messages', checkName(scratch, ours), checkName(scratch, theirs)]
  const { code, stdout } = await scratch.git.run(args, { ...inScratch(scratch), okCodes: [0, 1, 128] })
  return code === 0 ? stdout.toString('latin1').trim() : null
}
