import { PROCESSES } from './channelSweep.ts'
import { TAKE_OVER } from './channelTakeOver.ts'

/** How long a command that was told to end at its timeout has before it is killed, in seconds. */
const GRACE_SECONDS = 2
/** How many files a process of a command may have open, where the host allows as many. */
const OPEN_FILES = 65_536

/**
 * The dispatcher: a bash script that runs commands in a sandbox for whoever holds the other end of its standard input
 * and output. It runs as the owner of the records, the agent as somebody else where that can be.
 *
 * Its arguments are made by `dispatcherArguments`, its requests and frames are those of `channel.ts`. Records stand in
 * the folder of jobs, per command:
 *
 * - `<job>.record`: lines, each one write. `run PID START MS`, the claim: the supervisor's process id and start, written
 *   before anything of the command runs. `timeout` when its time was over. `end CODE TIMEDOUT SIZE STARTED FINISHED
 *   LEFT`: it has ended, nothing of it runs any more, and its output is final. `forgot`: the output was given back.
 *   All of it fits the page that the first line took, so a full disk keeps no command from ending.
 * - `<job>.output`, `<job>.script`, `<job>.stdin`.
 *
 * One dispatcher at a time: a new one, when its turn has come, kills the one in the file `dispatcher`, takes the lock,
 * and ends every fork of earlier ones but the supervisor (and its children) whose claim stands and whose end does not.
 * It tells whoever holds the other end of the killed one, which that supervisor keeps open, by a frame `taken`. So when
 * it begins, a command without a claim runs nowhere and never will by another hand, and one with a claim is never
 * started again.
 *
 * Its descriptors: 4 is its output, which stands at 1 only while no file is written; 5 its turn, while it takes over; 6
 * a pipe on which a command waits until it may begin; 7 one that nobody writes to, for pauses; 8 the token of whoever
 * writes a frame; 9 the lock.
 *
 * What must work when the agent has used up all processes is done by builtins: timeouts, the sweep, the end's record.
 * Subshells share the dispatcher's command line, which is how they are known.
 */
