import type { Command } from '../sandbox/port.ts'
import type { CommandResult } from './observation.ts'
import { quote, quotePath } from './shellWord.ts'

const MOST_LINES = 100
const LONGEST_LINE = 300
const MOST_BYTES = 262_144
const WRONG_PATTERN = 3
const NO_PATH = 4
const BROKEN_PIPE = 141

/** What is looked for, and where. */
export interface Search {
  /** An extended regular expression. */
  pattern: string
  path?: string | undefined
  /** Only files with such a name. */
  glob?: string | undefined
}

/**
 * A command that prints the matching lines as `path:line:text`. Git looks through what it does not ignore; a path that it
 * ignores or that is outside, or a sandbox without git, is looked through by grep.
 */
export function searchCommand({ pattern, path = '.', glob }: Search, timeoutMs: number): Command {
  const [wanted, place] = [quote(pattern), quotePath(path)]
  const within = path.replace(/\/+$/, '')
  const tree = within === '.' ? '' : `${within.replaceAll(/[*?[\]\\]/g, '\\$&')}/`
  const whole = quote(`:(literal)${path}`)
  const named = glob === undefined ? whole : quote(`:(glob)${tree}**/${glob}`)
  const script = [
    `fault=$(printf '' | grep -E -e ${wanted} 2>&1); [ $? -lt 2 ] || { printf '%s\\n' "$fault"; exit ${WRONG_PATTERN}; }`,
    `[ -e ${place} ] || exit ${NO_PATH}`,
    `git check-ignore -q -- ${place} 2>/dev/null`,
    'if [ $? -eq 1 ]; then',
    `  files=${whole}; [ -d ${place} ] && files=${named}`,
    `  git --no-pager -c core.quotePath=false grep -nIE --no-column --no-color --untracked --exclude-standard -e ${wanted} -- "$files" | head -c ${MOST_BYTES}`,
    '  exit "${PIPESTATUS[0]}"',
    'fi',
    `grep -rsnIE --exclude-dir=.git ${glob === undefined ? '' : `--include=${quote(glob)} `}-e ${wanted} -- ${place} | LC_ALL=C sort -s -t: -k1,1 -k2,2n | head -c ${MOST_BYTES}`,
    'exit "${PIPESTATUS[0]}"',
  ].join('\n')
  return { script, timeoutMs }
}

/** What a search found, at most so many characters, with how much more there is. */
export function describeSearch(result: CommandResult, { path = '.', pattern }: Search, limit: number): string {
  const { exitCode, output, sizeBytes, isTimedOut } = result
  if (exitCode === WRONG_PATTERN) return `Nothing was searched: the pattern is wrong: ${output.trim()}`
  if (exitCode === NO_PATH) return `Nothing was searched: there is no ${path}.`
  const isWhole = sizeBytes < MOST_BYTES
  const lines = output.split('\n').slice(0, isWhole ? undefined : -1)
  if (lines.at(-1) === '') lines.pop()
  const isFailed = exitCode !== 0 && exitCode !== 1 && exitCode !== BROKEN_PIPE
  if (isTimedOut || (isFailed && lines.length === 0))
    return `The search failed [exit code ${exitCode}]: ${output.trim()}`
  if (lines.length === 0) return `No line in ${path} matches ${pattern}`
  const shown: string[] = []
  let room = limit - 100
  for (const line of lines.slice(0, MOST_LINES)) {
    const short = line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE).toWellFormed()}…` : line
    room -= short.length + 1
    if (room < 0) break
    shown.push(short)
  }
  const isMore = shown.length < lines.length || !isWhole
  const found = `${isWhole ? '' : 'more than '}${lines.length} matching ${lines.length === 1 ? 'line' : 'lines'}`
  return `${shown.join('\n')}\n[${isMore ? `the first ${shown.length} of ${found}; narrow the search for the others` : found}]`
}
