import type { FileChange } from '../formats/chain.ts'

/** Reads `git diff-tree --raw --numstat -z -M` into changes, in path order. */
export function readChanges(output: Buffer): FileChange[] {
  const parts = output.toString('utf8').split('\0')
  const changes = new Map<string, FileChange>()
  for (let at = 0; at < parts.length;) {
    const part = parts[at]!
    if (part === '') {
      at++
      continue
    }
    if (part.startsWith(':')) at = readRaw(at)
    else at = readNumbers(at)
  }
  return [...changes.values()].sort((a, b) => (a.path < b.path ? -1 : 1))

  function readRaw(at: number): number {
    const [oldMode = '', newMode = '', oldObject, newObject, status = ''] = parts[at]!.slice(1).split(' ')
    const isRenamed = status.startsWith('R')
    const path = parts[at + (isRenamed ? 2 : 1)]!
    const kind = kindOf(status[0]!, { isSameContent: oldObject === newObject, isSameMode: oldMode === newMode })
    changes.set(path, {
      path,
      oldPath: isRenamed ? parts[at + 1]! : null,
      kind,
      oldMode,
      newMode,
      additions: null,
      deletions: null,
    })
    return at + (isRenamed ? 3 : 2)
  }

  function readNumbers(at: number): number {
    const [added = '', deleted = '', name = ''] = parts[at]!.split('\t')
    const isRenamed = name === ''
    const change = changes.get(isRenamed ? parts[at + 2]! : name)
    if (change && added !== '-') Object.assign(change, { additions: Number(added), deletions: Number(deleted) })
    return at + (isRenamed ? 3 : 1)
  }
}

function kindOf(status: string, what: { isSameContent: boolean; isSameMode: boolean }): FileChange['kind'] {
  switch (status) {
    case 'A':
      return 'added'
    case 'D':
      return 'deleted'
    case 'R':
      return 'renamed'
    case 'T':
      return 'type-changed'
    default:
      return what.isSameContent && !what.isSameMode ? 'mode-changed' : 'modified'
  }
}