export const DISPATCHER = `
LC_ALL=C
jobs=$1 scope=$2 scopeArgument=$3 limit=$4 textLimit=$5 fileBlocks=$6 prefix=$7
shift 7
umask 077
cd "$jobs" || exit 3
exec 4>&1 6<> <(:) 7<> <(:) 8<> <(:) 9>> lock || exit 3
printf t >&8
declare -A forked

pause() { read -r -t "$1" -u 7; }

clock() {
  local now=\${EPOCHREALTIME/[.,]/}
  if [ -n "$now" ]; then ms=\${now%???}; else printf -v ms '%(%s)T000' -1; fi
}

${PROCESSES}
readRecord() {
  local word rest
  status=none ran= ended= isTimedOut=0 isForgotten=0 supervisor=
  [ -e "./$1.record" ] || return 0
  while read -r word rest; do
    case $word in
      run) ran=$rest ;;
      timeout) isTimedOut=1 ;;
      end) ended=$rest ;;
      forgot) isForgotten=1 ;;
    esac
  done < "./$1.record"
  [ -n "$ran" ] || return 0
  status=ended
  [ -z "$ended" ] || return 0
  set -- $ran
  status=lost
  if look "$1" && [ "$start" = "$2" ] && [ "$state" != Z ]; then
    status=running supervisor=$1
  fi
}

countTime() {
  pause "$1"
  printf 'timeout\\n' >> "./$2.record"
  signalLeft TERM
  pause ${GRACE_SECONDS}
  kill -KILL "$child" 2>/dev/null
  signalLeft KILL
}

supervise() {
  local id=$1 job=$2 timeoutMs=$3 cwd=$4 stdin=$5 code size=0 startedMs seconds hold
  shift 5
  local me=$BASHPID child= timer= born
  look "$me"
  born=$start
  clock
  startedMs=$ms
  umask 0
  : > "./$job.output"
  umask 077
  if ! printf 'run %s %s %s\\n' "$me" "$born" "$startedMs" >> "./$job.record"; then
    say "$id full 0"
    return
  fi
  (
    read -r -u 6 hold
    exec 4>&- 6>&- 7>&- 8>&-
    printf 1000 > /proc/self/oom_score_adj
    ulimit -c 0
    ulimit -n ${OPEN_FILES} 2>/dev/null
    ulimit -f "$fileBlocks"
    umask 022
    exec setsid "\${@:1:prefix}" "$cwd" "\${@:prefix + 1}"
  ) 3< "./$job.script" < "$stdin" >> "./$job.output" 2>&1 &
  child=$!
  printf -v seconds '%d.%03d' $((timeoutMs / 1000)) $((timeoutMs % 1000))
  countTime "$seconds" "$job" 1>&- 4>&- &
  timer=$!
  printf '\\n' >&6
  wait "$child"
  code=$?
  kill -KILL "$timer"
  wait "$timer"
  readRecord "$job"
  sweep
  : > "./$job.script"
  [ "$stdin" = /dev/null ] || : > "$stdin"
  measure "$job"
  clock
  printf 'end %s %s %s %s %s %s\\n' "$code" "$isTimedOut" "$size" "$startedMs" "$ms" "$names" >> "./$job.record"
  answer "$id" "$job"
}

measure() {
  size=0
  text=
  [ -s "./$1.output" ] || return 0
  if IFS= read -r -d '' -n "$textLimit" text < "./$1.output"; then
    text=
    until size=$(stat -c %s "./$1.output"); do pause 0.1; done
  else
    size=\${#text}
  fi
}

frame() {
  read -r -t 60 -N 1 -u 8 || exit 3
  printf '%s\\n' "$*"
}

release() {
  printf '\\n'
  printf t >&8
}

answer() {
  local id=$1 job=$2 kept
  readRecord "$job"
  set -- $ended
  size=$3 kept=$3
  if [ "$isForgotten" = 1 ] || [ "$size" = 0 ]; then
    frame "$id ended 0 $ended"
  elif [ "$size" -lt "$textLimit" ] && ! IFS= read -r -d '' -n "$textLimit" text < "./$job.output"; then
    frame "$id ended \${#text} $ended"
    printf %s "$text"
  elif [ "$size" -le "$limit" ]; then
    frame "$id ended $size $ended"
    cat "./$job.output"
  else
    frame "$id ended $((limit / 2 * 2)) $ended"
    head -c "$((limit / 2))" "./$job.output"
    tail -c "$((limit / 2))" "./$job.output"
  fi
  release
}

attend() {
  readRecord "$2"
  while [ "$status" = running ] || { [ "$status" = none ] && kill -0 "\${forked[$2]}"; }; do
    pause 0.01
    readRecord "$2"
  done
  if [ "$status" = ended ]; then answer "$1" "$2"; else say "$1 $status 0"; fi
}

say() {
  frame "$@"
  release
}

readOut() {
  readRecord "$2"
  if [ "$status" != ended ] || [ "$isForgotten" = 1 ]; then
    say "$1 absent 0"
    return
  fi
  set -- "$1" "$2" $ended
  if [ "$5" -gt "$limit" ]; then
    say "$1 large 0 $5"
  else
    frame "$1 bytes $5"
    [ "$5" = 0 ] || cat "./$2.output"
    release
  fi
}

readPath() {
  local id=$1 limitBytes=$2 path=$3 tries code size
  shift 3
  for ((tries = 0; tries < 50; tries++)); do
    "\${@:1:prefix}" / "PATH=$PATH" bash -c '[ -f "$1" ] || exit 4; exec timeout 60 head -c "$2" -- "$1"' prchain "$path" "$limitBytes" < /dev/null > "./.read-$id" 2>/dev/null 4>&- 6>&- 7>&- 8>&-
    code=$?
    [ "$code" -gt 128 ] || break
    pause 0.01
  done
  size=$(stat -c %s "./.read-$id")
  case $code in
    0)
      frame "$id bytes $size"
      [ "$size" = 0 ] || cat "./.read-$id"
      release
      ;;
    1 | 4) say "$id absent 0" ;;
    *) say "$id failed 0 $code" ;;
  esac
  rm -f "./.read-$id"
}

receive() {
  text=
  if [ "$1" = text ]; then
    [ "$2" = 0 ] || IFS= read -r -N "$2" text || exit 0
    [ "$3" = - ] || printf %s "$text" > "$3"
  elif [ "$3" = - ]; then
    head -c "$2" > /dev/null 9>&-
  else
    head -c "$2" > "$3" 9>&-
    [ "$(stat -c %s "$3" 9>&-)" = "$2" ] || exit 3
  fi
}

${TAKE_OVER}
takeOver
say "0 hello 0 $active"

while read -r id verb job timeoutMs cwdBytes scriptKind scriptBytes stdinKind stdinBytes; do
  case $verb in
    exec)
      readRecord "$job"
      [ "$status" = none ] && [ -n "\${forked[$job]}" ] && kill -0 "\${forked[$job]}" 2>/dev/null && status=running
      if [ "$status" != none ]; then
        receive text "$cwdBytes" -
        receive "$scriptKind" "$scriptBytes" -
        receive "$stdinKind" "$stdinBytes" -
        case $status in
          lost) say "$id lost 0" ;;
          *) attend "$id" "$job" < /dev/null 2>/dev/null 9>&- & ;;
        esac
        continue
      fi
      umask 022
      receive text "$cwdBytes" -
      cwd=$text stdin=/dev/null isKept=1
      receive "$scriptKind" "$scriptBytes" "./$job.script" || isKept=0
      if [ "$stdinBytes" != 0 ]; then
        stdin=./$job.stdin
        receive "$stdinKind" "$stdinBytes" "$stdin" || isKept=0
      fi
      umask 077
      if [ "$isKept" = 1 ] && printf '%-250s\\n' "$job" 1<> active; then
        supervise "$id" "$job" "$timeoutMs" "$cwd" "$stdin" "$@" < /dev/null 2>/dev/null 9>&- &
        forked[$job]=$!
      else
        say "$id full 0"
      fi
      ;;
    wait) attend "$id" "$job" < /dev/null 2>/dev/null 9>&- & ;;
    output) readOut "$id" "$job" < /dev/null 2>/dev/null 9>&- & ;;
    forget)
      readRecord "$job"
      if [ "$status" = ended ] && [ "$isForgotten" = 0 ]; then
        printf 'forgot\\n' >> "./$job.record"
        : > "./$job.output"
      fi
      say "$id forgot 0"
      ;;
    read)
      receive text "$timeoutMs" -
      readPath "$id" "$job" "$text" "$@" 2>/dev/null 9>&- &
      ;;
    *) exit 3 ;;
  esac
done
`
