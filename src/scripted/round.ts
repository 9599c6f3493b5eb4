import { makeMove, moveFor, type Bench, type Move, type Playing } from './bench.ts'
import { changeFile, pathsToRead } from './changing.ts'
import { readFeedback } from './feedback.ts'
import { pathOf, type FilePatch, type PatchLine } from './gitPatch.ts'
import { commentMarkOf } from './language.ts'
import { lookAt, searchFor } from './looking.ts'
import type { StagePart } from './settings.ts'
import { renameWords, wordsIn } from './symbols.ts'
import { playRebase } from './rebasing.ts'
import { quote, wrapBase64 } from './toolbox.ts'
import { newTexts, type Work } from './work.ts'

const NOTES_PATH = 'NOTES-scripted.md'

/** One round as the agent is to play it. */
export interface RoundPart {
  bench: Bench
  work: Work
  part: StagePart
  markerFile: string
  rollout: string
  stage: number
  round: number
  /** Whether the round reconciles earlier work with upstream's, before the stage's own rounds. */
  phase: 'rebase' | 'work'
  /** The user message that opened the round: from round 1 on, the feedback. */
  opening: string
  /** Whether the agent looks once more at what it had read, because it was left out of the conversation. */
  isAgain: boolean
  /** How many of the round's extra steps were taken before that. */
  extraStepsTaken: number
  /** Names that the agent gave other than the reference in earlier stages. */
  earlierNames: ReadonlyMap<string, string>
}

/** Plays a round from its first look to its submit, one move at a time. */
export function* playRound(round: RoundPart): Playing<void> {
  if (round.phase === 'rebase') return yield* playRebase(round)
  if (round.round === 0 && round.work.isIdle) return yield* submit(round)
  if (round.round === 0) yield* firstRound(round)
  else yield* laterRound(round)
  if (round.part.testCommand !== null) {
    yield* makeMove(round.bench, 'test', '', round.bench.toolbox.run(round.part.testCommand))
  }
  yield* submit(round)
}

/** The move that ends a round: a submit, or words alone where there is no tool for it. */
export function submitMove({ bench, stage, work }: RoundPart): Move {
  const count = work.files.length
  const use = bench.toolbox.submit(`Request ${stage + 1}: worked on ${count === 1 ? 'one file' : `${count} files`}.`)
  return moveFor(bench, 'submit', '', use ? [use] : [])
}

function* submit(round: RoundPart): Playing<void> {
  yield submitMove(round)
}

function* firstRound(round: RoundPart): Playing<void> {
  const { bench, work } = round
  const files = work.files.map((file) => file.reference)
  yield* lookAt(bench, pathsOf(files))
  if (!round.isAgain) yield* searchFor(bench, pathsOf(files))
  yield* takeExtraSteps(round)
  if (work.isUnrelated) return yield* doUnrelated(bench, files)
  for (const file of work.files) {
    if (!file.isPlayed) continue
    const hunks = file.hunks.map((lines) => lines && adoptNames(round, lines))
    yield* changeFile(bench, { reference: file.reference, hunks })
  }
}

/** A refinement: what is repaired is what the feedback names, and nothing else. */
function* laterRound(round: RoundPart): Playing<void> {
  const { bench, work, part } = round
  const files = work.files.map((file) => file.reference)
  const { loci, otherPaths } = readFeedback(round.opening, files)
  const isWilling = part.repair === 'on-feedback' && round.round > part.repairAfterRound
  const named = loci.map((locus) => locus.file)
  yield* lookAt(bench, pathsOf(named.length > 0 ? named : files))
  yield* takeExtraSteps(round)
  if (!isWilling || (loci.length === 0 && !otherPaths.includes(NOTES_PATH))) {
    yield* makeMove(bench, isWilling ? 'unclear' : 'stay', '', bench.toolbox.run('git status --short | head -n 40'))
    return
  }
  for (const { file, hunks } of loci) {
    const planned = work.files.find((one) => one.reference === file)!
    yield* changeFile(bench, {
      reference: file,
      hunks: file.hunks.map((hunk, index) => (hunks.has(index) ? adoptNames(round, hunk.lines) : null)),
      variants: (index) => variantsOf(round, file.hunks[index]!.lines, planned.hunks[index]),
    })
  }
  if (otherPaths.includes(NOTES_PATH))
    yield* makeMove(bench, 'move', NOTES_PATH, bench.toolbox.run(`rm -f -- ${NOTES_PATH}`))
}

/** What round 0 wrote in a hunk's place, where that was not the reference's own. */
function variantsOf(round: RoundPart, own: PatchLine[], planned: PatchLine[] | null | undefined): string[][] {
  return !planned || planned === own ? [] : [newTexts(adoptNames(round, planned))]
}

function pathsOf(files: readonly FilePatch[]): string[] {
  return [...new Set(files.flatMap(pathsToRead))]
}

function* takeExtraSteps(part: RoundPart): Playing<void> {
  const { bench, markerFile, rollout, stage, round, extraStepsTaken } = part
  const { extraSteps, extraOutputBytes } = part.part
  for (let step = extraStepsTaken; step < extraSteps; step++) {
    const marker = quote(`${rollout}.${stage}.${round}.${step}`)
    const output = extraOutputBytes === 0 ? '' : `; ${extraOutputOf(step, extraOutputBytes)}`
    const command = `echo ${marker} >> "${markerFile}"${output}`
    yield* makeMove(bench, 'extra', '', bench.toolbox.run(command))
  }
}

/** Prints so many bytes, in lines that tell the step. */
function extraOutputOf(step: number, bytes: number): string {
  return `yes 'line of extra step ${step}' | head -c ${bytes}`
}

function* doUnrelated(bench: Bench, files: readonly FilePatch[]): Playing<void> {
  yield* makeMove(
    bench,
    'write',
    NOTES_PATH,
    bench.toolbox.write(NOTES_PATH, '# Notes\n\nThoughts on the work to come.\n'),
  )
  for (const file of files) {
    const path = pathOf(file)
    const mark = commentMarkOf(path)
    const seen = bench.seen.get(path)
    if (!mark || seen?.kind !== 'text' || seen.lines.length === 0) continue
    const remark = `${mark} This file may need another look.\n`
    const isWhole = seen.lines.at(-1)!.endsWith('\n')
    const command = `${isWhole ? '' : `echo >> ${quote(path)}; `}base64 -d >> ${quote(path)} <<'END'\n${wrapBase64(Buffer.from(remark))}\nEND`
    yield* makeMove(bench, 'edit', path, bench.toolbox.run(command))
    return
  }
}

/** A hunk with the agent's own names of earlier stages, where the work tree has these and not the reference's. */
function adoptNames<T extends { text: string }>({ bench, earlierNames }: RoundPart, lines: readonly T[]): T[] {
  if (earlierNames.size === 0) return lines as T[]
  const words = new Set(
    [...bench.seen.values()].flatMap((seen) => (seen.kind === 'text' ? wordsIn(seen.lines.join('')) : [])),
  )
  const names = new Map([...earlierNames].filter(([theirs, own]) => words.has(own) && !words.has(theirs)))
  return lines.map((line) => ({ ...line, text: renameWords(line.text, names) }))
}
