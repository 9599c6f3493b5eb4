import { isTestPath } from '../domain/testPath.ts'
import { pathOf, type FilePatch } from './gitPatch.ts'
import { isKeyword, normaliseLine, tokensOf } from './language.ts'
import { definedSymbols, renameWords } from './symbols.ts'
import { changeLine, isLinewise } from './work.ts'

const ENOUGH = 0.8

/** One change of the reference and whether the agent's patch has it. `altered`: it is there and says something else. */
export interface UnitCoverage {
  path: string
  /** The line of the base where the change is; null for a change of a file as a whole. */
  line: number | null
  state: 'covered' | 'missing' | 'altered'
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
  const pools = new Map<string, Pool>()
  for (const file of agent)
    for (const path of new Set([file.oldPath, file.newPath])) if (path) addToPool(pools, path, file)

  const units: UnitCoverage[] = []
  let referenceLines = 0
  for (const file of reference) {
    const path = pathOf(file)
    const others = agent.filter((other) => pathOf(other) === path)
    const isSame = others.some((other) => isSameResult(file, other))
    if (hasWholeChange(file))
      units.push({ path, line: null, state: coversWhole(file, others, agent) ? 'covered' : 'missing' })
    if (file.newPath === null || file.isBinary || file.newMode === '120000') continue
    const pool = poolOf(pools, file)
    for (const hunk of file.hunks) {
      const wanted = (mark: string) =>
        linesOf(
          path,
          hunk.lines.filter((line) => line.mark === mark).map((line) => line.text),
          names,
        )
      const added = wanted('+')
      const removed = wanted('-')
      referenceLines += added.length
      const state = coverLines(pool, added, removed)
      if (state !== null)
        units.push({ path, line: file.oldPath === null ? null : changeLine(hunk), state: isSame ? 'covered' : state })
    }
  }
  const known = new Set(reference.flatMap((file) => [file.oldPath, file.newPath]))
  const ownPools = new Set(agent.map((file) => pools.get(pathOf(file))!))
  const extraLines = [...ownPools].reduce((sum, pool) => sum + sizeOf(pool.added), 0)
  const extraPaths = agent.map(pathOf).filter((path) => !known.has(path))
  return { units, extraLines, referenceLines, extraPaths }
}

/** Lines of one file, each with how often it is still to be had. */
interface Pool {
  added: Map<string, number>
  removed: Map<string, number>
}

function addToPool(pools: Map<string, Pool>, path: string, file: FilePatch): void {
  const pool = pools.get(path) ?? { added: new Map(), removed: new Map() }
  pools.set(path, pool)
  for (const { mark, text } of file.hunks.flatMap((hunk) => hunk.lines)) {
    if (mark === ' ') continue
    const line = comparable(path, text)
    const lines = mark === '+' ? pool.added : pool.removed
    if (line !== '') lines.set(line, (lines.get(line) ?? 0) + 1)
  }
}

/** The agent's lines of a file under either of its paths. */
function poolOf(pools: Map<string, Pool>, file: FilePatch): Pool {
  const own = pools.get(file.newPath ?? '')
  const old = file.isRename ? pools.get(file.oldPath ?? '') : undefined
  return { added: own?.added ?? new Map(), removed: (old ?? own)?.removed ?? new Map() }
}

function linesOf(path: string, texts: readonly string[], names: ReadonlyMap<string, string>): string[] {
  return texts.map((text) => comparable(path, text, names)).filter((line) => line !== '')
}

/** A line as it is compared: tokens without white space and comments; empty where nothing of weight is left. */
function comparable(path: string, text: string, names?: ReadonlyMap<string, string>): string {
  const line = normaliseLine(path, text)
  if (!/[A-Za-z\d]/.test(line)) return ''
  return tokensOf(names ? renameWords(line, names) : line).join(' ')
}

/** Takes a hunk's lines from the pool; null for a hunk without a line of weight. */
function coverLines(pool: Pool, added: readonly string[], removed: readonly string[]): UnitCoverage['state'] | null {
  if (added.length + removed.length === 0) return null
  const missing = added.filter((line) => !takeLine(pool.added, line))
  const kept = removed.filter((line) => !takeLine(pool.removed, line))
  const left = new Set([...pool.added.keys()].map(skeletonOf))
  if (missing.some((line) => /[A-Za-z]/.test(skeletonOf(line)) && left.has(skeletonOf(line)))) return 'altered'
  const isEnough = (all: readonly string[], open: readonly string[]) =>
    all.length === 0 || 1 - open.length / all.length >= ENOUGH
  return isEnough(added, missing) && isEnough(removed, kept) ? 'covered' : 'missing'
}

function takeLine(lines: Map<string, number>, line: string): boolean {
  const count = lines.get(line) ?? 0
  if (count === 0) return false
  if (count === 1) lines.delete(line)
  else lines.set(line, count - 1)
  return true
}

