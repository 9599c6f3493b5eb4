/**
 * The dispatcher's function that makes it the only one: kills the one in the file `dispatcher` until the lock is free,
 * after a frame `taken` to whoever holds the other end of that one (by a fork that is waited for a little, since perhaps
 * nobody reads there, and with that one's token, so that it comes between two frames), and sets `active` to the command that runs, or `-`. Then it ends every fork of earlier ones. They are stopped
 * first and looked at then, so that none of them can claim its command between the look and the kill: the supervisor
 * whose claim stands and whose end does not goes on, with its children; the rest is killed.
 */
export const TAKE_OVER = `
takeOver() {
  local pid was tries entry strays=() kept=
  until flock -n 9; do
    pid= was=
    { read -r pid was < dispatcher; } 2>/dev/null
    if [ -n "$pid" ] && look "$pid" && [ "$start" = "$was" ] && [ "$state" != Z ]; then
      { { read -r -t 0.2 -N 1 -u 4 && printf '0 taken 0\\n\\n' >&5 && printf t >&4; } 9>&- & } 4<> "/proc/$pid/fd/8" 5<> "/proc/$pid/fd/1"
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
} 2>/dev/null
`
