import { makeMove, type Playing } from './bench.ts'
import { submitMove, type RoundPart } from './round.ts'
import { quote } from './toolbox.ts'

/** Which lines of a conflict the agent keeps: `u` upstream's, `y` its own, both in this order. */
const KEPT = { upstream: 'u', yours: 'y', both: 'uy' } as const

/** Decides every conflict of a file in place. Between its markers only: a line of `=` elsewhere is no marker. */
const DECIDE = [
  '$0 == "<<<<<<< upstream" { side = "u"; next }',
  'side != "" && index($0, "||||||| ") == 1 { side = "b"; next }',
  'side != "" && $0 == "=======" { side = "y"; next }',
  'side != "" && $0 == ">>>>>>> yours" { side = ""; next }',
  'side == "" || index(keep, side) > 0',
].join('\n')

/**
 * Plays a try of a rebase round: finds the files that hold conflict markers, reads the places, and decides them all one
 * way. The first try keeps what the settings say; a later one keeps upstream's, which is what lets the tests that
 * passed pass again.
 */
export function* playRebase(round: RoundPart): Playing<void> {
  const { bench, part } = round
  const { toolbox } = bench
  const side = round.round === 0 ? part.rebase : 'upstream'
  const found = yield* makeMove(
    bench,
    'survey',
    '',
    toolbox.run("grep -rlI --exclude-dir=.git '^<<<<<<< upstream$' . ; git status --short | head -n 40"),
  )
  if (side !== 'idle') {
    for (const path of pathsIn(found ?? '')) {
      const file = quote(path)
      const places = `grep -n -A 12 '^<<<<<<< upstream$' -- ${file} | head -n 120`
      yield* makeMove(bench, 'look', path, toolbox.run(places))
      const decide = `awk -v keep=${KEPT[side]} ${quote(DECIDE)} ${file} > "$HOME/decided" && cat "$HOME/decided" > ${file}`
      yield* makeMove(bench, 'edit', path, toolbox.run(decide))
    }
  }
  if (part.testCommand !== null) yield* makeMove(bench, 'test', '', toolbox.run(part.testCommand))
  yield submitMove(round)
}

function pathsIn(listing: string): string[] {
  return listing
    .split('\n')
    .filter((line) => line.startsWith('./'))
    .map((line) => line.slice(2))
}