/** A line without what a wrong condition or constant changes. */
function skeletonOf(line: string): string {
  return tokensOf(line)
    .filter((token) => /^[A-Za-z_$]/.test(token) && !/^(not|and|or|is|in|true|false|True|False)$/.test(token))
    .join(' ')
}

function sizeOf(lines: ReadonlyMap<string, number>): number {
  return [...lines.values()].reduce((sum, count) => sum + count, 0)
}

function isSameResult(a: FilePatch, b: FilePatch): boolean {
  return (
    a.newObject !== null &&
    a.newObject === b.newObject &&
    (a.newMode ?? '') === (b.newMode ?? '') &&
    /[1-9a-f]/.test(a.newObject)
  )
}

/** Whether a file's change is more than lines: it comes, goes, moves, is binary, a link, or has another mode. */
function hasWholeChange(file: FilePatch): boolean {
  return !isLinewise(file)
    ? file.oldPath === null
      ? isEmptyOrSpecial(file)
      : true
    : file.isRename || file.oldMode !== file.newMode
}

/** A new file with lines is compared by them. */
function isEmptyOrSpecial(file: FilePatch): boolean {
  return file.hunks.length === 0 || file.isBinary || file.newMode === '120000' || file.newMode === '100755'
}

function coversWhole(file: FilePatch, others: readonly FilePatch[], agent: readonly FilePatch[]): boolean {
  if (file.newPath === null)
    return agent.some((other) => other.oldPath === file.oldPath && other.newPath !== file.oldPath)
  const isThere = others.some((other) => other.newPath !== null && (other.newMode ?? file.newMode) === file.newMode)
  if (file.isBinary || file.newMode === '120000') {
    return others.some((other) => isSameResult(file, other) || (file.hunks.length > 0 && hasSameAdded(file, other)))
  }
  if (!file.isRename) return isThere
  return isThere && agent.some((other) => other.oldPath === file.oldPath && other.newPath !== file.oldPath)
}

function hasSameAdded(a: FilePatch, b: FilePatch): boolean {
  const added = (file: FilePatch) =>
    file.hunks.flatMap((hunk) => hunk.lines.filter((line) => line.mark === '+').map((line) => line.text))
  return added(a).join('').trimEnd() === added(b).join('').trimEnd()
}

/**
 * Which of the agent's new symbols stands for which of the reference's: the same name where both have it, else the one
 * that stands most often in its place in lines that are the same but for new symbols.
 */
function matchSymbols(reference: readonly FilePatch[], agent: readonly FilePatch[]): Map<string, string> {
  const theirs = definedSymbols(reference)
  const own = definedSymbols(agent)
  const onlyTheirs = new Set([...theirs].filter((name) => !own.has(name)))
  const onlyOwn = new Set([...own].filter((name) => !theirs.has(name)))
  if (onlyTheirs.size === 0 || onlyOwn.size === 0) return new Map()

  const shapes = new Map<string, string[][]>()
  forEachAdded(agent, (path, tokens) => {
    const shape = shapeOf(path, tokens, onlyOwn)
    if (shape) shapes.set(shape.key, [...(shapes.get(shape.key) ?? []), shape.names])
  })
  const votes = new Map<string, number>()
  forEachAdded(reference, (path, tokens) => {
    const shape = shapeOf(path, tokens, onlyTheirs)
    for (const names of (shape && shapes.get(shape.key)) ?? []) {
      for (const [index, name] of shape!.names.entries()) {
        const pair = `${name} ${names[index]}`
        votes.set(pair, (votes.get(pair) ?? 0) + 1)
      }
    }
  })
  const matched = new Map<string, string>()
  const taken = new Set<string>()
  for (const [pair] of [...votes].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))) {
    const [name, other] = pair.split(' ') as [string, string]
    if (matched.has(name) || taken.has(other)) continue
    matched.set(name, other)
    taken.add(other)
  }
  return matched
}

function forEachAdded(files: readonly FilePatch[], visit: (path: string, tokens: string[]) => void): void {
  for (const file of files) {
    const path = pathOf(file)
    for (const { mark, text } of file.hunks.flatMap((hunk) => hunk.lines)) {
      if (mark === '+') visit(path, tokensOf(normaliseLine(path, text)))
    }
  }
}

/** A line with its new symbols left open, and these in order; null where it has none. */
function shapeOf(
  path: string,
  tokens: readonly string[],
  symbols: ReadonlySet<string>,
): { key: string; names: string[] } | null {
  const names = tokens.filter((token) => symbols.has(token) && !isKeyword(token))
  if (names.length === 0) return null
  return { key: `${path} ${tokens.map((token) => (symbols.has(token) ? '§' : token)).join(' ')}`, names }
}
