#!/bin/sh
# Runs a part-agent inside a container as systemd does outside: restarts it at once and without limit (Docker's own
# restart waits longer after each failure, up to a minute), and lets the sentinel live after the agent's death. Without
# this, the end of the agent would end the container, and with it the sentinel before its emergency stop.
#
#   supervise-part COMMAND ARGUMENT...      the only work of its container
#
# SIGTERM, SIGINT: handed to the agent, whose exit code is then this one's. SIGHUP: handed on (reload).
set -u

# It signals every other process that it sees, so it must be alone in its PID namespace.
case "$(tr '\0' ' ' </proc/1/cmdline)" in
  *supervise-part*) ;;
  *) echo "supervise-part: PID 1 is something else: this runs only as the command of a container" >&2; exit 2 ;;
esac

restart_s=0.1  # as RestartSec= of vigil-part-agent@.service
linger_steps=100  # of 50 ms: 5 s, as TimeoutStopSec= there
stopping=
agent=

trap 'stopping=1; [ -z "$agent" ] || kill -TERM "$agent" 2>/dev/null' TERM INT
trap '[ -z "$agent" ] || kill -HUP "$agent" 2>/dev/null' HUP

# True while any process beside PID 1 and this shell lives. Read from /proc: the slim image has no ps.
others() {
  for stat in /proc/[0-9]*/stat; do
    pid=${stat#/proc/}
    pid=${pid%/stat}
    [ "$pid" = 1 ] || [ "$pid" = $$ ] && continue
    read -r line 2>/dev/null <"$stat" || continue
    case "${line##*) }" in Z* | X*) ;; *) return 0 ;; esac
  done
  return 1
}

# The sentinel outlives SIGTERM until its emergency stop is done; drivers end.
finish_others() {
  others || return 0
  kill -TERM -1 2>/dev/null
  steps=0
  while others && [ "$steps" -lt "$linger_steps" ]; do
    sleep 0.05
    steps=$((steps + 1))
  done
  kill -KILL -1 2>/dev/null
}

while :; do
  "$@" &
  agent=$!
  [ -z "$stopping" ] || kill -TERM "$agent" 2>/dev/null
  # A trapped signal ends `wait` early: the agent has ended only when it is gone.
  while :; do
    wait "$agent"
    code=$?
    kill -0 "$agent" 2>/dev/null || break
  done
  agent=
  finish_others
  [ -z "$stopping" ] || exit "$code"
  echo "supervise-part: agent ended with $code, restarting" >&2
  sleep "$restart_s"
done
