import { isTestPath } from '../domain/testPath.ts'
import { pathOf, type FilePatch } from './gitPatch.ts'
import { countAdded, coverHunks, createPools, wantedLines, type HunkState, type LinePool } from './linePool.ts'
import { matchSymbols } from './symbolMatch.ts'
import { changeLine, isLinewise } from './work.ts'

/** One change of the reference and whether the agent's patch has it. */
export interface UnitCoverage {
  path: string
  /** The line of the base where the change is; null for a change of a file as a whole. */
  line: number | null
  state: HunkState
}

/** How much of a reference patch another patch covers, tests of both left out. */
export interface Coverage {
  units: UnitCoverage[]
  /** Lines with content that the agent added and the reference did not. */
  extraLines: number
  referenceLines: number
  /** Files that only the agent's patch touches. */
  extraPaths: string[]
}

/** Compares two patches change by change: by lines without white space, comments and new symbols' names. */
export function coverageOf(referenceFiles: readonly FilePatch[], agentFiles: readonly FilePatch[]): Coverage {
  const reference = referenceFiles.filter((file) => !isTestPath(pathOf(file)))
  const agent = agentFiles.filter((file) => !isTestPath(pathOf(file)))
  const names = matchSymbols(reference, agent)
  const pools = createPools(agent)
  const units: UnitCoverage[] = []
  const settled = new Set<string>()
  let referenceLines = 0
  for (const file of reference) {
    const path = pathOf(file)
    const others = agent.filter((other) => pathOf(other) === path)
    const isSame = others.some((other) => isSameResult(file, other))
    if (isSame) settled.add(path)
    if (hasWholeChange(file))
      units.push({ path, line: null, state: coversWhole(file, others, agent) ? 'covered' : 'missing' })
    if (file.newPath === null || isWholeFile(file)) continue
    const wanted = file.hunks.map((hunk) => wantedLines(file, hunk, names))
    referenceLines += wanted.reduce((sum, hunk) => sum + hunk.added.length, 0)
    for (const [index, state] of coverHunks(poolFor(pools, file), wanted).entries()) {
      if (state === null) continue
      units.push({
        path,
        line: file.oldPath === null ? null : changeLine(file.hunks[index]!),
        state: isSame ? 'covered' : state,
      })
    }
  }
  const known = new Set(reference.flatMap((file) => [file.oldPath, file.newPath]))
  const open = new Set(agent.map(pathOf).filter((path) => !settled.has(path)))
  const extraLines = [...open].reduce((sum, path) => sum + countAdded(pools.get(path)!), 0)
  return { units, extraLines, referenceLines, extraPaths: agent.map(pathOf).filter((path) => !known.has(path)) }
}

/** The agent's lines of a file; what it removed of a file that moved may stand under the old path. */
function poolFor(pools: ReadonlyMap<string, LinePool>, file: FilePatch): LinePool {
  const own = pools.get(file.newPath ?? '')
  const old = file.isRename ? pools.get(file.oldPath ?? '') : undefined
  return { added: own?.added ?? new Map(), removed: (old ?? own)?.removed ?? new Map() }
}

function isSameResult(a: FilePatch, b: FilePatch): boolean {
  return a.newObject !== null && a.newObject === b.newObject && a.newMode === b.newMode && /[1-9a-f]/.test(a.newObject)
}

/** Whether a file is compared as a whole and not by lines. */
function isWholeFile(file: FilePatch): boolean {
  return file.isBinary || file.newMode === '120000'
}

/** Whether a file's change is more than lines: it comes without any, goes, moves, is binary, a link, or has another mode. */
function hasWholeChange(file: FilePatch): boolean {
  if (isLinewise(file)) return file.isRename || file.oldMode !== file.newMode
  return file.oldPath !== null || file.hunks.length === 0 || isWholeFile(file) || file.newMode === '100755'
}

function coversWhole(file: FilePatch, others: readonly FilePatch[], agent: readonly FilePatch[]): boolean {
  const isGone = agent.some((other) => other.oldPath === file.oldPath && other.newPath !== file.oldPath)
  if (file.newPath === null) return isGone
  if (isWholeFile(file)) return others.some((other) => isSameResult(file, other) || hasSameLines(file, other))
  const isThere = others.some((other) => other.newPath !== null && other.newMode === file.newMode)
  return file.isRename ? isThere && isGone : isThere
}

function hasSameLines(a: FilePatch, b: FilePatch): boolean {
  const added = (file: FilePatch) =>
    file.hunks.flatMap((hunk) => hunk.lines.filter((line) => line.mark === '+').map((line) => line.text))
  return a.hunks.length > 0 && a.newMode === b.newMode && added(a).join('').trimEnd() === added(b).join('').trimEnd()
}
