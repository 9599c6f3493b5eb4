/**
 * The dispatcher's functions that see and end processes, by builtins alone: no fork is to be had where an agent has used
 * up all processes. `isOurs` knows the dispatchers of these records and their forks by their owner and arguments.
 * `isLeft` is true for a living process of the command's scope: of a user; of the command's session or with `HOME`,
 * `TMPDIR` or working folder below a folder; or in whose file system a path is a certain folder. One whose first thread
 * has ended counts while others live. `sweep` stops
 * all of them until no new one appears, so that none forks while the others are killed, and kills until none is left. For
 * a command that ended by itself it first waits up to 100 ms for those that are about to end, then notes the names of at
 * most 20; of a mount's not that of the first process, which is the sandbox's own.
 *
 * A file of /proc is read to its end, at once. What bash has read of a file and not used it gives back by seeking, which
 * fails in those of a process that has ended meanwhile, and then bash takes it for the beginning of the next file.
 */
export const PROCESSES = `
look() {
  local line=
  { read -r -d '' line < "/proc/$1/stat"; } 2>/dev/null
  set -- \${line##*) }
  state=$1 parent=$2 session=$4 start=\${20}
  [ -n "$start" ]
}

isOurs() {
  local argv n
  [ -O "/proc/$1" ] || return 1
  { mapfile -d '' -n 12 argv < "/proc/$1/cmdline"; } 2>/dev/null
  for ((n = 3; n < \${#argv[@]} - 1; n++)); do
    [ "\${argv[n]%$'\\n'}" = prchain-dispatcher ] && [ "\${argv[n + 1]}" = "$jobs" ] && return
  done
  return 1
}

isLeft() {
  local status= uid tasks
  case $scope in
    user)
      { read -r -d '' status < "/proc/$1/status"; } 2>/dev/null
      state=\${status#*$'\\nState:\\t'} uid=\${status#*$'\\nUid:\\t'}
      state=\${state:0:1}
      [ "\${uid%%$'\\t'*}" = "$scopeArgument" ] || return 1
      ;;
    folder)
      look "$1" || return 1
      if [ "$session" != "$child" ]; then
        [ "$start" -ge "$born" ] && [ "$1" != "$me" ] && [ "$1" != "$timer" ] && isBelow "$1" && ! isOurs "$1" || return 1
      fi
      ;;
    mount)
      [ "/proc/$1/root\${scopeArgument%%:*}" -ef "\${scopeArgument#*:}" ] && look "$1" || return 1
      ;;
  esac
  [ "$state" = Z ] || return 0
  tasks=("/proc/$1/task/"[0-9]*)
  [ "\${#tasks[@]}" -gt 1 ]
}

isBelow() {
  local entry entries=() found=1
  { mapfile -d '' entries < "/proc/$1/environ"; } 2>/dev/null
  for entry in "\${entries[@]}"; do
    case $entry in
      "HOME=$scopeArgument/"* | "TMPDIR=$scopeArgument/"*) found=0 ;;
    esac
  done
  if [ "$found" = 1 ] && cd -P "/proc/$1/cwd" 2>/dev/null; then
    case $PWD in
      "$jobs" | "$jobs"/*) ;;
      "$scopeArgument" | "$scopeArgument"/*) found=0 ;;
    esac
    cd "$jobs"
  fi
  return $found
}

findLeft() {
  local entry
  left=()
  for entry in /proc/[0-9]*; do
    isLeft "\${entry#/proc/}" && left+=("\${entry#/proc/}")
  done
}

signalLeft() {
  local pid
  findLeft
  for pid in "\${left[@]}"; do kill "-$1" "$pid" 2>/dev/null; done
}

isChild() {
  look "$1" && [[ " \${left[*]} " = *" $parent "* ]]
}

sweep() {
  local pid name tries isNew=1
  local -A stopped=()
  names=
  findLeft
  if [ "$isTimedOut" = 0 ]; then
    for ((tries = 0; tries < 20 && \${#left[@]} > 0; tries++)); do
      pause 0.005
      findLeft
    done
    for pid in "\${left[@]:0:20}"; do
      name=
      [ "$scope" != mount ] || isChild "$pid" || continue
      { read -r -d '' name < "/proc/$pid/comm"; } 2>/dev/null
      [ -n "$name" ] || continue
      name=\${name//[^ -~]/?}
      name=\${name//,/?}
      names=$names\${names:+,}\${name:-?}
    done
  fi
  for ((tries = 0; tries < 500 && isNew == 1 && \${#left[@]} > 0; tries++)); do
    signalLeft STOP
    isNew=0
    for pid in "\${left[@]}"; do
      [ -n "\${stopped[$pid]}" ] || isNew=1
      stopped[$pid]=1
    done
  done
  while [ "\${#left[@]}" -gt 0 ]; do
    signalLeft KILL
    [ "\${#left[@]}" = 0 ] || pause 0.002
  done
}
`
