import type { Matter } from './phrases.ts'
import type { Toolbox, ToolUse } from './toolbox.ts'

/** One message of the agent: what it is about, its place among the round's moves, and its tool calls. */
export interface Move {
  matter: Matter
  path: string
  index: number
  uses: ToolUse[]
}

/** A part of the agent's play: it asks for moves and is given the observations of each move's tool calls. */
export type Playing<T> = Generator<Move, T, readonly string[]>

/** A file as the agent knows it. `bytes`: not UTF-8 text, or too large to be read whole. */
export type Seen = { kind: 'absent' } | { kind: 'text'; lines: string[] } | { kind: 'bytes'; sizeBytes: number }

/** What the agent works with in one round. */
export interface Bench {
  toolbox: Toolbox
  isParallel: boolean
  /** How many moves were made in the round. */
  moves: number
  seen: Map<string, Seen>
}

/** The observation of one tool call; null when the tools that it takes are not there. */
export function* makeMove(bench: Bench, matter: Matter, path: string, use: ToolUse | null): Playing<string | null> {
  if (use === null) return null
  const [observation = ''] = yield moveFor(bench, matter, path, [use])
  return observation
}

/** The next move of the round. */
export function moveFor(bench: Bench, matter: Matter, path: string, uses: ToolUse[]): Move {
  return { matter, path, index: bench.moves++, uses }
}

/** Whether an observation says that the tool call did not do what it should. */
export function isFailure(observation: string): boolean {
  return (
    /^(Nothing was changed|The arguments of "|There is no tool "|Not run: |Failed to edit|File not found)/.test(
      observation,
    ) ||
    /^File .* has (not been (fully )?read in this session|been modified since)/.test(observation) ||
    /\[exit code -?[1-9]\d*\]$|^\[timed out/m.test(observation.slice(-200)) ||
    /cannot be edited: [^\n]*$/.test(observation)
  )
}
