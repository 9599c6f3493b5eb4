import { createHash } from 'node:crypto'
import { OUTPUT_LIMIT_BYTES, type Command, type CommandOutcome } from './port.ts'

/** The programs that the runner and the providers need where commands run. */
export const REQUIRED_PROGRAMS = [
  ...['bash', 'env', 'setsid', 'flock', 'timeout', 'mv', 'mkdir', 'rm', 'head', 'tail', 'cat', 'stat', 'date'],
  ...['chmod', 'tar'],
] as const

/** How long a command that was told to end at its timeout has before it is killed, in seconds. */
const GRACE_SECONDS = 2
/** The largest file that a command may write, in blocks of 512 bytes: 256 MiB, so that no output fills the disk. */
const FILE_LIMIT_BLOCKS = 524_288

/**
 * Starts the command of a key or attaches to it, waits, and prints its answer. Holds the exclusive lock of the job's
 * folder while it decides; the supervisor inherits that lock and keeps it until the answer stands. So whoever gets
 * the lock sees one of three: no `pid` (nothing ran: start), an `answer` (print it), or a `pid` without an answer
 * (the supervisor was killed: lost). Killed at any moment, it leaves one of the three.
 */
const RUNNER = `
umask 077
supervisor=$1 leader=$2 jobs=$3 key=$4 limit=$5
shift 5
job=$jobs/$key
read -r commandBytes stdinBytes || exit 3
if [ -d "$job" ]; then
  head -c $((commandBytes + stdinBytes)) > /dev/null
else
  new=$jobs/.$key.$$
  [ -d "$jobs" ] || mkdir "$jobs"
  rm -rf "$new"
  mkdir "$new" && head -c "$commandBytes" > "$new/command" && head -c "$stdinBytes" > "$new/stdin" || exit 3
  if [ "$(stat -c %s "$new/command") $(stat -c %s "$new/stdin")" != "$commandBytes $stdinBytes" ]; then
    rm -rf "$new"
    exit 3
  fi
  chmod 644 "$new/command" "$new/stdin"
  mv -T "$new" "$job" 2>/dev/null || rm -rf "$new"
fi
cd "$job" || exit 3
exec 9>>lock
flock 9 || exit 3
if [ ! -e answer ] && [ ! -e pid ]; then
  setsid sh -c "$supervisor" prchain "$leader" "$limit" "$@" </dev/null >/dev/null 2>&1 &
  exec 9>&-
  exec 9>>lock
  flock 9 || exit 3
fi
if [ ! -e answer ]; then
  [ -e pid ] || exit 3
  echo lost
  exit 0
fi
exec cat answer
`

/**
 * Runs the command, kills what is left of its session after a timeout, and writes the answer. Reads the clock from
 * /proc/uptime and kills by builtins alone, because a command that used up all processes leaves none to fork.
 * What still runs in the background may go on writing to `output`, so the answer holds its own copy.
 */
const SUPERVISOR = `
leader=$1 limit=$2 timeoutMs=$3
shift 3
: > output && chmod 666 output || exit 3
startedMs=$(date +%s%3N) || exit 3
read -r uptime idle < /proc/uptime
before=\${uptime%.*}\${uptime#*.}
setsid sh -c "$leader" prchain "$@" 3<command <stdin >>output 2>&1 9>&- &
session=$!
wait "$session"
code=$?
read -r uptime idle < /proc/uptime
after=\${uptime%.*}\${uptime#*.}
timedOut=0
if [ "$code" = 124 ] || [ "$code" = 137 ]; then
  [ $(((after - before) * 10 + 10)) -ge "$timeoutMs" ] && timedOut=1
fi
found=$timedOut
while [ "$found" = 1 ]; do
  found=0
  for file in /proc/[0-9]*/stat; do
    read -r line < "$file" || continue
    set -- \${line##*) }
    [ "$4" = "$session" ] && [ "$1" != Z ] && kill -KILL "\${line%% *}" && found=1
  done
done
finishedMs=$(date +%s%3N)
size=$(stat -c %s output)
half=$((limit / 2))
if [ "$size" -le "$limit" ]; then
  head -c "$size" output
else
  head -c "$half" output
  tail -c +$((size - half + 1)) output | head -c "$half"
fi > kept || exit 3
{ echo "$code $timedOut $size $(stat -c %s kept) $startedMs $finishedMs"; cat kept; } > answer.new || exit 3
mv -T answer.new answer
rm -f output stdin kept
`

