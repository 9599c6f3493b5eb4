import { applyHunks, type Hunk, type HumanFile } from './humanPatch.ts'

/** What a degraded patch does to a path of H(t−1): another text in its place, or the path as it was at B(t−1). */
export type Edit = { kind: 'write'; path: string; text: string } | { kind: 'as-before'; path: string }

/** What a degradation may ask: chance, and which names the repository had before the patch. */
export interface Surroundings {
  /** A number from 0 to below `bound`; the same each time for one pair and degradation. */
  pick: (bound: number) => number
  /** Whether the repository had a word at B(t−1). */
  isKnown: (word: string) => boolean
}

/** One stated way in which an agent's work differs from the humans'. */
export interface Degradation {
  name: string
  /** False: the agent's test files stay; carry-over would take them from upstream. */
  takesUpstreamTests: boolean
  /** The edits that make A(t−1) of H(t−1); null where the way does not fit the patch. */
  degrade: (files: readonly HumanFile[], surroundings: Surroundings) => Edit[] | null
}

/** The stated ways, the mildest first. Only test files are touched by those that say so. */
export const DEGRADATIONS: readonly Degradation[] = [
  way('identical', () => []),
  way('extra helper file added', (files) => {
    const [beside] = files.filter(({ isSource, after }) => isSource && after !== null)
    if (!beside) return null
    const [, folder = '', ending = ''] = /^(.*\/)?[^/]*?(\.\w+)?$/.exec(beside.path) ?? []
    const path = `${folder}carried_over_helper${ending}`
    return [{ kind: 'write', path, text: commented(beside.path, '', 'a helper of the agent’s own') + '\n' }]
  }),
  way('one hunk missing', (files, { pick }) => {
    const hunks = ownHunks(files)
    return hunks.length < 2 ? null : without(files, new Set([hunks[pick(hunks.length)]!]))
  }),
  way('every new name renamed', (files, { isKnown }) => {
    const names = newNames(files).filter((name) => !isKnown(name))
    if (names.length === 0) return null
    const pattern = new RegExp(String.raw`\b(?:${names.join('|')})\b`, 'g')
    return rewrite(files, (text) => text.replace(pattern, (name) => `${name}_renamed`))
  }),
  way('every hunk worded differently', (files) => reword(files, 'first')),
  way('every added line worded differently', (files) => reword(files, 'all')),
  way('one source file left untouched', (files, { pick }) => {
    const sources = files.filter(({ isSource }) => isSource)
    return sources.length < 2 ? null : [asBefore(sources[pick(sources.length)]!)].flat()
  }),
  way('half of the hunks missing', (files, { pick }) => {
    const hunks = ownHunks(files)
    const first = pick(2)
    return hunks.length < 2 ? null : without(files, new Set(hunks.filter((_, index) => index % 2 === first)))
  }),
  way('no tests written', noTests),
  { ...way('no tests written, and none taken from upstream', noTests), takesUpstreamTests: false },
  way('nothing done', (files) => files.flatMap(asBefore)),
]

/** The names that a patch defines outside tests and that no changed file had: functions, types, constants, variables. */
export function newNames(files: readonly HumanFile[]): string[] {
  const names = new Set<string>()
  for (const line of own(files).flatMap(({ hunks }) => hunks.flatMap(({ lines }) => lines))) {
    if (line[0] !== '+') continue
    for (const [, keyword, variable] of line.slice(1).matchAll(DEFINITION)) names.add((keyword ?? variable)!)
  }
  const old = new Set(files.flatMap(({ before }) => before?.match(/\w+/g) ?? []))
  return [...names].filter((name) => name.length > 2 && !/^__\w+__$/.test(name) && !old.has(name)).sort()
}

const DEFINITION =
  /\b(?:def|class|fn|func|function|struct|enum|trait|interface|type|const|static|let(?: mut)?|var|mod|macro_rules!) +([A-Za-z_]\w*)|^\s*(?:[\w*]+ +)?([A-Za-z_]\w*)(?:: [\w[\], .|]+)? = /g

function way(name: string, degrade: Degradation['degrade']): Degradation {
  return { name, takesUpstreamTests: true, degrade }
}

function noTests(files: readonly HumanFile[]): Edit[] | null {
  const tests = files.filter(({ isTest }) => isTest)
  return tests.length === 0 ? null : tests.flatMap(asBefore)
}

/** The humans' files that are no tests: what an agent is asked for. */
function own(files: readonly HumanFile[]): HumanFile[] {
  return files.filter(({ isTest }) => !isTest)
}

function ownHunks(files: readonly HumanFile[]): Hunk[] {
  return own(files).flatMap(({ hunks }) => hunks)
}

function asBefore({ path, oldPath }: HumanFile): Edit[] {
  return [path, ...(oldPath === null ? [] : [oldPath])].map((path) => ({ kind: 'as-before', path }))
}

/** All but some hunks. A file that the patch adds or deletes is one hunk, and is as it was without it. */
function without(files: readonly HumanFile[], left: ReadonlySet<Hunk>): Edit[] {
  return own(files).flatMap((file): Edit[] => {
    const { path, before, after, hunks } = file
    const kept = hunks.filter((hunk) => !left.has(hunk))
    if (kept.length === hunks.length) return []
    if (before === null || after === null) return asBefore(file)
    return [{ kind: 'write', path, text: applyHunks(before, kept) }]
  })
}

function rewrite(files: readonly HumanFile[], change: (text: string) => string): Edit[] {
  return own(files).flatMap(({ path, after, hunks }): Edit[] => {
    const text = after === null || hunks.length === 0 ? after : change(after)
    return text === null || text === after ? [] : [{ kind: 'write', path, text }]
  })
}

/** Added lines with a comment behind them: the first of each hunk, or all. What only deletes can be done one way alone. */
function reword(files: readonly HumanFile[], which: 'first' | 'all'): Edit[] | null {
  const edits = own(files).flatMap(({ path, before, after, hunks }): Edit[] => {
    if (after === null || hunks.length === 0 || commented(path, '', '') === '') return []
    const worded = hunks.map(({ start, lines }) => {
      let isDone = false
      const changed = lines.map((line) => {
        const canChange = line[0] === '+' && line.length > 1 && /\S/.test(line.slice(1)) && !/\\\s*$/.test(line)
        if (!canChange || (isDone && which === 'first')) return line
        isDone = true
        const [, words = '', end = ''] = /^([^\r\n]*)([\r\n]*)$/.exec(line) ?? []
        return commented(path, words, 'in other words') + end
      })
      return { start, lines: changed }
    })
    const text = applyHunks(before ?? '', worded)
    return text === after ? [] : [{ kind: 'write', path, text }]
  })
  return edits.length === 0 ? null : edits
}

const COMMENTS: readonly (readonly [RegExp, string])[] = [
  [/\.(?:py|pyi|pyx|pxd|rb|sh|toml|ya?ml|cfg|ini|build|jl|r)$/i, ' # '],
  [/\.(?:rs|c|h|cc|cpp|cxx|hpp|hh|js|mjs|cjs|jsx|ts|tsx|java|go|kt|swift|cs|scala|src)$/i, ' // '],
  [/\.(?:md|rst|txt)$/i, ' '],
]

/** A line with a remark behind it; nothing in a kind of file where that could not stand. */
function commented(path: string, line: string, remark: string): string {
  const mark = COMMENTS.find(([ending]) => ending.test(path))?.[1]
  return mark === undefined ? '' : `${line}${mark}${Buffer.from(remark).toString('latin1')}`
}
