import type { FileChange } from '../formats/chain.ts'
import { comparePaths, pathFromBytes } from './path.ts'
import { checkName, inScratch, treeOf, type Scratch } from './scratch.ts'
import { takePaths } from './trees.ts'

const COMPARE = [
  'diff-tree',
  '-r',
  '-M',
  '--diff-algorithm=myers',
  '--no-ext-diff',
  '--no-textconv',
  '--ignore-submodules=none',
]
const AS_PATCH = [
  '-p',
  '--binary',
  '--full-index',
  '--no-color',
  '-U3',
  '--inter-hunk-context=0',
  '--src-prefix=a/',
  '--dst-prefix=b/',
]

/** How paths changed between two trees or commits, with renames found, in path order. */
export async function listChanges(scratch: Scratch, from: string, to: string): Promise<FileChange[]> {
  const stdout = await compare(scratch, ['--raw', '--numstat', '--no-abbrev', '-z'], from, to)
  return parseChanges(stdout).sort((a, b) => comparePaths(a.path, b.path))
}

/** The patch between two trees or commits, of some paths where they are given. The same bytes each time. */
export async function makePatch(
  scratch: Scratch,
  from: string,
  to: string,
  paths?: readonly string[],
): Promise<Buffer> {
  return compare(scratch, AS_PATCH, from, paths ? await takePaths(scratch, from, to, paths) : to)
}

/** One git process; others only to say which tree or commit is missing. */
async function compare(scratch: Scratch, as: readonly string[], from: string, to: string): Promise<Buffer> {
  const names = [checkName(scratch, from), checkName(scratch, to)]
  try {
    return (await scratch.git.run([...COMPARE, ...as, ...names], inScratch(scratch))).stdout
  } catch (cause) {
    for (const name of names) await treeOf(scratch, name)
    throw cause
  }
}

/** Reads `--raw --numstat -z`: all raw entries, then all counts; a rename has its two paths in fields of their own. */
function parseChanges(output: Buffer): FileChange[] {
  const fields = splitFields(output)
  const changes = new Map<string, FileChange>()
  let index = 0
  const next = () => pathFromBytes(fields[index++] ?? Buffer.alloc(0))
  while (index < fields.length) {
    const head = next()
    if (head.startsWith(':')) {
      const [oldMode = '', newMode = '', oldObject, newObject, status = ''] = head.slice(1).split(' ')
      const oldPath = status.startsWith('R') ? next() : null
      const path = next()
      const kind = kindOf(status, { isContentSame: oldObject === newObject, isModeSame: oldMode === newMode })
      changes.set(path, { path, oldPath, kind, oldMode, newMode, additions: 0, deletions: 0 })
      continue
    }
    const [added = '', deleted = '', ...rest] = head.split('\t')
    let path = rest.join('\t')
    if (path === '') {
      next()
      path = next()
    }
    const change = changes.get(path)
    if (!change) continue
    change.additions = added === '-' ? null : Number(added)
    change.deletions = deleted === '-' ? null : Number(deleted)
  }
  return [...changes.values()]
}

function kindOf(status: string, same: { isContentSame: boolean; isModeSame: boolean }): FileChange['kind'] {
  switch (status[0]) {
    case 'A':
      return 'added'
    case 'D':
      return 'deleted'
    case 'R':
      return 'renamed'
    case 'T':
      return 'type-changed'
    default:
      return same.isContentSame && !same.isModeSame ? 'mode-changed' : 'modified'
  }
}

/** The fields of output that ends each with a zero byte. */
export function splitFields(output: Buffer): Buffer[] {
  const fields: Buffer[] = []
  for (let start = 0, end = output.indexOf(0); end >= 0; start = end + 1, end = output.indexOf(0, start)) {
    fields.push(output.subarray(start, end))
  }
  return fields
}
