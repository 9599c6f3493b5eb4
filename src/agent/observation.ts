import type { Command } from '../sandbox/port.ts'

/** Longest observation that the model sees of one tool call, in characters; less where its window is small. */
export const OBSERVATION_LIMIT = 16_000

/** The longest observation for a window of so many tokens, in characters. */
export function observationLimit(windowTokens: number): number {
  return Math.min(OBSERVATION_LIMIT, Math.floor(windowTokens / 4))
}

/** Runs one command of a tool call: the n-th, counted from 0. */
export type RunCommand = (index: number, command: Command) => Promise<CommandResult>

/** A command's end, as far as tools need it. */
export interface CommandResult {
  exitCode: number
  isTimedOut: boolean
  output: string
  isText: boolean
  sizeBytes: number
  /** Processes that outlived the command and were ended with it. */
  leftRunning: readonly string[]
}

/** A command's output and how it ended. `kept` says where the whole output is, when it is somewhere. */
export function describeCommand(result: CommandResult, limit: number, kept: string | null = null): string {
  const left = result.leftRunning.length > 0 ? `; left running and stopped: ${result.leftRunning.join(', ')}` : ''
  const end = result.isTimedOut ? '[timed out; it was stopped]' : `[exit code ${result.exitCode}${left}]`
  const text = cutMiddle(result.output, { limit, sizeBytes: result.sizeBytes, kept })
  return text === '' ? end : `${text.endsWith('\n') ? text : `${text}\n`}${end}`
}

/** A text of at most so many characters: of a longer one head and tail, and between them how much is missing and where it is. */
export function cutMiddle(text: string, options: { limit: number; sizeBytes: number; kept: string | null }): string {
  const { limit, sizeBytes, kept } = options
  if (text.length <= limit) return text
  const half = Math.floor(limit / 2)
  // A cut through a character leaves no half of it.
  const [head, tail] = [text.slice(0, half).toWellFormed(), text.slice(-half).toWellFormed()]
  const missing = sizeBytes - Buffer.byteLength(head) - Buffer.byteLength(tail)
  return `${head}\n[… ${sizeBytes} bytes in all; ${missing} of them are left out here${kept ? `; ${kept}` : ''} …]\n${tail}`
}
