/**
 * How a dispatcher waits for its turn to take over, by a bash script before it: of those that want to, one does at a
 * time, for as long as it holds the lock of the file `queue`. Else one that stops the others to look at them could be
 * killed by one of them, and they would be stopped for ever, perhaps with its lock. Those that wait are therefore no
 * dispatchers yet, by their arguments. One whose caller has gone meanwhile, so that its input has ended, ends here.
 * Its arguments are the folder of jobs, the dispatcher's script, and the dispatcher's further arguments.
 */
export const QUEUE = `
umask 077
[ -d "$1" ] || mkdir -p "$1" || exit 3
exec 5>> "$1/queue" || exit 3
flock 5 || exit 3
read -r -t 0 && exit
exec bash -c "$2" prchain-dispatcher "$1" "\${@:3}"
`

/**
 * The dispatcher's function that makes it the only one, in its turn by {@link QUEUE}: kills the one in the file
 * `dispatcher` until the lock is free, after a frame `taken` to whoever holds the other end of that one (by a fork that
 * is waited for a little, since perhaps nobody reads there, and with that one's token, so that it comes between two
 * frames), and sets `active` to the command that runs, or `-`. Then it ends every fork of earlier ones. They are
 * stopped first and looked at then, so that none of them can claim its command between the look and the kill: the
 * supervisor whose claim stands and whose end does not goes on, with its children; the rest is killed.
 */
export const TAKE_OVER = `
takeOver() {
  local pid was tries entry strays=() kept=
  until flock -n 9; do
    pid= was=
    { read -r pid was < dispatcher; } 2>/dev/null
    if [ -n "$pid" ] && look "$pid" && [ "$start" = "$was" ] && [ "$state" != Z ]; then
      { { read -r -t 0.2 -N 1 -u 3 && printf '0 taken 0\\n\\n' && printf t >&3; } 5>&- 9>&- & } 3<> "/proc/$pid/fd/8" 1<> "/proc/$pid/fd/4"
      for ((tries = 0; tries < 200; tries++)); do
        kill -0 $! || break
        pause 0.002
      done
      kill -KILL "$pid"
    fi
    pause 0.005
  done
  look $$ || exit 3
  printf '%-10s %-20s\\n' $$ "$start" 1<> dispatcher || exit 3
  for entry in /proc/[0-9]*; do
    pid=\${entry#/proc/}
    [ "$pid" != $$ ] && isOurs "$pid" && kill -STOP "$pid" && strays+=("$pid")
  done
  for pid in "\${strays[@]}"; do
    while look "$pid" && [[ $state != [TtZX] ]]; do pause 0.001; done
  done
  active=-
  { read -r active < active; } 2>/dev/null
  readRecord "$active"
  [ "$status" = running ] || active=-
  kept=$supervisor
  for pid in "\${strays[@]}"; do
    look "$pid" || continue
    if [ -n "$kept" ] && { [ "$pid" = "$kept" ] || [ "$parent" = "$kept" ]; }; then continue; fi
    kill -KILL "$pid"
  done
  for pid in "\${strays[@]}"; do kill -CONT "$pid"; done
  exec 5>&-
} 2>/dev/null
`
