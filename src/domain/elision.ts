import type { Message } from '../formats/chat.ts'
import type { LeftOut } from '../formats/record.ts'
import { bytesOf } from './tokens.ts'

/** Nearer to the window than this share of it, a conversation is made shorter. */
const NEAR = 4 / 5
/** How short it is made, so that many calls can then go on from one another. */
const GOAL = 1 / 2
/** With more than this left after observations were left out, steps are left out too. */
const CROWDED = 3 / 5
/** The last steps, which are kept as they are; where all else does not help, the last one alone. */
const KEPT_STEPS = 5
/** An observation that is not longer stays: its note would save nothing. */
const SHORT_CHARACTERS = 400

/** A message as it stands in a request. */
export interface Sent {
  message: Message
  /** `frame`: the system's message and those that open a round, which always stay. `note`: it stands for what was left out. */
  part: 'frame' | 'step' | 'note'
  /** The steps that it stands for: 1 for an assistant's message, more for the note in the place of some. */
  steps: number
}

/**
 * What to leave out of a conversation so that it fits a model's window: nothing while it is at most 4/5 of that. Then, oldest
 * first, until it is half of it: long observations, each for a note; where more than 3/5 is left, whole steps, each run of
 * them for a note. The last five steps stay, and where the rest does not help, the last one. Messages from `shown` on,
 * which the model has not been sent yet, stay too. A function of its input alone.
 */
export function planElision(options: {
  sent: readonly Sent[]
  shown: number
  windowTokens: number
  /** The tokens of the request when its messages have so many bytes. */
  tokensOf: (bytes: number) => number
}): LeftOut[] {
  const { sent, shown, windowTokens, tokensOf } = options
  let bytes = sent.reduce((sum, { message }) => sum + bytesOf(message), 0)
  const isOver = (share: number) => tokensOf(bytes) > share * windowTokens
  if (!isOver(NEAR)) return []
  const notes = new Map<number, LeftOut>()
  const runs: LeftOut[] = []
  leaveOutObservations(KEPT_STEPS, GOAL)
  if (isOver(CROWDED)) leaveOutSteps()
  if (isOver(NEAR)) leaveOutObservations(1, GOAL)
  return [...notes.values(), ...runs].sort((a, b) => a.from - b.from)

  function leaveOutObservations(kept: number, goal: number): void {
    const end = Math.min(shown, startOfLast(sent, kept))
    for (let at = 0; at < end && isOver(goal); at++) {
      const { message, part } = sent[at]!
      if (message.role !== 'tool' || part !== 'step' || message.content.length <= SHORT_CHARACTERS) continue
      if (notes.has(at) || runs.some(({ from, to }) => at >= from && at < to)) continue
      const note = { from: at, to: at + 1, note: describeObservation(message.content) }
      notes.set(at, note)
      bytes += bytesOf(noteFor(sent[at]!, note.note)) - bytesOf(message)
    }
  }

  function leaveOutSteps(): void {
    const end = Math.min(shown, startOfLast(sent, KEPT_STEPS))
    let at = 0
    while (at < end && isOver(GOAL)) {
      if (sent[at]!.part === 'frame') at++
      else {
        const from = at
        while (at < end && sent[at]!.part !== 'frame' && (isOver(GOAL) || !beginsStep(sent[at]!))) drop(at++)
        if (at - from > 1) addRun(from, at)
        else bytes += bytesOf(sent[from]!.message)
      }
    }
  }

  function drop(at: number): void {
    const note = notes.get(at)
    const { message } = sent[at]!
    bytes -= bytesOf(note ? noteFor(sent[at]!, note.note) : message)
    notes.delete(at)
  }

  function addRun(from: number, to: number): void {
    const steps = countSteps(sent.slice(from, to))
    const note = `[${steps === 1 ? 'One step was' : `${steps} steps were`} left out here to make room.]`
    runs.push({ from, to, note })
    bytes += bytesOf({ role: 'user', content: note })
  }
}

/** A request's messages with what was left out replaced: an observation by its note, a run of steps by a user's message. */
export function leaveOut<T extends Sent>(sent: readonly T[], leftOut: readonly LeftOut[]): T[] {
  const kept: T[] = []
  let at = 0
  for (const { from, to, note } of leftOut) {
    const first = sent[from]!
    kept.push(...sent.slice(at, from))
    kept.push({ ...first, message: noteFor(first, note), part: 'note', steps: countSteps(sent.slice(from, to)) })
    at = to
  }
  return [...kept, ...sent.slice(at)]
}

/** How many messages are there when of so many some were left out. */
export function countLeft(count: number, leftOut: readonly LeftOut[]): number {
  return leftOut.reduce((left, { from, to }) => left - (to - from - 1), count)
}

/** An observation keeps its place and call; whatever else is left out is told by a user's message. */
export function noteFor({ message }: { message: Message }, note: string): Message {
  return message.role === 'tool' ? { ...message, content: note } : { role: 'user', content: note }
}

function describeObservation(content: string): string {
  const lines = content.split('\n').length
  const first = content.trimStart().split('\n', 1)[0]!.slice(0, 60).toWellFormed()
  return `[Left out to make room: ${content.length} characters in ${lines === 1 ? 'one line' : `${lines} lines`}, beginning: ${first}]`
}

function countSteps(sent: readonly Sent[]): number {
  return sent.reduce((sum, { steps }) => sum + steps, 0)
}

function beginsStep({ steps }: Sent): boolean {
  return steps > 0
}

/** Where the last so many steps begin; 0 when there are not more. */
function startOfLast(sent: readonly Sent[], count: number): number {
  let left = count
  for (let at = sent.length - 1; at >= 0; at--) {
    if (sent[at]!.message.role === 'assistant' && --left === 0) return at
  }
  return 0
}
