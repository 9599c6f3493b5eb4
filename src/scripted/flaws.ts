import type { FilePatch, PatchLine } from './gitPatch.ts'
import { pathOf } from './gitPatch.ts'
import { commentMarkOf } from './language.ts'
import { drawOne, drawShare } from './seed.ts'
import type { Flaw } from './settings.ts'
import { definedSymbols, renameWords } from './symbols.ts'
import { planWhole, unitsOf, type Unit, type Work } from './work.ts'
import { alterLine } from './wrongCondition.ts'
import { varyWork } from './variation.ts'

/** Where a draw is made: the same place gives the same flaw. */
export interface FlawPlace {
  seed: number
  chain: string
  /** The rollout's number within its campaign: two campaigns with the same seed play alike. */
  n: string
  stage: number
}

/** The flaws that a rollout has of those that a stage may have. */
export function drawFlaws(flaws: readonly Flaw[], place: FlawPlace): Flaw[] {
  return flaws.filter((flaw, index) => {
    return flaw.share >= 1 || drawShare(place.seed, 'share', place.chain, place.n, place.stage, index) < flaw.share
  })
}

/** The work of round 0: the reference patch with the flaws in it, in the order they are given. */
export function planWork(files: readonly FilePatch[], flaws: readonly Flaw[], place: FlawPlace): Work {
  return flaws.reduce((work, flaw) => addFlaw(work, flaw, place), planWhole(files))
}

function addFlaw(work: Work, flaw: Flaw, place: FlawPlace): Work {
  switch (flaw.kind) {
    case 'missing-hunk':
      return leaveOutOne(work, flaw, place)
    case 'half':
      return leaveOutHalf(work)
    case 'wrong-condition':
      return alterOne(work, flaw, place)
    case 'renamed':
      return renameSymbols(work, place)
    case 'equivalent':
      return varyWork(work)
    case 'unrelated':
      return { ...work, files: work.files.map((file) => ({ ...file, isPlayed: false })), isUnrelated: true }
    case 'nothing':
      return { ...work, isIdle: true }
    case 'no-tool-call':
    case 'bad-arguments':
      return work
    default:
      return flaw.kind satisfies never
  }
}

function leaveOutOne(work: Work, flaw: Flaw, place: FlawPlace): Work {
  const units = unitsOf(work)
  if (units.length <= 1) return leaveOutHalf(work)
  const unit =
    flaw.hunk === undefined
      ? drawOne(units, place.seed, 'missing-hunk', place.chain, place.n, place.stage)
      : units[flaw.hunk % units.length]!
  return leaveOut(work, [unit])
}

/** Leaves out the later half of the changes; of a single one, the later half of its lines. */
function leaveOutHalf(work: Work): Work {
  const units = unitsOf(work)
  if (units.length > 1) return leaveOut(work, units.slice(Math.ceil(units.length / 2)))
  return {
    ...work,
    files: work.files.map((file) => ({ ...file, hunks: file.hunks.map((lines) => lines && keepFirstHalf(lines)) })),
  }
}

function leaveOut(work: Work, units: readonly Unit[]): Work {
  return {
    ...work,
    files: work.files.map((file) => {
      const own = units.filter((unit) => unit.file === file)
      if (own.some((unit) => unit.hunk === null)) return { ...file, isPlayed: false }
      return {
        ...file,
        hunks: file.hunks.map((lines, hunk) => (own.some((unit) => unit.hunk === hunk) ? null : lines)),
      }
    }),
  }
}

function keepFirstHalf(lines: readonly PatchLine[]): PatchLine[] | null {
  const left = Math.floor(lines.filter((line) => line.mark !== ' ').length / 2)
  if (left === 0) return null
  let kept = 0
  return lines.flatMap((line): PatchLine[] => {
    if (line.mark === ' ' || kept++ < left) return [line]
    return line.mark === '-' ? [{ mark: ' ', text: line.text }] : []
  })
}

/** Alters one condition or constant in an added line; where there is none, leaves a change out instead. */
function alterOne(work: Work, flaw: Flaw, place: FlawPlace): Work {
  const candidates = work.files.flatMap((file) => {
    const path = pathOf(file.reference)
    if (!commentMarkOf(path) || !file.isPlayed) return []
    return file.hunks.flatMap((lines, hunk) =>
      (lines ?? []).flatMap((line, index) => {
        const altered = line.mark === '+' ? alterLine(path, line.text) : null
        return altered ? [{ file, hunk, index, ...altered }] : []
      }),
    )
  })
  if (candidates.length === 0) return leaveOutOne(work, flaw, place)
  const asked = unitsOf(work)[flaw.hunk ?? -1]
  const inAsked = candidates.filter(
    (one) => asked && one.file === asked.file && (asked.hunk === null || one.hunk === asked.hunk),
  )
  const open = inAsked.length > 0 ? inAsked : candidates
  const best = Math.min(...open.map((one) => one.rank))
  const chosen = drawOne(
    open.filter((one) => one.rank === best),
    place.seed,
    'wrong-condition',
    place.chain,
    place.n,
    place.stage,
  )
  const replace = (lines: PatchLine[] | null, hunk: number) =>
    hunk === chosen.hunk
      ? lines!.map((line, index) => (index === chosen.index ? { ...line, text: chosen.text } : line))
      : lines
  return {
    ...work,
    files: work.files.map((file) => (file === chosen.file ? { ...file, hunks: file.hunks.map(replace) } : file)),
  }
}

/** Gives the symbols that the patch introduces other names, everywhere in it the same. */
function renameSymbols(work: Work, place: FlawPlace): Work {
  const symbols = definedSymbols(work.files.map((file) => file.reference))
  const names = new Map([...symbols].filter((name) => name.length > 2).map((name) => [name, otherName(name, place)]))
  return {
    ...work,
    names,
    files: work.files.map((file) => {
      const rename = (line: PatchLine) => (line.mark === '+' ? { ...line, text: renameWords(line.text, names) } : line)
      return { ...file, hunks: file.hunks.map((lines) => lines && lines.map(rename)) }
    }),
  }
}

function otherName(name: string, place: FlawPlace): string {
  const draw = (choices: readonly string[]) =>
    drawOne(choices, place.seed, 'renamed', place.chain, place.n, place.stage, name)
  if (/^[A-Z][A-Z\d_]*$/.test(name)) return `${name}_${draw(['SETTING', 'CHOICE', 'ENTRY'])}`
  if (name.includes('_')) return `${name}_${draw(['own', 'item', 'entry'])}`
  return `${name}${draw(['Own', 'Item', 'Entry'])}`
}