/** Leads the command's session. Its process id, written before anything of the command runs, is the claim that it did. */
const LEADER = `
echo $$ > pid || exit 3
umask 022
ulimit -c 0
ulimit -f ${FILE_LIMIT_BLOCKS}
exec timeout -k ${GRACE_SECONDS} "$@"
`

/** What bash is told, so that a script of any length speaks of itself as \`bash: line 1\` and sees no descriptor of ours. */
export const SCRIPT_READER = 'eval "$(</dev/fd/3)" 3<&-'

/** Where and as whom a command runs. */
export interface CommandPlace {
  /** The folder of job records, by absolute path. Made when absent, but not the folder above it. */
  jobs: string
  /** The command's working folder, by absolute path. */
  folder: string
  /** All the variables that the command sees. */
  env: Record<string, string>
  /** A program with arguments that runs the rest of its arguments as another user; empty for none. */
  userSwitch: readonly string[]
}

/**
 * The arguments by which `sh` starts a key's command or attaches to it. What it prints is read by {@link parseAnswer}.
 * At most once in the life of `place.jobs` does a key's command run, whoever calls, and whoever of them is killed.
 */
export function runnerArguments(key: string, command: Command, place: CommandPlace): string[] {
  const variables = Object.entries(place.env).map(([name, value]) => `${name}=${value}`)
  const launch = ['env', '-i', '-C', place.folder, ...variables, 'bash', '-c', SCRIPT_READER]
  return [
    ...['-c', RUNNER, 'prchain', SUPERVISOR, LEADER, place.jobs, jobFolder(key), String(OUTPUT_LIMIT_BYTES)],
    ...[String(command.timeoutMs), (command.timeoutMs / 1000).toFixed(3), ...place.userSwitch, ...launch],
  ]
}

/** What the runner is sent on standard input: lengths, script and input. The stream need not end after it. */
export function runnerInput(command: Command): Buffer {
  const script = Buffer.from(command.script)
  const stdin = Buffer.from(command.stdin ?? '')
  return Buffer.concat([Buffer.from(`${script.length} ${stdin.length}\n`), script, stdin])
}

/** A runner's answer: `finished`; `lost` when the command's supervisor was killed; `none` when the runner was cut off. */
export type Answer = { status: 'finished'; outcome: CommandOutcome } | { status: 'lost' } | { status: 'none' }

/** Reads what the runner printed. */
export function parseAnswer(printed: Buffer): Answer {
  const end = printed.indexOf(10)
  const header = printed.subarray(0, Math.max(end, 0)).toString('latin1')
  if (header === 'lost') return { status: 'lost' }
  const fields = /^(\d+) ([01]) (\d+) (\d+) (\d+) (\d+)$/.exec(header)
  if (!fields) return { status: 'none' }
  const numbers = fields.slice(1).map(Number)
  const [exitCode = 0, isTimedOut = 0, sizeBytes = 0, keptBytes = 0, startedMs = 0, finishedMs = 0] = numbers
  const output = printed.subarray(end + 1)
  if (output.length !== keptBytes) return { status: 'none' }
  return {
    status: 'finished',
    outcome: {
      exitCode,
      isTimedOut: isTimedOut === 1,
      output,
      sizeBytes,
      leftRunning: [],
      startedAt: new Date(startedMs).toISOString(),
      finishedAt: new Date(finishedMs).toISOString(),
    },
  }
}

/** The folder name of a key's job: readable, different for different keys, never hidden, at most 200 bytes. */
export function jobFolder(key: string): string {
  const escape = (text: string) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  const name = key
    .toWellFormed()
    .replace(/^\.|[^A-Za-z0-9._/-]/gu, escape)
    .replaceAll('/', '+')
  if (name !== '' && name.length <= 200) return name
  return `${name.slice(0, 120)}~${createHash('sha256').update(key).digest('hex')}`
}
